"""The seam: `Kind` answers every question that depends on the kind of data."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from ..data.encoded import Data, Encoded
from ..data.sources.reading import Row
from ..data.vocabulary import Vocabulary
from ..sections.data import DataSection
from ..sections.model import ModelConfig
from ..sections.train import TrainConfig
from .inputs import Broken, Numbers, Tokens
from .targets import Label, StepLabels, Value

Split = Literal["test", "validation", "train"]


class Trained(NamedTuple):
    """What a run knows about the data that its model was trained on.

    Args:
        path: The run directory.
        section: The `data` section of the run's config.
        seed: The seed of the run's config.
        vocab: The vocabulary of the training data.
        labels: The names of the classes by index; empty if the targets are values.
    """

    path: Path
    section: DataSection
    seed: int
    vocab: Vocabulary
    labels: list[str]


class Part(NamedTuple):
    """The examples that a trained model is evaluated on.

    Args:
        encoded: The encoded examples.
        texts: The raw text of each example, if the examples are texts.
        skipped: Number of rows in the file that could not be read.
        notes: What else was found in it.
    """

    encoded: Encoded
    texts: Sequence[str] = ()
    skipped: int = 0
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Baselines:
    """Simple predictors that a model has to beat.

    Args:
        prepare: Fits the baselines that need the training data, and saves them in the
            run directory.
        measure: Returns the metrics of each baseline on a part, by the baseline's
            name, in the form of `eval/*.json`.
    """

    prepare: Callable[[Trained], object]
    measure: Callable[[Trained, Part], dict]


def no_table(section: DataSection, path: Path) -> None:
    """Return nothing: every file has a text a line."""


@dataclass(frozen=True)
class Prediction:
    """How `seqtrain predict` answers texts.

    Args:
        encode: Encodes raw texts as the training texts were encoded.
        answer: Turns a text, its row of `target.score` and the names of the classes
            into the object that `predict --json` prints.
        cells: Turns such an answer into the columns of a line of `predict`.
        columns: The names of these columns.
        read_rows: Reads a file as the section reads files, without labels; None if
            it is no table but a text a line.
    """

    encode: Callable[[Sequence[str], Trained], Encoded]
    answer: Callable[[str, np.ndarray, Sequence[str]], dict]
    cells: Callable[[dict], list[str]]
    columns: tuple[str, ...] = ("label", "probability", "text")
    read_rows: Callable[[DataSection, Path], Iterator[Row] | None] = no_table


def nothing_broken(section: ModelConfig | TrainConfig) -> Iterator[Broken]:
    """Yield nothing: the kind works with every `model` and `train` section."""
    return iter(())


def no_chance(section: DataSection) -> Mapping[str, float]:
    """Return nothing: no score of a model without memory is known."""
    return {}


@dataclass(frozen=True)
class Kind:
    """Everything that depends on the kind of data and of target.

    No code outside this package checks which kind it has; it asks the `Kind`.

    Args:
        name: The value of `data.task`, where a source serves several kinds.
        sections: The `data` sections of the config that choose this kind, one for
            each source.
        inputs: What a model reads at each timestep.
        target: What a model predicts; decides head, loss, hits and metrics.
        load: `load(section, seed, vocab)` loads and encodes the data; without a
            vocabulary (None) it builds one from the training part.
        read_split: `read_split(trained, split)` reads a part of a run's own data, to
            evaluate its model.
        read_file: `read_file(trained, path)` reads a file or folder to evaluate on
            instead; raises ConfigError if this kind has no files.
        baselines: Simple predictors that a model has to beat.
        prediction: How `seqtrain predict` answers texts; None if it can't.
        file_section: The one of `sections` that reads files; None if there is none.
        unit: What messages call timesteps.
        chance: `chance(section)` returns the best that a model without memory can
            reach, by metric; empty if that is not known.
        encoding_keys: The keys of a section that change what an encoded input means,
            so that weights of a run with other values don't fit.
        broken_model: Yields the keys of a `model` section that this kind refuses.
        broken_train: Yields the keys of a `train` section that this kind refuses.
    """

    name: str
    sections: tuple[type[DataSection], ...]
    inputs: Tokens | Numbers
    target: Label | Value | StepLabels
    load: Callable[[DataSection, int, Vocabulary | None], Data]
    read_split: Callable[[Trained, Split], Part]
    read_file: Callable[[Trained, Path], Part]
    baselines: Baselines
    prediction: Prediction | None = None
    file_section: type[DataSection] | None = None
    unit: str = "timesteps"
    chance: Callable[[DataSection], Mapping[str, float]] = no_chance
    encoding_keys: frozenset[str] = frozenset()
    broken_model: Callable[[ModelConfig], Iterator[Broken]] = nothing_broken
    broken_train: Callable[[TrainConfig], Iterator[Broken]] = nothing_broken
