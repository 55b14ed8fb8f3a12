"""The `train` section: how a model is trained."""

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
)

from .base import (
    Count,
    NonNegative,
    Positive,
    Section,
    Share,
    in_32_bits,
    only_with,
)


class TrainConfig(Section):
    """How a model is trained."""

    # With 10^7 examples the number of steps stays far below 2^63.
    epochs: Annotated[int, Field(ge=1, le=10**6)] = Field(
        10, description="passes over the training data, at most"
    )
    batch_size: Count = Field(64, description="examples in a step")
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"] = Field(
        "adam", description="update rule"
    )
    learning_rate: Positive = Field(
        1e-3, description="learning rate after the warm-up, where the schedule starts"
    )
    weight_decay: (
        Annotated[float, Field(ge=0, le=1e38), AfterValidator(in_32_bits)] | None
    ) = Field(None, description="of adamw; null: 0.004", validate_default=True)
    momentum: Annotated[float, Field(ge=0, lt=1), AfterValidator(in_32_bits)] | None = (
        Field(None, description="of sgd; null: none", validate_default=True)
    )
    schedule: Literal["constant", "cosine", "linear", "step"] = Field(
        "constant", description="how the rate falls until the last step"
    )
    warmup_steps: NonNegative = Field(
        0, description="steps in which the rate rises from zero"
    )
    step_epochs: Count | None = Field(
        None,
        description="of schedule step: epochs between two falls of the rate; null: 5",
        validate_default=True,
    )
    step_factor: Share | None = Field(
        None,
        description="of schedule step: factor of the rate at each fall; null: 0.1",
        validate_default=True,
    )
    clip_norm: Positive | None = Field(
        None, description="upper bound of the gradient's global norm; null: none"
    )
    monitor: Literal["loss", "accuracy"] = Field(
        "loss",
        description="validation metric that decides which epoch is the best",
    )
    patience: Count | None = Field(
        None,
        description="epochs without a better monitor before the end; null: never",
    )
    class_weights: Annotated[
        Annotated[Literal["none", "balanced"], Tag("(word)")]
        | Annotated[dict[str, Positive], Field(min_length=2), Tag("(table)")],
        Discriminator(lambda value: "(table)" if isinstance(value, dict) else "(word)"),
    ] = Field("none", description="none, balanced, or a weight for each label")
    jit_compile: bool = Field(
        True, description="compile loops and update by XLA, once for each padded length"
    )
    checkpoint_every: Count = Field(
        500, description="steps between checkpoints, the most work that a kill can cost"
    )
    keep: Count = Field(
        2, description="checkpoints kept, besides the one of the best epoch"
    )
    on_divergence: Literal["stop", "rollback"] = Field(
        "stop",
        description="if the loss is not finite: stop, or go back to a checkpoint",
    )
    rollbacks: Count | None = Field(
        None,
        description="of on_divergence rollback: most rollbacks of a run; null: 3",
        validate_default=True,
    )
    rollback_factor: Share | None = Field(
        None,
        description="of on_divergence rollback: factor of the rate at each; null: 0.5",
        validate_default=True,
    )

    @field_validator("weight_decay")
    @classmethod
    def _only_adamw_decays(
        cls, decay: float | None, info: ValidationInfo
    ) -> float | None:
        return only_with(info, "optimizer: adamw", decay, 0.004)

    @field_validator("momentum")
    @classmethod
    def _only_sgd_has_momentum(
        cls, momentum: float | None, info: ValidationInfo
    ) -> float | None:
        return only_with(info, "optimizer: sgd", momentum, 0.0)

    @field_validator("step_epochs")
    @classmethod
    def _only_stairs_have_a_length(
        cls, epochs: int | None, info: ValidationInfo
    ) -> int | None:
        return only_with(info, "schedule: step", epochs, 5)

    @field_validator("step_factor")
    @classmethod
    def _only_stairs_have_a_factor(
        cls, factor: float | None, info: ValidationInfo
    ) -> float | None:
        return only_with(info, "schedule: step", factor, 0.1)

    @field_validator("rollbacks")
    @classmethod
    def _only_rollback_is_limited(
        cls, number: int | None, info: ValidationInfo
    ) -> int | None:
        return only_with(info, "on_divergence: rollback", number, 3)

    @field_validator("rollback_factor")
    @classmethod
    def _only_rollback_lowers_the_rate(
        cls, factor: float | None, info: ValidationInfo
    ) -> float | None:
        return only_with(info, "on_divergence: rollback", factor, 0.5)
