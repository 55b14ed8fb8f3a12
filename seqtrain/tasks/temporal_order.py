"""Temporal order: two marks among many symbols; wanted is which, in order."""

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
    """The problem of temporal order."""

    task: Literal["temporal_order"] = Field(
        "temporal_order", description="the problem of temporal order"
    )
    shortest: ClassVar[int] = 5


def make(count: int, length: int, rng: np.random.Generator) -> Sequences:
    """X or Y stands at two places among other symbols; wanted is which, in order [1].

    The places are drawn from 0.1 to 0.2 and from 0.5 to 0.6 of the length. A model that
    counts the marks, but does not know their order, is right three times of four.

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
