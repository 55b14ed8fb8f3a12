"""Labelled texts in their splits."""

import hashlib
import json
import os
from collections.abc import Collection
from itertools import compress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...errors import DataError
from .examples import Examples
from .folders import class_files
from .streams import digest_file, digest_files


class Source(NamedTuple):
    """The examples of every split, and what is known about them.

    `best_accuracy` is what no classifier can beat on average, where that is known.
    """

    train: Examples
    validation: Examples
    test: Examples | None
    best_accuracy: float | None = None

    @property
    def skipped_rows(self) -> list[str]:
        """The first rows that were left out of each split, as `file:line: why`."""
        return [row for split in self._splits for row in split.skipped_rows]

    @property
    def skipped(self) -> int:
        """How many rows were left out."""
        return sum(split.skipped for split in self._splits)

    @property
    def notes(self) -> list[str]:
        """What else was found in the splits."""
        return [note for split in self._splits for note in split.notes]

    @property
    def _splits(self) -> list[Examples]:
        splits = (self.train, self.validation, self.test)
        return [split for split in splits if split is not None]


def split(examples: Examples, share: float, seed: int) -> tuple[Examples, Examples]:
    """Draw a share of every class, and return what is left and what is drawn.

    At least one example of a class is drawn and at least one is left; both
    parts keep the order.

    Raises:
        DataError: If there is nothing to draw, as no class has two examples.
    """
    rng = np.random.default_rng(seed)
    labels = np.array(examples.labels)
    drawn = np.zeros(len(labels), bool)
    for name in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == name))
        count = max(1, round(share * len(members)))
        drawn[members[: min(count, len(members) - 1)]] = True
    if not drawn.any():
        raise DataError(
            "no class has two examples, nothing can be drawn for validation",
            hint="give more training data, or a file as data.validation",
        )
    left = _chosen(examples, ~drawn)._replace(
        skipped_rows=examples.skipped_rows,
        skipped=examples.skipped,
        notes=examples.notes,
    )
    return left, _chosen(examples, drawn)


def _chosen(examples: Examples, mask: np.ndarray) -> Examples:
    texts = compress(examples.texts, mask)
    return Examples(list(texts), list(compress(examples.labels, mask)))


def digest_examples(path: Path, classes: Collection[str] | None = None) -> str:
    """Return the sha256 of a file, or of what lies in a folder of classes."""
    if not os.path.isdir(path):
        return digest_file(path)
    files = class_files(path, classes)
    texts = digest_files(path, [file.path for file in files if not file.problem])
    others = [[str(file.path), file.problem] for file in files if file.problem]
    if not others:
        return texts
    return hashlib.sha256(f"{texts}{json.dumps(others)}".encode()).hexdigest()
