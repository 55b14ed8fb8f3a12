"""What makes a kind of data and target: the object that the program asks about it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from ..data.encoded import Data, Encoded
from ..data.vocabulary import Vocabulary
from ..sections.data import DataSection
from ..sections.model import ModelConfig
from ..sections.train import TrainConfig
from .inputs import Broken, Numbers, Tokens
from .targets import Label, StepLabels, Value

Split = Literal["test", "validation", "train"]


class Trained(NamedTuple):
    """What a run knows of the data that its model was trained on.

    Args:
        path: The run directory.
        section: The `data` section of its config.
        seed: That of its config.
        vocab: The tokens by id.
        labels: The classes by index.
    """

    path: Path
    section: DataSection
    seed: int
    vocab: Vocabulary
    labels: list[str]


class Part(NamedTuple):
    """Examples that a trained model is measured on.

    Args:
        encoded: The examples as numbers.
        texts: The raw texts of them, where there are any.
        skipped: Rows of a file that were left out.
    """

    encoded: Encoded
    texts: Sequence[str] = ()
    skipped: int = 0


@dataclass(frozen=True)
class Baselines:
    """What a model has to beat.

    Args:
        prepare: Keeps in the run directory what takes the training data to fit.
        measure: Measures them on a part, by name, as `eval/*.json` holds it.
    """

    prepare: Callable[[Trained], object]
    measure: Callable[[Trained, Part], dict]


@dataclass(frozen=True)
class Prediction:
    """How texts are answered.

    Args:
        encode: Turns texts into numbers, as those of the training.
        answer: Makes of a text and its score, one of `target.score`, what
            `predict --json` prints.
        cells: Makes of an answer what stands on one line, between tabs.
    """

    encode: Callable[[Sequence[str], Trained], Encoded]
    answer: Callable[[str, np.ndarray, Sequence[str]], dict]
    cells: Callable[[dict], list[str]]


def nothing_broken(section: ModelConfig | TrainConfig) -> Iterator[Broken]:
    """Yield nothing: every model and training goes with the kind."""
    return iter(())


def no_chance(section: DataSection) -> Mapping[str, float]:
    """Return nothing: what is reached without a memory is not known."""
    return {}


@dataclass(frozen=True)
class Kind:
    """All that depends on the kind of data and of target.

    Nothing outside of this package asks which kind it is; it asks the kind.

    Args:
        name: As `data.task` says it, where a source serves several kinds.
        sections: Its part of the config's schema: a class for each of its sources.
        inputs: What a model reads.
        target: What is wanted of it: head, loss, hits and metrics follow.
        unit: What a timestep is called.
        load: Loads the data of a section, by a seed and maybe a given vocabulary.
        read_split: Reads a part of a run's own data, to measure its model.
        read_file: Reads a file in its place.
        baselines: What a model has to beat.
        prediction: How texts are answered; None: there are none to answer.
        chance: What a model without memory reaches at best, by metric.
        broken_model: Yields what in a `model` section does not go with it.
        broken_train: Yields what in a `train` section does not go with it.
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
    unit: str = "timesteps"
    chance: Callable[[DataSection], Mapping[str, float]] = no_chance
    broken_model: Callable[[ModelConfig], Iterator[Broken]] = nothing_broken
    broken_train: Callable[[TrainConfig], Iterator[Broken]] = nothing_broken
