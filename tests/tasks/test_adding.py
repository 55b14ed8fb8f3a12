import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtrain.tasks.adding import KIND, AddingData, make

seeds = st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=2)


@given(st.integers(2, 40), seeds)
def test_adding_marks_a_number_in_each_half_and_wants_their_sum(length, seed):
    inputs, targets = make(9, length, np.random.default_rng(seed))
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


def test_every_place_is_marked(rng):
    inputs, _ = make(200, 7, rng)
    assert set(np.nonzero(inputs[..., 1])[1]) == set(range(7))


def test_without_memory_the_error_of_adding_is_a_sixth(rng):
    _, targets = make(20_000, 10, rng)
    chance = KIND.chance(AddingData())
    assert targets.mean() == pytest.approx(1, abs=0.01)
    assert np.mean((targets - 1) ** 2) == pytest.approx(chance["loss"], rel=0.05)
    assert chance["loss"] == pytest.approx(1 / 6)
