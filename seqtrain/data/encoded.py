"""Encoded examples, and the data that a model is trained and tested on."""

import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from .vocabulary import Vocabulary


class Encoded(NamedTuple):
    """Examples as slices of flat arrays, in memory or memory-mapped.

    The inputs of example i are `inputs[starts[i] : starts[i] + lengths[i]]`. Slices may
    overlap, like the windows of a time series.

    Args:
        inputs: All timesteps in one array: token ids `(timesteps,)`, int32, or numbers
            `(timesteps, features)`, float32.
        starts: Where each example begins, `(examples,)`, int64.
        lengths: Timesteps of each example, `(examples,)`, int64.
        targets: For each example a class `(examples,)`, int32, a value `(examples,)` or
            a vector `(examples, size)`, float32; or for each timestep a class
            `(timesteps,)`, int32, beside `inputs`. A class of -1 is unknown. None if
            there are no targets.
        per_step: Whether there is a target for each timestep.
    """

    inputs: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    targets: np.ndarray | None = None
    per_step: bool = False

    @classmethod
    def joined(
        cls,
        inputs: np.ndarray,
        lengths: np.ndarray,
        targets: np.ndarray | None,
        per_step: bool = False,
    ) -> "Encoded":
        """Make examples that follow each other without a gap.

        Example:
            >>> ids = np.array([7, 8, 9], np.int32)
            >>> Encoded.joined(ids, np.array([2, 0, 1]), None).starts.tolist()
            [0, 2, 2]
        """
        return cls(inputs, np.cumsum(lengths) - lengths, lengths, targets, per_step)

    @property
    def examples(self) -> int:
        """The number of examples."""
        return len(self.lengths)

    def inputs_of(self, index: int) -> np.ndarray:
        """Return the inputs of one example, `(timesteps,)` or with features."""
        start = self.starts[index]
        return self.inputs[start : start + self.lengths[index]]

    def targets_of(self, index: int) -> np.ndarray:
        """Return the target of one example, or those of its timesteps."""
        if not self.per_step:
            return self.targets[index]
        start = self.starts[index]
        return self.targets[start : start + self.lengths[index]]


class Report(Protocol):
    """A description of the data, which `train` and `check` print.

    Args:
        warnings: What is probably not as it was meant, with the remedy.
    """

    warnings: Sequence[str]

    def text(self) -> str:
        """Return aligned lines of at most 80 columns."""


class Data(NamedTuple):
    """The data that a model is trained and tested on.

    Args:
        train: The examples to learn from.
        validation: The examples that decide which epoch is the best.
        test: The examples for the final evaluation, if any.
        vocab: The vocabulary, made from the training part.
        labels: The names of the classes by index; empty if the targets are values.
        buckets: The lengths that batches are padded to, ascending.
        report: A description of the data.
        files: The sha256 of every data file, by path.
    """

    train: Encoded
    validation: Encoded
    test: Encoded | None
    vocab: Vocabulary
    labels: list[str]
    buckets: list[int]
    report: Report
    files: dict[str, str]

    @property
    def training_buckets(self) -> list[int]:
        """The buckets up to that of the longest training example."""
        longest = max(self.train.lengths, default=0)
        return self.buckets[: 1 + int(np.searchsorted(self.buckets, longest))]

    def digest(self) -> str:
        """Return a sha256 of everything that training depends on."""
        total = hashlib.sha256(self.vocab.to_bytes())
        total.update(json.dumps(self.labels).encode())
        for part in (self.train, self.validation):
            for array in _digested(part):
                total.update(np.ascontiguousarray(array))
        return total.hexdigest()


def _digested(part: Encoded) -> list[np.ndarray]:
    """The arrays that identify the examples."""
    ends = part.starts + part.lengths
    # Without gaps, the starts and the end of the last example imply the lengths. They
    # are left out then, as the digests in existing runs were made without them.
    end = np.array([len(part.inputs)], np.int64)
    arrays = [part.inputs, part.starts, end]
    if not np.array_equal(ends, [*part.starts[1:], *end][: part.examples]):
        arrays.append(part.lengths)
    return arrays if part.targets is None else [*arrays, part.targets]
