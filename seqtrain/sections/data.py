"""The keys that the `data` sections of all kinds share."""

import itertools
from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from .base import INT32, Length, Section, Share


class Standardize(Section):
    """How a text is normalised before it is split into tokens."""

    lowercase: bool = Field(True, description="write everything in lower case")
    html: Literal["strip", "keep"] = Field(
        "strip", description="tags such as <br />: a space each, or text like any other"
    )
    punctuation: Literal["emoji", "drop", "split"] = Field(
        "emoji",
        description="punctuation and symbols: a space, but for emoji and emoticons "
        "such as :-), which are tokens; all a space; or a token each",
    )
    unicode: Literal["nfkc", "none"] = Field(
        "nfkc", description="Unicode normalisation, after tags and entities"
    )


class DataSection(Section):
    """The base of the `data` sections.

    Each kind of data derives its sections from it. In a derived section `source` has a
    single possible value, and so has `task` where several sections share a source:
    they tell which section a config means.
    """

    source: str = Field(description="where the examples come from")
    validation: Share = Field(
        0.1, description="share of the training data that is kept for validation"
    )
    vocabulary: Annotated[int, Field(ge=3, le=INT32)] = Field(
        20000,
        description="rows of the embedding: padding, unknown, the most frequent words",
    )
    max_length: Length = Field(400, description="tokens kept of a longer text")
    keep: Literal["start", "end"] = Field(
        "end", description="which end of a longer text is kept"
    )
    standardize: Standardize = Field(
        Standardize(), description="how a text is normalised"
    )
    tokens: Literal["words", "characters"] = Field(
        "words",
        description="what a text is cut into; characters for scripts without spaces "
        "between words, such as Thai",
    )
    # XLA compiles the train step once for each.
    buckets: Annotated[list[Length], Field(min_length=1, max_length=64)] | None = Field(
        None,
        description="the lengths that batches are padded to; null: five at most that "
        "leave the least padding in the training data, and doublings up to max_length",
    )

    # The labels, if every data set of the source has the same. Not a key of the config.
    labels: ClassVar[tuple[str, ...] | None] = None

    @field_validator("buckets")
    @classmethod
    def _ascend_to_max_length(
        cls, buckets: list[int] | None, info: ValidationInfo
    ) -> list[int] | None:
        if buckets is None:
            return None
        for shorter, longer in itertools.pairwise(buckets):
            if shorter >= longer:
                raise ValueError(f"they must ascend, {longer} stands after {shorter}")
        max_length = info.data.get("max_length", buckets[-1])
        if buckets[-1] != max_length:
            raise ValueError(
                f"the last is {buckets[-1]}, it must be max_length, {max_length}"
            )
        return buckets
