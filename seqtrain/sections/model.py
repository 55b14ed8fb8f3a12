"""The `model` section: embedding, recurrent layers, pooling."""

from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from .base import Positive, Rate, Section, Width, broken_rule, only_with


class EmbeddingConfig(Section):
    """The table that turns token ids into vectors."""

    dim: Width = Field(64, description="features of a token")
    dropout: Rate = Field(0.0, description="dropout on the embedded tokens")


class LayerConfig(Section):
    """One recurrent layer."""

    cell: Literal["rnn", "lstm", "gru"] = Field(description="kind of recurrent cell")
    units: Width = Field(description="size of the state")
    bidirectional: bool = Field(
        False, description="read in both directions, 2 * units features"
    )
    formulation: Literal["standard", "document"] = Field(
        "standard", description="equations as in Keras, or as in the source document"
    )
    activation: Literal[
        "tanh", "relu", "sigmoid", "linear", "elu", "gelu", "softsign"
    ] = Field("tanh", description="activation of the candidate and the output")
    dropout: Rate = Field(0.0, description="dropout on the input of the layer")
    weight_dropout: Rate = Field(
        0.0,
        description="dropout on the recurrent weights, one mask for each batch (AWD)",
    )
    zoneout: Rate = Field(
        0.0, description="probability that a unit keeps its old state at a timestep"
    )
    layer_norm: bool = Field(
        False, description="of lstm, gru: normalise the products and the cell state"
    )
    residual: bool = Field(
        False, description="add the input of the layer to its output"
    )
    omega: Positive | None = Field(
        None,
        description="of rnn: weight of Pascanu's regulariser of the gradient's norm",
    )
    output_units: Width | None = Field(
        None, description="size of the per-step output y_t = h_t V + d (document rnn)"
    )
    kernel_initializer: Literal["glorot", "orthogonal", "he_uniform"] = Field(
        "glorot", description="initial input weights"
    )
    recurrent_initializer: Literal["orthogonal", "glorot", "identity"] = Field(
        "orthogonal", description="initial recurrent weights"
    )
    bias_initializer: Literal["zeros", "forget_one", "chrono"] | None = Field(
        None,
        description="initial biases; null: forget_one for lstm, else zeros",
        validate_default=True,
    )

    @field_validator("layer_norm")
    @classmethod
    def _normalize_gates_as_in_keras(cls, on: bool, info: ValidationInfo) -> bool:
        if on and info.data.get("cell") == "rnn":
            raise ValueError("true is for cell lstm or gru, not rnn")
        return only_with(info, "formulation: standard", on or None, False) or False

    @field_validator("omega")
    @classmethod
    def _only_an_rnn_has_omega(
        cls, omega: float | None, info: ValidationInfo
    ) -> float | None:
        if omega is not None and info.data.get("zoneout"):
            raise ValueError(
                f"{omega} is not for a layer with zoneout, which leads the gradient "
                "past the state's weights"
            )
        return only_with(info, "cell: rnn", omega, None)

    @field_validator("output_units")
    @classmethod
    def _only_a_document_rnn_has_outputs(
        cls, units: int | None, info: ValidationInfo
    ) -> int | None:
        only_with(info, "cell: rnn", units, None)
        return only_with(info, "formulation: document", units, None)

    @field_validator("bias_initializer")
    @classmethod
    def _fit_the_cell(cls, bias: str | None, info: ValidationInfo) -> str | None:
        cell = info.data.get("cell")
        if bias is None:
            return "forget_one" if cell == "lstm" else "zeros"
        cells = {"forget_one": ("lstm",), "chrono": ("lstm", "gru")}.get(bias)
        if cell and cells and cell not in cells:
            raise ValueError(f"{bias!r} is for cell {' or '.join(cells)}, not {cell}")
        return bias

    @model_validator(mode="after")
    def _document_rnn_differs_by_its_outputs(self) -> Self:
        plain = self.output_units is None and self.formulation == "document"
        if self.cell == "rnn" and plain:
            message = "has no effect with cell: rnn, needs output_units"
            raise broken_rule(message, "formulation")
        return self

    @property
    def width(self) -> int:
        """Features of the layer's output at each timestep."""
        return (1 + self.bidirectional) * (self.output_units or self.units)


class ModelConfig(Section):
    """What learns; the layer that predicts follows from the data."""

    embedding: EmbeddingConfig = Field(
        EmbeddingConfig(), description="the table that turns token ids into vectors"
    )
    # To build the graph of thousands would take hours.
    layers: Annotated[list[LayerConfig], Field(min_length=1, max_length=100)] = Field(
        [LayerConfig(cell="lstm", units=64)],
        description="recurrent layers, the first one sees the embedding",
    )
    pooling: Literal["last", "mean", "max", "concat"] = Field(
        "last",
        description="how timesteps become one vector; concat: last, mean and max",
    )
    dropout: Rate = Field(0.0, description="dropout on the pooled features")

    @field_validator("pooling")
    @classmethod
    def _concat_takes_the_state(cls, pooling: str, info: ValidationInfo) -> str:
        layers = info.data.get("layers")
        if pooling == "concat" and layers and layers[-1].output_units is not None:
            raise ValueError(
                "'concat' takes the last state, with output_units it must be "
                "last, mean or max"
            )
        return pooling
