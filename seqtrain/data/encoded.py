"""Examples as numbers."""

import hashlib
import json
from typing import NamedTuple, Protocol

import numpy as np

from .vocabulary import Vocabulary


class Encoded(NamedTuple):
    """Examples as pieces of flat arrays, in memory or mapped from a file.

    Example i reads `inputs[starts[i] : starts[i] + lengths[i]]`. Pieces may overlap, as
    the windows of a series do.

    Args:
        inputs: Of all timesteps one after the other: token ids `(timesteps,)`, int32,
            or numbers `(timesteps, features)`, float32.
        starts: Where each example begins, `(examples,)`, int64.
        lengths: How many timesteps it has, `(examples,)`, int64.
        targets: What is wanted of each example: a class `(examples,)`, int32, a value
            `(examples,)` or a vector `(examples, size)`, float32. Or of each timestep,
            in the places of `inputs`. A class of -1 is none. None: nothing is wanted.
        per_step: Whether the targets are those of the timesteps.
    """

    inputs: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    targets: np.ndarray | None = None
    per_step: bool = False

    @classmethod
    def joined(cls, inputs: np.ndarray, lengths: np.ndarray, targets, **rest):
        """Examples that stand one after the other, without a gap.

        Example:
            >>> ids = np.array([7, 8, 9], np.int32)
            >>> Encoded.joined(ids, np.array([2, 0, 1]), None).starts.tolist()
            [0, 2, 2]
        """
        return cls(inputs, np.cumsum(lengths) - lengths, lengths, targets, **rest)

    @property
    def examples(self) -> int:
        """How many there are."""
        return len(self.lengths)

    def inputs_of(self, index: int) -> np.ndarray:
        """Return what one example reads."""
        start = self.starts[index]
        return self.inputs[start : start + self.lengths[index]]

    def targets_of(self, index: int) -> np.ndarray:
        """Return what is wanted of one example, or of each of its timesteps."""
        if not self.per_step:
            return self.targets[index]
        start = self.starts[index]
        return self.targets[start : start + self.lengths[index]]


class Report(Protocol):
    """What the data of a kind holds, as `train` and `check` print it."""

    def text(self) -> str:
        """Return aligned lines of at most 80 columns."""


class Data(NamedTuple):
    """All that a model is trained and tested on.

    Args:
        train: What it learns from.
        validation: What decides when it is best.
        test: What is kept for the end, if there is any.
        vocab: The tokens of the training part.
        labels: The classes, by index.
        buckets: The lengths that batches are padded to, ascending.
        report: What the data holds.
        files: The sha256 of every data file.
    """

    train: Encoded
    validation: Encoded
    test: Encoded | None
    vocab: Vocabulary
    labels: list[str]
    buckets: list[int]
    report: Report
    files: dict[str, str]

    def digest(self) -> str:
        """Return a sha256 of all that a training sees of it."""
        total = hashlib.sha256(self.vocab.to_bytes())
        total.update(json.dumps(self.labels).encode())
        for part in (self.train, self.validation):
            for array in _digested(part):
                total.update(np.ascontiguousarray(array))
        return total.hexdigest()


def _digested(part: Encoded) -> list[np.ndarray]:
    """The arrays that tell examples from others."""
    ends = part.starts + part.lengths
    # Without gaps the starts and the last end tell the lengths. Runs know this digest:
    # it can't become another.
    end = np.array([len(part.inputs)], np.int64)
    arrays = [part.inputs, part.starts, end]
    if not np.array_equal(ends, [*part.starts[1:], *end][: part.examples]):
        arrays.append(part.lengths)
    return arrays if part.targets is None else [*arrays, part.targets]
