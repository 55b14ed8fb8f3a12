"""What a config may say: one section a class, one key a field.

Every range stands in a type, every rule across keys is one short check. A key that
another choice makes idle is refused; `null` undoes one that a base gave. A relative
path of data starts at the current directory, as on the command line.

What a short trial makes idle is not refused: `--set train.epochs=1` leaves a
`patience`, a `step_epochs` or `log.histograms` with nothing to do, and that is what
someone wants who tries a config out.
"""

import itertools
import os
import struct
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError


def _in_32_bits(value: float) -> float:
    """Refuse a number that float32, in which all is computed, takes for another."""
    [rounded] = struct.unpack("f", struct.pack("f", value))
    if abs(rounded) < 2**-126:  # XLA makes 0 of what is smaller
        rounded = 0.0
    if rounded in (0.0, 1.0) and rounded != value:
        raise ValueError(f"{value!r} is {rounded:.0f} in 32 bits")
    return value


def _in_65536ths(rate: float) -> float:
    """Refuse a dropout that drops nothing or everything: it is exact to 2^-16."""
    if rate and round(rate * 2**16) in (0, 2**16):
        raise ValueError(
            f"{rate!r} drops nothing or all, 0 or 1e-5 to 0.9999 is needed"
        )
    return rate


def _nameable(path: Any) -> Any:
    """Refuse a text that can't be the name of a file."""
    if not isinstance(path, str):
        return path
    try:
        parts = os.fsencode(path).split(b"/")
    except UnicodeEncodeError:  # half a surrogate pair
        parts = [b""]
    longest = max(map(len, parts))
    if not path or b"\0" in b"".join(parts) or longest > 255 or len(path) > 4000:
        raise ValueError(f"{path[:40]!r} can't be the name of a file")
    return path


# The bounds keep out what would break much later and less clearly. 2^31 - 1 is what
# an int32 holds, as token ids, labels and shapes are.
INT32 = 2**31 - 1
Count = Annotated[int, Field(ge=1, le=INT32)]
NonNegative = Annotated[int, Field(ge=0, le=INT32)]
# A recurrent kernel of 4 * units² numbers must be counted in 32 bits.
Width = Annotated[int, Field(ge=1, le=2**14)]
# A batch is padded to it in memory; ten long novels.
LONGEST = 10**6
Length = Annotated[int, Field(ge=1, le=LONGEST)]
# float32 ends at 3e38.
Positive = Annotated[float, Field(gt=0, le=1e38), AfterValidator(_in_32_bits)]
Share = Annotated[float, Field(gt=0, lt=1), AfterValidator(_in_32_bits)]
Rate = Annotated[float, Field(ge=0, lt=1), AfterValidator(_in_65536ths)]
# A strict Path takes no string, and YAML has nothing else.
File = Annotated[Path, Field(strict=False), BeforeValidator(_nameable)]

# How pydantic names the branches of the unions below where it says where an error is.
BRANCHES = {"(share)", "(file)", "(word)", "(table)"}


class Section(BaseModel):
    """A block of the config: closed, unchangeable, its values taken as they are."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False
    )


def _only_with(info: ValidationInfo, choice: str, value: Any, default: Any) -> Any:
    """Return a key's value, or its default, where `choice` holds; refuse it elsewhere.

    Args:
        info: Of the field validator.
        choice: `<key>: <value>`, of a key that stands before this one.
        value: The key's value; None stands for "not given".
        default: What "not given" means where `choice` holds.
    """
    key, wanted = choice.split(": ")
    found = info.data.get(key, wanted)  # absent: has a problem of its own
    if found == wanted:
        return default if value is None else value
    if value is not None:
        raise PydanticCustomError("idle", f"idle with {key}: {found}, needs {choice}")
    return None


def _broken(message: str, *keys: str | int) -> PydanticCustomError:
    """A rule across keys that does not hold, told at `keys` below the section."""
    said = {"said": message, "keys": list(keys)}
    return PydanticCustomError("rule", "{said}", said)


class Standardize(Section):
    """How a text is made uniform before it is cut into tokens."""

    lowercase: bool = Field(True, description="write everything in lower case")
    html: Literal["strip", "keep"] = Field(
        "strip", description="tags such as <br />: a space each, or text like any other"
    )
    punctuation: Literal["drop", "split"] = Field(
        "drop", description="punctuation: a space, or a token of its own"
    )
    unicode: Literal["nfkc", "none"] = Field(
        "nfkc", description="Unicode normalisation, after tags and entities"
    )


RECALLED = 10  # symbols that task copy shows and wants back
# The least length of a classic test of memory.
SHORTEST = {"adding": 2, "copy": 1, "temporal_order": 5}
# What such a test leaves idle, or follows from its length.
OF_REVIEWS = (
    "vocabulary",
    "max_length",
    "keep",
    "standardize",
    "buckets",
    "distance",
    "noise",
)


def _added(task: str) -> int:
    """The timesteps of a sequence beyond `length`: what is copied, and its copy."""
    return 2 * RECALLED if task == "copy" else 0


def _timesteps(task: str, length: Any) -> int | None:
    """The timesteps of a test's sequence; None if there is none of that length."""
    if type(length) is not int or length < SHORTEST[task]:
        return None
    timesteps = length + _added(task)
    return timesteps if timesteps <= LONGEST else None


class DataSection(Section):
    """What every source of data has."""

    source: Literal["imdb", "files", "generated"] = Field(
        description="where the texts come from"
    )
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
        Standardize(), description="how a text is made uniform"
    )
    # XLA compiles the train step once for each.
    buckets: Annotated[list[Length], Field(min_length=1, max_length=64)] | None = Field(
        None,
        description="the lengths that batches are padded to; null: from max_length",
    )

    # The labels of a source that has always the same; a class attribute, no key.
    labels: ClassVar[tuple[str, ...] | None] = None

    @model_validator(mode="before")
    @classmethod
    def _null_undoes_a_key_of_another_source(cls, section: Any) -> Any:
        if not isinstance(section, dict):
            return section
        others = {key for source in SOURCES.values() for key in source.model_fields}
        others -= cls.model_fields.keys()
        return {
            key: value
            for key, value in section.items()
            if value is not None or key not in others
        }

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


class ImdbData(DataSection):
    """The Large Movie Review Dataset."""

    labels = ("negative", "positive")

    source: Literal["imdb"] = Field(
        "imdb", description="the Large Movie Review Dataset"
    )
    path: File | None = Field(
        None,
        description="an aclImdb folder or archive that is already there; "
        "null: downloaded once",
    )


class FilesData(DataSection):
    """CSV, TSV or JSONL files, or folders with one sub-folder per class."""

    source: Literal["files"] = Field("files", description="your own files")
    train: File = Field(description="training data: a file, or a folder of classes")
    test: File | None = Field(None, description="test data, likewise")
    validation: Annotated[
        Annotated[Share, Tag("(share)")] | Annotated[File, Tag("(file)")],
        Discriminator(
            lambda value: "(file)" if isinstance(value, str | Path) else "(share)"
        ),
    ] = Field(0.1, description="a share of the training data, or a file")
    text: str = Field("text", description="column of the texts")
    label: str = Field("label", description="column of the labels")
    bad_rows: Literal["stop", "skip"] = Field(
        "stop", description="a row that cannot be read stops the run, or is counted"
    )

    @field_validator("label")
    @classmethod
    def _label_is_not_the_text(cls, label: str, info: ValidationInfo) -> str:
        if label == info.data.get("text"):
            raise ValueError(f"{label[:40]!r} is the column of the texts already")
        return label


def _undone_by_null(schema: dict[str, Any]) -> None:
    """Let null undo what a base says of reviews, for the other tasks."""
    for key in OF_REVIEWS:
        found = schema["properties"][key]
        text = {
            each: found.pop(each)
            for each in ("description", "default")
            if each in found
        }
        branches = found.pop("anyOf", [found])
        if {"type": "null"} not in branches:
            branches = [*branches, {"type": "null"}]
        schema["properties"][key] = text | {"anyOf": branches}


class GeneratedData(DataSection):
    """Examples made on the spot: reviews, or one of the classic tests of memory.

    The sequences of a test all have one length, which `max_length` and `buckets`
    follow from.
    """

    model_config = ConfigDict(json_schema_extra=_undone_by_null)
    labels = ("negative", "positive")

    source: Literal["generated"] = Field(
        "generated", description="examples that are made on the spot"
    )
    task: Literal["reviews", "adding", "copy", "temporal_order"] = Field(
        "reviews", description="reviews with one deciding word, or a test of memory"
    )
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

    @model_validator(mode="before")
    @classmethod
    def _a_test_has_one_length(cls, section: Any) -> Any:
        if not isinstance(section, dict) or section.get("task") not in [*SHORTEST]:
            return section
        given = {
            key: value
            for key, value in section.items()
            if value is not None or key not in OF_REVIEWS
        }
        timesteps = _timesteps(section["task"], section.get("length", 60))
        if timesteps is None or given.get("max_length", timesteps) != timesteps:
            return given  # length or max_length has a problem of its own
        return {"max_length": timesteps, "buckets": [timesteps], **given}

    @field_validator("length")
    @classmethod
    def _fit_into_max_length(cls, length: int, info: ValidationInfo) -> int:
        task, max_length = info.data.get("task"), info.data.get("max_length", length)
        if task in SHORTEST:
            if _timesteps(task, length) is None:
                fewest, most = SHORTEST[task], LONGEST - _added(task)
                raise ValueError(
                    f"{length} is not in {fewest} to {most:,}, as task {task} needs"
                )
        elif length > max_length:
            raise ValueError(f"{length} is not at most max_length, here {max_length}")
        return length

    @field_validator("distance")
    @classmethod
    def _stay_below_length(cls, distance: int, info: ValidationInfo) -> int:
        length = info.data.get("length", distance + 1)
        if distance >= length and info.data.get("task") == "reviews":
            raise ValueError(f"{distance} is not below length, here {length}")
        return distance

    @model_validator(mode="after")
    def _a_test_has_no_texts(self) -> Self:
        if self.task == "reviews":
            return self
        timesteps = _timesteps(self.task, self.length)
        idle = {key: type(self).model_fields[key].default for key in OF_REVIEWS}
        idle |= {"max_length": timesteps, "buckets": [timesteps]}
        for key, value in idle.items():
            if getattr(self, key) != value:
                message = f"idle with task: {self.task}, needs task: reviews"
                raise _broken(message, key)
        return self


SOURCES = {"imdb": ImdbData, "files": FilesData, "generated": GeneratedData}
DataConfig = ImdbData | FilesData | GeneratedData


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
    ] = Field("tanh", description="of the candidate and the output")
    dropout: Rate = Field(0.0, description="dropout on the input of the layer")
    weight_dropout: Rate = Field(
        0.0, description="dropout on the state's weights, one pattern a batch (AWD)"
    )
    zoneout: Rate = Field(
        0.0, description="probability of a unit to keep its old state at a timestep"
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
        "glorot", description="start of the input's weights"
    )
    recurrent_initializer: Literal["orthogonal", "glorot", "identity"] = Field(
        "orthogonal", description="start of the state's weights"
    )
    bias_initializer: Literal["zeros", "forget_one", "chrono"] | None = Field(
        None,
        description="start of the biases; null: forget_one for lstm, else zeros",
        validate_default=True,
    )

    @field_validator("layer_norm")
    @classmethod
    def _normalize_gates_as_in_keras(cls, on: bool, info: ValidationInfo) -> bool:
        if on and info.data.get("cell") == "rnn":
            raise ValueError("true is for cell lstm or gru, not rnn")
        return _only_with(info, "formulation: standard", on or None, False) or False

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
        return _only_with(info, "cell: rnn", omega, None)

    @field_validator("output_units")
    @classmethod
    def _only_a_document_rnn_has_outputs(
        cls, units: int | None, info: ValidationInfo
    ) -> int | None:
        _only_with(info, "cell: rnn", units, None)
        return _only_with(info, "formulation: document", units, None)

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
            message = "idle with cell: rnn, needs output_units"
            raise _broken(message, "formulation")
        return self

    @property
    def width(self) -> int:
        """Features that the layer puts out."""
        return (1 + self.bidirectional) * (self.output_units or self.units)


class ModelConfig(Section):
    """Embedding, recurrent layers, pooling; the classes' layer follows by itself."""

    embedding: EmbeddingConfig = Field(
        EmbeddingConfig(), description="the table that turns token ids into vectors"
    )
    # Nobody trains more, and a graph of thousands takes hours to build.
    layers: Annotated[list[LayerConfig], Field(min_length=1, max_length=100)] = Field(
        [LayerConfig(cell="lstm", units=64)],
        description="recurrent layers, the first one sees the embedding",
    )
    pooling: Literal["last", "mean", "max", "concat"] = Field(
        "last",
        description="timesteps to one vector; concat: last, mean, max side by side",
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


class TrainConfig(Section):
    """How the model is trained."""

    # With 10^7 examples the steps still stay far below 2^63.
    epochs: Annotated[int, Field(ge=1, le=10**6)] = Field(
        10, description="passes over the training data, at most"
    )
    batch_size: Count = Field(64, description="examples a step")
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"] = Field(
        "adam", description="update rule"
    )
    learning_rate: Positive = Field(
        1e-3, description="rate after warm-up, where the schedule starts"
    )
    weight_decay: (
        Annotated[float, Field(ge=0, le=1e38), AfterValidator(_in_32_bits)] | None
    ) = Field(None, description="of adamw; null: 0.004", validate_default=True)
    momentum: (
        Annotated[float, Field(ge=0, lt=1), AfterValidator(_in_32_bits)] | None
    ) = Field(None, description="of sgd; null: none", validate_default=True)
    schedule: Literal["constant", "cosine", "linear", "step"] = Field(
        "constant", description="how the rate falls until the last step"
    )
    warmup_steps: NonNegative = Field(
        0, description="steps in which the rate rises from zero"
    )
    step_epochs: Count | None = Field(
        None, description="of schedule step: epochs a stair", validate_default=True
    )
    step_factor: Share | None = Field(
        None,
        description="of schedule step: rate of a stair by the one before; null: 0.1",
        validate_default=True,
    )
    clip_norm: Positive | None = Field(
        None, description="upper bound of the gradient's global norm; null: none"
    )
    monitor: Literal["loss", "accuracy"] = Field(
        "loss", description="what the best model and patience go by, on validation data"
    )
    patience: Count | None = Field(
        None, description="epochs without a better monitor before the end; null: no end"
    )
    class_weights: Annotated[
        Annotated[Literal["none", "balanced"], Tag("(word)")]
        | Annotated[dict[str, Positive], Field(min_length=2), Tag("(table)")],
        Discriminator(lambda value: "(table)" if isinstance(value, dict) else "(word)"),
    ] = Field("none", description="none, balanced, or a weight for each label")
    jit_compile: bool = Field(
        True, description="compile loops and update by XLA, for each padded length"
    )
    checkpoint_every: Count = Field(
        500, description="steps between checkpoints, the work that a kill may cost"
    )
    keep: Count = Field(
        2, description="checkpoints kept, besides that of the best epoch"
    )
    on_divergence: Literal["stop", "rollback"] = Field(
        "stop",
        description="a loss that is not finite: the end, or back to a checkpoint",
    )
    rollbacks: Count | None = Field(
        None,
        description="of on_divergence rollback: at most so many; null: 3",
        validate_default=True,
    )
    rollback_factor: Share | None = Field(
        None,
        description="of on_divergence rollback: new rate by the old; null: 0.5",
        validate_default=True,
    )

    @field_validator("weight_decay")
    @classmethod
    def _only_adamw_decays(
        cls, decay: float | None, info: ValidationInfo
    ) -> float | None:
        return _only_with(info, "optimizer: adamw", decay, 0.004)

    @field_validator("momentum")
    @classmethod
    def _only_sgd_has_momentum(
        cls, momentum: float | None, info: ValidationInfo
    ) -> float | None:
        return _only_with(info, "optimizer: sgd", momentum, 0.0)

    @field_validator("step_epochs")
    @classmethod
    def _only_stairs_have_a_length(
        cls, epochs: int | None, info: ValidationInfo
    ) -> int | None:
        return _only_with(info, "schedule: step", epochs, 5)

    @field_validator("step_factor")
    @classmethod
    def _only_stairs_have_a_factor(
        cls, factor: float | None, info: ValidationInfo
    ) -> float | None:
        return _only_with(info, "schedule: step", factor, 0.1)

    @field_validator("rollbacks")
    @classmethod
    def _only_rollback_is_limited(
        cls, number: int | None, info: ValidationInfo
    ) -> int | None:
        return _only_with(info, "on_divergence: rollback", number, 3)

    @field_validator("rollback_factor")
    @classmethod
    def _only_rollback_lowers_the_rate(
        cls, factor: float | None, info: ValidationInfo
    ) -> float | None:
        return _only_with(info, "on_divergence: rollback", factor, 0.5)


class LogConfig(Section):
    """What is written down while training."""

    every: Count = Field(50, description="steps between scalars")
    histograms: Count | None = Field(
        None,
        description="epochs between histograms of weights and gradients; null: none",
    )
    gradflow: Count | None = Field(
        None,
        description="steps between looks at the gradient's flow through time; "
        "null: none",
    )
    # One batch, and one table.
    samples: Annotated[int, Field(ge=0, le=1000)] = Field(
        8, description="sample predictions shown in TensorBoard"
    )


def _task(info: ValidationInfo) -> str:
    """The task of the data; that of texts of any source is `reviews`."""
    return getattr(info.data.get("data"), "task", "reviews")


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


class Config(Section):
    """A whole config."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(
        0, description="of every random choice"
    )
    data: Annotated[DataConfig, Field(discriminator="source")] = Field(
        GeneratedData(), description="what is learned from"
    )
    model: ModelConfig = Field(ModelConfig(), description="what learns")
    train: TrainConfig = Field(TrainConfig(), description="how it learns")
    log: LogConfig = Field(LogConfig(), description="what is written down meanwhile")
    shootout: ShootoutConfig | None = Field(
        None, description="who is compared by `seqtrain shootout`"
    )

    @field_validator("model")
    @classmethod
    def _chrono_has_lengths_to_spread_over(
        cls, model: ModelConfig, info: ValidationInfo
    ) -> ModelConfig:
        data = info.data.get("data")
        for index, layer in enumerate(model.layers):
            if layer.bias_initializer == "chrono" and data and data.max_length < 3:
                message = "'chrono' needs a data.max_length of at least 3"
                raise _broken(message, "layers", index, "bias_initializer")
        return model

    @field_validator("model")
    @classmethod
    def _a_residual_adds_like_to_like(
        cls, model: ModelConfig, info: ValidationInfo
    ) -> ModelConfig:
        # Of adding each timestep is a number and its mark.
        width = 2 if _task(info) == "adding" else model.embedding.dim
        for index, layer in enumerate(model.layers):
            if layer.residual and layer.width != width:
                message = f"true adds {width} features to {layer.width}, needs as many"
                raise _broken(message, "layers", index, "residual")
            width = layer.width
        top = model.layers[-1]
        both_ends = top.bidirectional and model.pooling == "last"
        if top.residual and (both_ends or model.pooling == "concat"):
            message = "true needs outputs that belong to one timestep, pooling: "
            message += f"{model.pooling} takes others; needs pooling: mean or max"
            raise _broken(message, "layers", len(model.layers) - 1, "residual")
        return model

    @field_validator("model")
    @classmethod
    def _fit_the_task(cls, model: ModelConfig, info: ValidationInfo) -> ModelConfig:
        task = _task(info)
        if task == "adding":  # reads numbers
            for key, field in EmbeddingConfig.model_fields.items():
                if getattr(model.embedding, key) != field.default:
                    raise _broken("idle with data.task: adding", "embedding", key)
        if task == "copy":  # has an output at each timestep
            if model.pooling != "last":
                raise _broken("idle with data.task: copy", "pooling")
            for index, layer in enumerate(model.layers):
                if layer.bidirectional:
                    message = "true would show data.task: copy what is to be remembered"
                    raise _broken(message, "layers", index, "bidirectional")
        return model

    @field_validator("train")
    @classmethod
    def _fit_what_is_counted(
        cls, train: TrainConfig, info: ValidationInfo
    ) -> TrainConfig:
        task = _task(info)
        if task == "adding" and train.monitor == "accuracy":
            message = "'accuracy' is not known of a sum, data.task: adding needs loss"
            raise _broken(message, "monitor")
        if task != "reviews" and train.class_weights != "none":
            message = f"idle with data.task: {task}, needs data.task: reviews"
            raise _broken(message, "class_weights")
        return train

    @field_validator("train")
    @classmethod
    def _class_weights_are_those_of_the_source(
        cls, train: TrainConfig, info: ValidationInfo
    ) -> TrainConfig:
        data, weights = info.data.get("data"), train.class_weights
        if data and data.labels and isinstance(weights, dict):
            if weights.keys() != set(data.labels):
                raise _broken(
                    f"source {data.source} needs a weight for each of "
                    f"{', '.join(data.labels)}",
                    "class_weights",
                )
        return train
