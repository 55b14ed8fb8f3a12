"""Where the examples of a config come from, and a key to what they hold."""

import hashlib
import json
import os
from functools import partial
from itertools import compress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...config import DataConfig, FilesData, GeneratedData
from ...errors import DataError, shown
from .examples import Examples
from .files import class_files, read_examples
from .generated import generate
from .imdb import imdb_files, read_imdb
from .streams import digest_file, digest_files

# The settings that decide which examples there are.
_SETTINGS = {
    "imdb": ("path", "validation"),
    "files": ("train", "validation", "test", "text", "label", "bad_rows"),
    "generated": (
        "examples",
        "test_examples",
        "validation",
        "length",
        "distance",
        "noise",
    ),
}


class Source(NamedTuple):
    """The examples of every split, and what is known about them.

    `files` has the sha256 of each data file or folder. `best_accuracy` is what
    no classifier can beat on average, where that is known.
    """

    train: Examples
    validation: Examples
    test: Examples | None
    files: dict[str, str]
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
    def _splits(self) -> list[Examples]:
        splits = (self.train, self.validation, self.test)
        return [split for split in splits if split is not None]


def read_source(config: DataConfig, seed: int) -> Source:
    """Read or make all examples of the `data` section.

    A share for validation is drawn from the training examples, class by class,
    by `seed` alone.

    Raises:
        DataError: If the data is missing, damaged or can't be learned from.
    """
    if config.source == "generated":
        train, test = _generated(config, seed)
    elif config.source == "imdb":
        train, test = read_imdb(config.path)
    else:
        train, test = _read_files(config)
    if isinstance(config.validation, Path):
        validation = _read_file(config, config.validation, set(train.labels))
    else:
        train, validation = split(train, config.validation, seed)
    best = 1 - config.noise if config.source == "generated" else None
    return Source(train, validation, test, source_files(config), best)


def source_key(config: DataConfig, seed: int) -> tuple[str, dict[str, str]]:
    """Return a key to the examples of `read_source`, and the sha256 of each file.

    Nothing is parsed. The key changes with the content of the data, with the
    settings and the seed, and with the code that reads or makes the examples.
    """
    files = source_files(config)
    settings = {name: str(getattr(config, name)) for name in _SETTINGS[config.source]}
    package = Path(__file__).parents[2]
    code = digest_files(package, sorted(package.rglob("*.py")))
    content = json.dumps([config.source, settings, seed, files, code])
    return hashlib.sha256(content.encode()).hexdigest(), files


def source_files(config: DataConfig) -> dict[str, str]:
    """Return the sha256 of each file or folder that the config names."""
    if config.source == "generated":
        return {}
    if config.source == "imdb":
        return imdb_files(config.path)
    paths = [config.train, config.validation, config.test]
    return {str(path): _digest(path) for path in paths if isinstance(path, Path)}


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
        skipped_rows=examples.skipped_rows, skipped=examples.skipped
    )
    return left, _chosen(examples, drawn)


def _chosen(examples: Examples, mask: np.ndarray) -> Examples:
    texts = compress(examples.texts, mask)
    return Examples(list(texts), list(compress(examples.labels, mask)))


def _generated(config: GeneratedData, seed: int) -> tuple[Examples, Examples]:
    reviews = partial(
        generate, length=config.length, distance=config.distance, noise=config.noise
    )
    train = reviews(config.examples, seed=f"{seed}/train")
    return train, reviews(config.test_examples, seed=f"{seed}/test")


def _read_files(config: FilesData) -> tuple[Examples, Examples | None]:
    train = _read_file(config, config.train)
    classes = set(train.labels)
    if len(classes) < 2:
        raise DataError(
            f"{config.train}: every label is {shown(train.labels[0])}, "
            "two classes or more are needed",
            hint="see that data.label names the right column",
        )
    return train, config.test and _read_file(config, config.test, classes)


def _read_file(
    config: FilesData, path: Path, classes: set[str] | None = None
) -> Examples:
    return read_examples(path, config.text, config.label, config.bad_rows, classes)


def _digest(path: Path) -> str:
    if not os.path.isdir(path):
        return digest_file(path)
    files = class_files(path)
    texts = digest_files(path, [file.path for file in files if not file.problem])
    others = [[str(file.path), file.problem] for file in files if file.problem]
    if not others:
        return texts
    return hashlib.sha256(f"{texts}{json.dumps(others)}".encode()).hexdigest()
