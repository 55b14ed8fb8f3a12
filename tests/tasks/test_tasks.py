import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqtrain.tasks.report import format_report
from seqtrain.tasks.tasks import TEXTS, find_task, generate_task

from seqtrain.tasks import load_data
from seqtrain.tasks.texts import GeneratedData

NAMES = ("adding", "copy", "temporal_order")
MANY = 20_000
seeds = st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=2)


def section(task, **fields):
    return GeneratedData.model_validate({"task": task, "length": 20, **fields})


@given(st.integers(2, 40), seeds)
def test_adding_marks_a_number_in_each_half_and_wants_their_sum(length, seed):
    inputs, targets = generate_task("adding", 9, length, seed)
    values, marks = np.moveaxis(inputs, -1, 0)
    assert inputs.shape == (9, length, 2)
    assert inputs.dtype == targets.dtype == np.float32
    assert values.min() >= 0
    assert values.max() < 1
    assert set(marks.ravel()) <= {0, 1}
    half = length // 2
    np.testing.assert_array_equal(marks[:, :half].sum(axis=1), 1)
    np.testing.assert_array_equal(marks[:, half:].sum(axis=1), 1)
    np.testing.assert_allclose((values * marks).sum(axis=1), targets, rtol=1e-6)


@given(st.integers(1, 40), seeds)
def test_copy_wants_ten_symbols_again_after_the_mark(length, seed):
    inputs, targets = generate_task("copy", 9, length, seed)
    task = find_task(section("copy"))
    read = np.array(task.tokens)[inputs]
    wanted = np.array(task.labels)[targets]
    assert read.shape == wanted.shape == (9, length + 20)
    np.testing.assert_array_equal(read[:, :10], wanted[:, -10:])
    assert set(read[:, :10].ravel()) <= set("12345678")
    assert set(read[:, 10 : length + 9].ravel()) <= {"_"}
    assert set(read[:, length + 9]) == {"?"}
    assert set(read[:, length + 10 :].ravel()) == {"_"}
    assert set(wanted[:, :-10].ravel()) == {"_"}


@given(st.integers(5, 40), seeds)
def test_temporal_order_wants_the_two_marks_as_they_come(length, seed):
    inputs, targets = generate_task("temporal_order", 9, length, seed)
    task = find_task(section("temporal_order"))
    assert inputs.shape == (9, length)
    for row, target in zip(np.array(task.tokens)[inputs], targets, strict=True):
        first, second = np.flatnonzero(np.isin(row, ["X", "Y"]))
        assert 0.1 * length <= first <= 0.2 * length + 1e-9
        assert 0.5 * length <= second <= 0.6 * length + 1e-9
        assert row[first] + row[second] == task.labels[target]
        assert set(np.delete(row, [first, second])) <= set("abcd")


def test_every_symbol_and_place_is_drawn():
    inputs, _ = generate_task("copy", 200, 5, [0, 0])
    assert set(inputs[:, :10].ravel()) == set(range(3, 11))
    inputs, _ = generate_task("temporal_order", 200, 20, [0, 0])
    places = np.nonzero(inputs >= 6)[1]
    assert set(places) == {2, 3, 4, 10, 11, 12}
    inputs, _ = generate_task("adding", 200, 7, [0, 0])
    assert set(np.nonzero(inputs[..., 1])[1]) == set(range(7))


def test_without_memory_the_error_of_adding_is_a_sixth():
    _, targets = generate_task("adding", MANY, 10, [0, 0])
    chance = find_task(section("adding")).chance
    assert targets.mean() == pytest.approx(1, abs=0.01)
    assert np.mean((targets - 1) ** 2) == pytest.approx(chance["loss"], rel=0.05)


def test_without_memory_copy_gets_the_blanks_and_one_symbol_in_eight():
    _, targets = generate_task("copy", MANY, 20, [0, 0])
    probabilities = np.zeros((40, 9))
    probabilities[:30, 0] = 1
    probabilities[30:, 1:] = 1 / 8
    loss = -np.log(probabilities[np.arange(40), targets]).mean()
    chance = find_task(section("copy")).chance
    assert chance["loss"] == pytest.approx(loss)
    assert np.mean(targets[:, 30:] == 3) == pytest.approx(chance["accuracy"], rel=0.05)


def test_the_classes_of_temporal_order_are_even_and_counting_finds_three_in_four():
    inputs, targets = generate_task("temporal_order", MANY, 20, [0, 0])
    shares = np.bincount(targets) / MANY
    task = find_task(section("temporal_order"))
    np.testing.assert_allclose(shares, task.chance["accuracy"], atol=0.01)
    assert task.chance["loss"] == pytest.approx(-np.log(shares[targets]).mean(), 0.01)
    ys = (inputs == task.tokens.index("Y")).sum(axis=1)
    assert np.mean(np.array([0, 1, 3])[ys] == targets) == pytest.approx(0.75, abs=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_makes_the_same_data_and_no_part_repeats_another(
    name, tmp_path, monkeypatch
):
    monkeypatch.setenv("SEQTRAIN_CACHE", str(tmp_path))
    config = section(name, examples=50, test_examples=9, validation=0.2)
    data = load_data(config, seed=3)
    assert load_data(config, seed=3).digest() == data.digest()
    assert load_data(config, seed=4).digest() != data.digest()
    parts = data.train, data.validation, data.test
    assert [len(part.labels) for part in parts] == [40, 10, 9]
    texts = [part.tokens[a:b].tobytes() for part in parts for a, b in spans(part)]
    assert len(set(texts)) == 59
    assert set(data.train.lengths) == {config.max_length}
    assert not [*tmp_path.iterdir()]  # it is made faster than read


@pytest.mark.parametrize(("share", "judged"), [(0.01, 1), (0.99, 2)])
def test_something_is_left_to_learn_from_and_to_judge_by(share, judged):
    data = load_data(section("adding", examples=3, validation=share), seed=0)
    assert (len(data.train.labels), len(data.validation.labels)) == (3 - judged, judged)


def spans(encoded):
    return zip(encoded.offsets[:-1], encoded.offsets[1:], strict=True)


def test_the_report_says_what_is_reached_without_memory():
    config = section("copy", examples=5000, test_examples=10)
    assert format_report(load_data(config, seed=0).report).splitlines() == [
        "copy                             training       validation             test",
        "examples                            4,500              500               10",
        "40 timesteps each",
        f"without memory: loss {10 * math.log(8) / 40:.4f}, accuracy 0.1250",
    ]


def test_reviews_are_texts_as_those_of_any_source():
    assert find_task(GeneratedData()) == TEXTS
    assert TEXTS.chance == {}
