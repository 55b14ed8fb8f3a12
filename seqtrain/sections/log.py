"""The `log` section: what is logged while training."""

from typing import Annotated

from pydantic import Field

from .base import Count, Section


class LogConfig(Section):
    """What is logged while training."""

    every: Count = Field(50, description="steps between scalars")
    histograms: Count | None = Field(
        None,
        description="epochs between histograms of weights and gradients; null: none",
    )
    gradflow: Count | None = Field(
        None,
        description="steps between measurements of the gradient's flow through time; "
        "null: none",
    )
    # They are predicted in one batch, and shown in one table.
    samples: Annotated[int, Field(ge=0, le=1000)] = Field(
        8, description="sample predictions shown in TensorBoard"
    )
