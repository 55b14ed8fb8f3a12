"""The classic tests of memory, made on the spot, and what they ask of a model.

In each of them something at the beginning decides what is right at the end, and what
a model without memory reaches is known.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from ..config import RECALLED, DataConfig
from ..data.vocabulary import PADDING, UNKNOWN

_FIRST = max(PADDING, UNKNOWN) + 1  # id of the first token
_RESERVED = ("", "[unk]")
_BLANK, _RECALL = "_", "?"
_DIGITS = tuple("12345678")
_DISTRACTORS, _MARKS = tuple("abcd"), ("X", "Y")


@dataclass(frozen=True)
class Task:
    """What a model reads at each timestep, and what it is to put out.

    Args:
        name: `reviews` stands for labelled texts of any source.
        output: The `class` of a sequence, a `value` for it, or a `sequence`: a class
            at each timestep, of which the last `RECALLED` count for the accuracy.
        features: How many numbers a timestep has; None: it has a token.
        tokens: The vocabulary, where it is known beforehand.
        labels: The classes by index, likewise.
        chance: What a model without memory reaches at best, by metric.
    """

    name: str = "reviews"
    output: Literal["class", "value", "sequence"] = "class"
    features: int | None = None
    tokens: tuple[str, ...] = _RESERVED
    labels: tuple[str, ...] = ()
    chance: Mapping[str, float] = field(default_factory=dict)


TEXTS = Task()


class Sequences(NamedTuple):
    """Examples of one length.

    Args:
        inputs: Token ids `(examples, timesteps)`, int32, or numbers
            `(examples, timesteps, features)`, float32.
        targets: Classes `(examples,)` or `(examples, timesteps)`, int32, or values
            `(examples,)`, float32.
    """

    inputs: np.ndarray
    targets: np.ndarray


def find_task(config: DataConfig) -> Task:
    """Return the task of a `data` section."""
    name = getattr(config, "task", "reviews")
    if name == "adding":
        return Task(name, "value", features=2, chance={"loss": 1 / 6})
    if name == "copy":
        loss = RECALLED * math.log(len(_DIGITS)) / config.max_length
        return Task(
            name,
            "sequence",
            tokens=(*_RESERVED, _BLANK, *_DIGITS, _RECALL),
            labels=(_BLANK, *_DIGITS),
            chance={"loss": loss, "accuracy": 1 / len(_DIGITS)},
        )
    if name == "temporal_order":
        return Task(
            name,
            tokens=(*_RESERVED, *_DISTRACTORS, *_MARKS),
            labels=tuple(first + second for first in _MARKS for second in _MARKS),
            chance={"loss": math.log(4), "accuracy": 1 / 4},
        )
    return TEXTS


def generate_task(name: str, count: int, length: int, seed: list[int]) -> Sequences:
    """Make examples of a classic test.

    Args:
        name: `adding`, `copy` or `temporal_order`.
        count: How many.
        length: Timesteps; of `copy` those between the symbols and the mark, plus one.
        seed: The same seed makes the same examples.
    """
    make = {"adding": _adding, "copy": _copy, "temporal_order": _temporal_order}
    return make[name](count, length, np.random.default_rng(seed))


def _adding(count: int, length: int, rng: np.random.Generator) -> Sequences:
    """Two of many numbers are marked, one in each half; wanted is their sum [1].

    Without memory the best is to say 1 always: a mean squared error of 1/6, the
    variance of a sum of two numbers that are uniform in 0 to 1.

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


def _copy(count: int, length: int, rng: np.random.Generator) -> Sequences:
    """Ten symbols are shown, and wanted again after `length` timesteps [1].

        inputs    10 of 8 symbols, length - 1 blanks, the mark "?", 10 blanks
        targets   length + 10 blanks, the 10 symbols

    Without memory the best is to say blank until the mark, then any symbol: a
    cross-entropy of 10 ln 8 / (length + 20).

    References:
        [1] Hochreiter and Schmidhuber, Long short-term memory, 1997; in the form of
            Arjovsky et al., Unitary evolution recurrent neural networks, 2016.
    """
    digits = rng.integers(1, len(_DIGITS), (count, RECALLED), np.int32, endpoint=True)
    targets = np.zeros((count, length + 2 * RECALLED), np.int32)
    targets[:, -RECALLED:] = digits
    inputs = np.zeros_like(targets)
    inputs[:, :RECALLED] = digits
    inputs[:, -RECALLED - 1] = len(_DIGITS) + 1
    return Sequences(inputs + np.int32(_FIRST), targets)


def _temporal_order(count: int, length: int, rng: np.random.Generator) -> Sequences:
    """X or Y stands at two places among other symbols; wanted is which, in order [1].

    The places are drawn from 0.1 to 0.2 and from 0.5 to 0.6 of the length. Who counts
    the marks, but does not know their order, is right three times of four.

    References:
        [1] Hochreiter and Schmidhuber, Long short-term memory, 1997; in the form of
            Martens and Sutskever, Learning recurrent neural networks with
            Hessian-free optimization, 2011.
    """
    others = len(_DISTRACTORS)
    inputs = rng.integers(0, others, (count, length), np.int32)
    rows = np.arange(count)
    marks = rng.integers(0, len(_MARKS), (2, count), np.int32)
    for mark, start, stop in zip(marks, (0.1, 0.5), (0.2, 0.6), strict=True):
        first, last = math.ceil(start * length), math.floor(stop * length)
        places = rng.integers(first, last, count, endpoint=True)
        inputs[rows, places] = others + mark
    return Sequences(inputs + np.int32(_FIRST), len(_MARKS) * marks[0] + marks[1])
