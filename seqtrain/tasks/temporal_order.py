"""Temporal order: name the two marks among many symbols, in their order."""

import math
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from ..data.vocabulary import RESERVED
from .inputs import Tokens
from .memory import MemoryData, Sequences, memory_kind
from .targets import Label

DISTRACTORS, MARKS = tuple("abcd"), ("X", "Y")
TOKENS = (*DISTRACTORS, *MARKS)
LABELS = tuple(first + second for first in MARKS for second in MARKS)


class TemporalOrderData(MemoryData):
    """Temporal order: which two marks stand among other symbols, in order."""

    task: Literal["temporal_order"] = Field(
        "temporal_order", description="the problem of temporal order"
    )
    shortest: ClassVar[int] = 5


def make(count: int, length: int, rng: np.random.Generator) -> Sequences:
    """Generate sequences of symbols with two marks, each X or Y [1].

    The classes are XX, XY, YX and YY. The first mark lies between 0.1 and 0.2 of the
    length, the second between 0.5 and 0.6. A model that counts the marks but does not
    know their order is right in three of four cases.

    Args:
        count: Number of examples.
        length: Timesteps of each.
        rng: Draws them.

    Returns:
        Token ids `(count, length)` and classes `(count,)`.

    References:
        [1] Hochreiter and Schmidhuber, Long short-term memory, 1997; in the form of
            Martens and Sutskever, Learning recurrent neural networks with
            Hessian-free optimization, 2011.
    """
    others = len(DISTRACTORS)
    inputs = rng.integers(0, others, (count, length), np.int32)
    rows = np.arange(count)
    marks = rng.integers(0, len(MARKS), (2, count), np.int32)
    for mark, start, stop in zip(marks, (0.1, 0.5), (0.2, 0.6), strict=True):
        first, last = math.ceil(start * length), math.floor(stop * length)
        places = rng.integers(first, last, count, endpoint=True)
        inputs[rows, places] = others + mark
    targets = len(MARKS) * marks[0] + marks[1]
    return Sequences(inputs + np.int32(len(RESERVED)), targets)


KIND = memory_kind(
    TemporalOrderData,
    Tokens(),
    Label(),
    make,
    chance=lambda section: {"loss": math.log(4), "accuracy": 1 / 4},
    tokens=TOKENS,
    labels=LABELS,
)
