import hashlib
import json

import numpy as np
import pytest

from seqtrain.data.encoded import Data, Encoded
from seqtrain.data.vocabulary import Vocabulary
from seqtrain.tasks import load_data
from seqtrain.tasks.adding import AddingData
from seqtrain.tasks.copying import CopyData
from seqtrain.tasks.temporal_order import TemporalOrderData
from seqtrain.tasks.texts import GeneratedData

pytestmark = pytest.mark.usefixtures("own_cache")
COUNT = {"examples": 60, "test_examples": 9}


def windows(**changes):
    """Windows of three timesteps; two overlap, and the last timestep is in none."""
    fields = {
        "inputs": np.arange(10, 20, dtype=np.int32),
        "starts": np.array([0, 2, 6]),
        "lengths": np.array([3, 3, 3]),
        "targets": np.array([1, 0, 1], np.int32),
    }
    return Encoded(**fields | changes)


def data_of(train, validation):
    vocab = Vocabulary(["", "[unk]", "a"])
    return Data(train, validation, None, vocab, ["x", "y"], [3], None, {})


def test_an_example_is_a_piece_of_the_inputs():
    examples = windows()
    assert examples.examples == 3
    assert [examples.inputs_of(i).tolist() for i in range(3)] == [
        [10, 11, 12],
        [12, 13, 14],
        [16, 17, 18],
    ]
    assert [examples.targets_of(i) for i in range(3)] == [1, 0, 1]


def test_targets_of_timesteps_lie_beside_the_inputs():
    examples = windows(targets=np.arange(20, 30), per_step=True)
    assert examples.targets_of(1).tolist() == [22, 23, 24]
    ragged = examples._replace(lengths=np.array([0, 1, 4]))
    assert [ragged.targets_of(i).tolist() for i in range(3)] == [
        [],
        [22],
        [26, 27, 28, 29],
    ]


def test_a_target_may_be_a_vector():
    examples = windows(targets=np.array([[1.0, 2], [3, 4], [5, 6]]))
    assert examples.targets_of(2).tolist() == [5, 6]


def test_pieces_are_not_copied():
    examples = windows()
    assert np.shares_memory(examples.inputs_of(1), examples.inputs)
    joined = Encoded.joined(examples.inputs, np.array([4, 6]), None)
    assert joined.inputs is examples.inputs
    assert joined.starts.tolist() == [0, 4]
    assert joined.starts.dtype == np.int64


def old_digest(data):
    """As runs of versions know it whose examples had no gaps and one end each."""
    total = hashlib.sha256()
    total.update("".join(f"{token}\n" for token in data.vocab.tokens).encode())
    total.update(json.dumps(data.labels).encode())
    for part in (data.train, data.validation):
        offsets = np.concatenate([[0], np.cumsum(part.lengths)]).astype(np.int64)
        for array in (part.inputs, offsets, part.targets):
            total.update(array.tobytes())
    return total.hexdigest()


@pytest.mark.parametrize(
    "section",
    [
        GeneratedData(**COUNT),
        CopyData(length=4, **COUNT),
        AddingData(length=6, **COUNT),
        TemporalOrderData(length=8, **COUNT),
    ],
    ids=lambda section: section.task,
)
def test_the_digest_is_the_one_that_older_runs_know(section):
    data = load_data(section, seed=1)
    assert data.digest() == old_digest(data)


def test_the_digest_of_texts_without_a_token_is_that_of_older_runs(rng):
    lengths = np.array([0, 3, 0, 0, 2, 0])
    part = Encoded.joined(
        rng.integers(0, 9, 5, np.int32), lengths, np.zeros(6, np.int32)
    )
    data = data_of(part, part)
    assert data.digest() == old_digest(data)


CHANGES = {
    "an input": {"inputs": np.arange(11, 21, dtype=np.int32)},
    "a start": {"starts": np.array([0, 3, 6])},
    "a length": {"lengths": np.array([3, 3, 2])},
    "another length": {"lengths": np.array([2, 3, 3])},
    "the last length": {"lengths": np.array([3, 3, 4])},
    "a target": {"targets": np.array([1, 1, 1], np.int32)},
    "no targets": {"targets": None},
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_digest_tells_any_other_examples(change):
    plain, changed = windows(), windows(**CHANGES[change])
    found = {
        data_of(*parts).digest()
        for parts in [(plain, plain), (changed, plain), (plain, changed)]
    }
    assert len(found) == 3


def test_the_digest_is_that_of_arrays_mapped_from_a_file(tmp_path):
    plain = windows()
    np.save(tmp_path / "inputs.npy", plain.inputs)
    mapped = plain._replace(inputs=np.load(tmp_path / "inputs.npy", mmap_mode="r"))
    assert data_of(mapped, plain).digest() == data_of(plain, plain).digest()
