"""A kind of data that seqtrain does not have: a class at each timestep, ragged.

inputs    letters, 3 to 12 of them
targets   "same" where a letter is the one before it, else "new"
"""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ..data.batches import choose_buckets
from ..data.encoded import Data, Encoded
from ..data.vocabulary import RESERVED, Vocabulary
from ..sections.data import DataSection
from .inputs import Tokens
from .kind import Baselines, Kind, Prediction
from .made import read_split, refuse_file
from .targets import StepLabels

LETTERS, LABELS = "abc", ["new", "same"]


class ToyData(DataSection):
    """Letters that repeat or do not."""

    source: Literal["generated"] = Field("generated", description="made on the spot")
    task: Literal["toy"] = Field("toy", description="letters that repeat or do not")
    examples: Annotated[int, Field(ge=3)] = Field(300, description="how many")


class ToyReport:
    """Says as much as there is to say."""

    warnings = ()

    def text(self):
        return "letters"


def encode(texts):
    vocab = Vocabulary([*RESERVED, *LETTERS])
    ids = vocab.encode("".join(texts))
    lengths = np.array([*map(len, texts)], np.int64)
    firsts = (np.cumsum(lengths) - lengths)[lengths > 0]
    targets = np.append(-1, np.diff(ids)) == 0
    targets[firsts] = False
    return Encoded.joined(ids, lengths, targets.astype(np.int32), per_step=True)


def load(section, seed, vocab=None):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, 13, section.examples)
    texts = ["".join(rng.choice([*LETTERS], length)) for length in lengths]
    third = section.examples // 3
    train, validation, test = (
        encode(part) for part in (texts[: 2 * third], texts[third:], texts[:third])
    )
    buckets = section.buckets or choose_buckets(train.lengths, section.max_length)
    vocab = Vocabulary([*RESERVED, *LETTERS])
    return Data(train, validation, test, vocab, LABELS, buckets, ToyReport(), {})


def answer(text, score, names):
    return {"text": text, "labels": [names[row.argmax()] for row in score]}


KIND = Kind(
    name="toy",
    sections=(ToyData,),
    inputs=Tokens(),
    target=StepLabels(),
    load=load,
    read_split=lambda trained, split: read_split(KIND, trained, split),
    read_file=refuse_file,
    baselines=Baselines(lambda trained: None, lambda trained, part: {}),
    prediction=Prediction(
        lambda texts, trained: encode(texts),
        answer,
        lambda found: [" ".join(found["labels"]), found["text"]],
        ("labels", "text"),
    ),
)
