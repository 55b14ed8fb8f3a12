import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtrain.tasks.copying import KIND, LABELS, TOKENS, CopyData, make

seeds = st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=2)


@given(st.integers(1, 40), seeds)
def test_copy_wants_ten_symbols_again_after_the_mark(length, seed):
    inputs, targets = make(9, length, np.random.default_rng(seed))
    read = np.array(["", "[unk]", *TOKENS])[inputs]
    wanted = np.array(LABELS)[targets]
    assert read.shape == wanted.shape == (9, length + 20)
    np.testing.assert_array_equal(read[:, :10], wanted[:, -10:])
    assert set(read[:, :10].ravel()) <= set("12345678")
    assert set(read[:, 10 : length + 9].ravel()) <= {"_"}
    assert set(read[:, length + 9]) == {"?"}
    assert set(read[:, length + 10 :].ravel()) == {"_"}
    assert set(wanted[:, :-10].ravel()) == {"_"}


def test_every_symbol_is_drawn(rng):
    inputs, _ = make(200, 5, rng)
    assert set(inputs[:, :10].ravel()) == set(range(3, 11))


def test_without_memory_copy_gets_the_blanks_and_one_symbol_in_eight(rng):
    _, targets = make(20_000, 20, rng)
    probabilities = np.zeros((40, 9))
    probabilities[:30, 0] = 1
    probabilities[30:, 1:] = 1 / 8
    loss = -np.log(probabilities[np.arange(40), targets]).mean()
    chance = KIND.chance(CopyData(length=20))
    assert chance["loss"] == pytest.approx(loss)
    assert np.mean(targets[:, 30:] == 3) == pytest.approx(chance["accuracy"], rel=0.05)
