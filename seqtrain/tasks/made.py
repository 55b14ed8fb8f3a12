"""What the kinds share whose examples are generated instead of read."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from ..errors import ConfigError
from ..sections.base import Length, NonNegative
from ..sections.data import DataSection
from .kind import Kind, Part, Split, Trained


class MadeSection(DataSection):
    """A `data` section of generated examples."""

    source: Literal["generated"] = Field("generated", description="generated examples")
    task: str = Field(description="reviews with one deciding word, or a test of memory")
    # All are held in memory. Among three, two at least have the same label.
    examples: Annotated[int, Field(ge=3, le=10**7)] = Field(
        4000, description="examples for training and validation"
    )
    test_examples: Annotated[int, Field(ge=1, le=10**7)] = Field(
        2000, description="examples for the test"
    )
    length: Length = Field(
        60,
        description="words of a review; timesteps of a test of memory; of task copy "
        "the timesteps to remember over, 20 less than there are",
        validate_default=True,
    )
    distance: NonNegative = Field(
        10,
        description="of task reviews: words after the one that decides",
        validate_default=True,
    )
    noise: Annotated[float, Field(ge=0, lt=0.5)] = Field(
        0.0, description="of task reviews: share of labels that are wrong"
    )


def read_split(kind: Kind, trained: Trained, split: Split) -> Part:
    """Generate a part of a run's data again."""
    data = kind.load(trained.section, trained.seed, trained.vocab)
    return Part(getattr(data, split))


def refuse_file(trained: Trained, path: Path) -> Part:
    """Refuse to evaluate on a file: the examples of this kind are generated.

    Raises:
        ConfigError: Always.
    """
    raise ConfigError(
        f"--data {path}: {trained.path} was trained on data.task: "
        f"{trained.section.task}, whose examples are made; none can be read",
        hint="leave --data out, or take --split",
    )
