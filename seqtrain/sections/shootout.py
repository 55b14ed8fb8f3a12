"""The `shootout` section: which models are compared."""

from typing import Annotated

from pydantic import Field

from .base import Count, Positive, Section

Settings = list[str]


class ShootoutConfig(Section):
    """Which models `seqtrain shootout` compares; `seqtrain train` ignores it."""

    contenders: Annotated[dict[str, Settings], Field(min_length=2)] = Field(
        description="by name of a contender: its settings KEY=VALUE"
    )
    conditions: Annotated[dict[str, Settings], Field(min_length=1)] = Field(
        {"all": []},
        description="by name of a condition: settings KEY=VALUE for all contenders",
    )
    parameters: Count | None = Field(
        None,
        description="parameters of each model, reached by its width; "
        "null: those of the first",
    )
    seeds: Count = Field(3, description="trainings of each contender")
    solved: Positive | None = Field(
        None, description="validation loss that counts as solved; null: none"
    )
