import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtrain.tasks.temporal_order import (
    KIND,
    LABELS,
    TOKENS,
    TemporalOrderData,
    make,
)

MANY = 20_000
seeds = st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=2)


@given(st.integers(5, 40), seeds)
def test_temporal_order_wants_the_two_marks_as_they_come(length, seed):
    inputs, targets = make(9, length, np.random.default_rng(seed))
    tokens = np.array(["", "[unk]", *TOKENS])
    assert inputs.shape == (9, length)
    for row, target in zip(tokens[inputs], targets, strict=True):
        first, second = np.flatnonzero(np.isin(row, ["X", "Y"]))
        assert 0.1 * length <= first <= 0.2 * length + 1e-9
        assert 0.5 * length <= second <= 0.6 * length + 1e-9
        assert row[first] + row[second] == LABELS[target]
        assert set(np.delete(row, [first, second])) <= set("abcd")


def test_every_place_is_drawn(rng):
    inputs, _ = make(200, 20, rng)
    places = np.nonzero(inputs >= 6)[1]
    assert set(places) == {2, 3, 4, 10, 11, 12}


def test_the_classes_of_temporal_order_are_even_and_counting_finds_three_in_four(rng):
    inputs, targets = make(MANY, 20, rng)
    shares = np.bincount(targets) / MANY
    chance = KIND.chance(TemporalOrderData(length=20))
    np.testing.assert_allclose(shares, chance["accuracy"], atol=0.01)
    assert chance["loss"] == pytest.approx(-np.log(shares[targets]).mean(), 0.01)
    ys = (inputs == 2 + TOKENS.index("Y")).sum(axis=1)
    assert np.mean(np.array([0, 1, 3])[ys] == targets) == pytest.approx(0.75, abs=0.01)
