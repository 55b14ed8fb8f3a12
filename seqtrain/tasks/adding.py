"""The adding problem: add the two marked numbers of a long sequence."""

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from ..sections.train import TrainConfig
from .inputs import Broken, Numbers
from .memory import MemoryData, Sequences, memory_kind
from .targets import Value


class AddingData(MemoryData):
    """The adding problem: the sum of two marked numbers."""

    task: Literal["adding"] = Field("adding", description="the adding problem")
    shortest: ClassVar[int] = 2


def make(count: int, length: int, rng: np.random.Generator) -> Sequences:
    """Generate sequences of numbers; the target is the sum of the marked two [1].

    The numbers are uniform in 0 to 1; one is marked in each half. Without memory the
    best prediction is always 1: its mean squared error is the variance of the sum, 1/6.

    Args:
        count: Number of examples.
        length: Timesteps of each.
        rng: Draws them.

    Returns:
        Inputs `(count, length, 2)`, a number and its mark, 1 or 0; targets `(count,)`.

    References:
        [1] Hochreiter and Schmidhuber, Long short-term memory, 1997; in the form of
            Le et al., A simple way to initialize recurrent networks of rectified
            linear units, 2015.
    """
    values = rng.random((count, length), np.float32)
    half, rows = length // 2, np.arange(count)
    first, second = rng.integers(0, half, count), rng.integers(half, length, count)
    marks = np.zeros((count, length), np.float32)
    marks[rows, first] = marks[rows, second] = 1
    targets = values[rows, first] + values[rows, second]
    return Sequences(np.stack([values, marks], axis=-1), targets)


def _broken_train(train: TrainConfig) -> Iterator[Broken]:
    if train.monitor == "accuracy":
        message = "'accuracy' is not known of a sum, data.task: adding needs loss"
        yield message, ("monitor",)


KIND = memory_kind(
    AddingData,
    Numbers(features=2),
    Value(),
    make,
    chance=lambda section: {"loss": 1 / 6},
    broken_train=_broken_train,
)
