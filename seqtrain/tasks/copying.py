"""The copy problem: repeat ten symbols after many timesteps."""

import math
from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from ..data.vocabulary import RESERVED
from ..sections.model import ModelConfig
from .inputs import Broken, Tokens
from .memory import MemoryData, Sequences, memory_kind
from .targets import StepLabels

RECALLED = 10  # symbols to remember
BLANK, RECALL = "_", "?"
DIGITS = tuple("12345678")
TOKENS, LABELS = (BLANK, *DIGITS, RECALL), (BLANK, *DIGITS)


class CopyData(MemoryData):
    """The copy problem: ten symbols to repeat after many timesteps."""

    task: Literal["copy"] = Field("copy", description="the copy problem")
    added: ClassVar[int] = 2 * RECALLED  # the symbols, and their copy


def make(count: int, length: int, rng: np.random.Generator) -> Sequences:
    """Generate sequences whose first ten symbols are the targets of the last ten [1].

        inputs    10 of 8 symbols, length - 1 blanks, the mark "?", 10 blanks
        targets   length + 10 blanks, the 10 symbols

    Without memory the best is to predict a blank up to the mark, then each symbol with
    the same probability: a cross-entropy of 10 ln 8 / (length + 20).

    Args:
        count: Number of examples.
        length: Timesteps to remember the symbols over.
        rng: Draws them.

    Returns:
        Token ids and classes, each `(count, length + 20)`.

    References:
        [1] Hochreiter and Schmidhuber, Long short-term memory, 1997; in the form of
            Arjovsky et al., Unitary evolution recurrent neural networks, 2016.
    """
    digits = rng.integers(1, len(DIGITS), (count, RECALLED), np.int32, endpoint=True)
    targets = np.zeros((count, length + 2 * RECALLED), np.int32)
    targets[:, -RECALLED:] = digits
    inputs = np.zeros_like(targets)
    inputs[:, :RECALLED] = digits
    inputs[:, -RECALLED - 1] = TOKENS.index(RECALL)
    return Sequences(inputs + np.int32(len(RESERVED)), targets)


def _chance(section: CopyData) -> Mapping[str, float]:
    loss = RECALLED * math.log(len(DIGITS)) / section.max_length
    return {"loss": loss, "accuracy": 1 / len(DIGITS)}


def _broken_model(model: ModelConfig) -> Iterator[Broken]:
    for index, layer in enumerate(model.layers):
        if layer.bidirectional:
            message = "true would show data.task: copy what is to be remembered"
            yield message, ("layers", index, "bidirectional")


KIND = memory_kind(
    CopyData,
    Tokens(masked=False),
    # To predict the blanks before takes no memory.
    StepLabels(last=RECALLED),
    make,
    chance=_chance,
    tokens=TOKENS,
    labels=LABELS,
    broken_model=_broken_model,
)
