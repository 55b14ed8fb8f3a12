"""The `shootout` section: who is compared."""

from typing import Annotated

from pydantic import Field

from .base import Count, Positive, Section

Settings = list[str]


class ShootoutConfig(Section):
    """Who is compared by `seqtrain shootout`; a training goes by the rest."""

    contenders: Annotated[dict[str, Settings], Field(min_length=2)] = Field(
        description="by name: the settings KEY=VALUE of each"
    )
    conditions: Annotated[dict[str, Settings], Field(min_length=1)] = Field(
        {"all": []}, description="by name: settings under which all are compared"
    )
    parameters: Count | None = Field(
        None,
        description="of each model, by its width; null: as many as the first has",
    )
    seeds: Count = Field(3, description="trainings of each contender")
    solved: Positive | None = Field(
        None, description="validation loss that counts as solved; null: none"
    )
