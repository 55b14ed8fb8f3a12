"""What kinds have in common whose examples are made on the spot."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from ..errors import ConfigError
from ..sections.base import Length, NonNegative
from ..sections.data import DataSection
from .kind import Kind, Part, Split, Trained


class MadeSection(DataSection):
    """Examples that are made on the spot, by a seed."""

    source: Literal["generated"] = Field(
        "generated", description="examples that are made on the spot"
    )
    task: str = Field(description="reviews with one deciding word, or a test of memory")
    # All are held in memory. Three are the fewest of which two have one label.
    examples: Annotated[int, Field(ge=3, le=10**7)] = Field(
        4000, description="examples for training and validation"
    )
    test_examples: Annotated[int, Field(ge=1, le=10**7)] = Field(
        2000, description="examples for the test"
    )
    length: Length = Field(
        60,
        description="words of a review; timesteps of a test, but for copy the blanks "
        "to remember over, 20 less than there are",
        validate_default=True,
    )
    distance: NonNegative = Field(
        10,
        description="of task reviews: words after the verdict",
        validate_default=True,
    )
    noise: Annotated[float, Field(ge=0, lt=0.5)] = Field(
        0.0, description="of task reviews: share of labels that are turned round"
    )


def read_split(kind: Kind, trained: Trained, split: Split) -> Part:
    """Make a part of the data anew."""
    data = kind.load(trained.section, trained.seed, trained.vocab)
    return Part(getattr(data, split))


def refuse_file(trained: Trained, path: Path) -> Part:
    """Raise ConfigError: no file holds examples of this kind."""
    raise ConfigError(
        f"--data {path}: {trained.path} was trained on data.task: "
        f"{trained.section.task}, whose examples are made; none can be read",
        hint="take --split",
    )
