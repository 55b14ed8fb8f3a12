"""The whole config: its sections, and the rules across them."""

from collections.abc import Iterable, Mapping
from functools import reduce
from operator import or_
from typing import Annotated

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator
from pydantic_core import PydanticKnownError

from ..sections.base import Section, broken_rule
from ..sections.data import DataSection
from ..sections.log import LogConfig
from ..sections.model import ModelConfig
from ..sections.shootout import ShootoutConfig
from ..sections.train import TrainConfig
from ..tasks import KINDS, kind_of
from ..tasks.inputs import Broken
from ..tasks.texts import GeneratedData

SECTIONS = [section for kind in KINDS for section in kind.sections]


def only_value(section: type[DataSection], key: str) -> str | None:
    """Return the one value of `source` or `task` in a section; None: no such key."""
    field = section.model_fields.get(key)
    return field.default if field else None


# By source, in the order of the kinds; the first section of a source needs no `task`.
SOURCES: dict[str, list[type[DataSection]]] = {}
for _section in SECTIONS:
    SOURCES.setdefault(only_value(_section, "source"), []).append(_section)


def section_of(values: Mapping[str, object]) -> type[DataSection] | None:
    """Return the class that `source` and `task` choose; None for an unknown source.

    An unknown `task` chooses the first section of its source, which then refuses it.
    """
    source = values.get("source")
    sections = SOURCES.get(source) if isinstance(source, str) else None
    if not sections:
        return None
    named = (
        each for each in sections if only_value(each, "task") == values.get("task")
    )
    return next(named, sections[0])


def _tag(data: object) -> str | None:
    if isinstance(data, DataSection):
        return type(data).__name__
    if not isinstance(data, Mapping) or "source" not in data:
        return None
    section = section_of(data)
    return section.__name__ if section else str(data["source"])


DataConfig = Annotated[
    reduce(or_, [Annotated[each, Tag(each.__name__)] for each in SECTIONS]),
    Discriminator(_tag),
]


class Config(Section):
    """The whole config: one field for each section."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(
        0, description="seed of every random choice"
    )
    data: DataConfig = Field(GeneratedData(), description="what is learned from")
    model: ModelConfig = Field(ModelConfig(), description="what learns")
    train: TrainConfig = Field(TrainConfig(), description="how it learns")
    log: LogConfig = Field(LogConfig(), description="what is logged while training")
    shootout: ShootoutConfig | None = Field(
        None, description="which models `seqtrain shootout` compares"
    )

    @field_validator("data", mode="before")
    @classmethod
    def _null_removes_a_key_of_another_section(cls, data: object) -> object:
        if not isinstance(data, Mapping | DataSection):
            raise PydanticKnownError("model_attributes_type")
        section = section_of(data) if isinstance(data, Mapping) else None
        if section is None:
            return data
        others = {key for other in SECTIONS for key in other.model_fields}
        others -= section.model_fields.keys()
        return {
            key: value
            for key, value in data.items()
            if value is not None or key not in others
        }

    @field_validator("model")
    @classmethod
    def _chrono_needs_long_sequences(
        cls, model: ModelConfig, info: ValidationInfo
    ) -> ModelConfig:
        data = info.data.get("data")
        for index, layer in enumerate(model.layers):
            if layer.bias_initializer == "chrono" and data and data.max_length < 3:
                message = "'chrono' needs a data.max_length of at least 3"
                raise broken_rule(message, "layers", index, "bias_initializer")
        return model

    @field_validator("model")
    @classmethod
    def _residuals_add_equal_widths(
        cls, model: ModelConfig, info: ValidationInfo
    ) -> ModelConfig:
        data = info.data.get("data")
        width = kind_of(data).inputs.width(model) if data else None
        for index, layer in enumerate(model.layers):
            if layer.residual and width not in (None, layer.width):
                message = f"true adds {width} features to {layer.width}, needs as many"
                raise broken_rule(message, "layers", index, "residual")
            width = layer.width
        top = model.layers[-1]
        both_ends = top.bidirectional and model.pooling == "last"
        if top.residual and (both_ends or model.pooling == "concat"):
            message = "true needs outputs that belong to one timestep, pooling: "
            message += f"{model.pooling} takes others; needs pooling: mean or max"
            raise broken_rule(message, "layers", len(model.layers) - 1, "residual")
        return model

    @field_validator("model")
    @classmethod
    def _fit_the_data(cls, model: ModelConfig, info: ValidationInfo) -> ModelConfig:
        if data := info.data.get("data"):
            kind = kind_of(data)
            _refuse(kind.inputs.broken(model, kind.name))
            _refuse(kind.target.broken(model, kind.name))
            _refuse(kind.broken_model(model))
        return model

    @field_validator("train")
    @classmethod
    def _fit_the_target(cls, train: TrainConfig, info: ValidationInfo) -> TrainConfig:
        if data := info.data.get("data"):
            kind = kind_of(data)
            _refuse(kind.broken_train(train))
            if train.monitor not in kind.target.metrics:
                message = f"{train.monitor!r} is not measured of such data, needs loss"
                raise broken_rule(message, "monitor")
            if train.class_weights != "none" and not kind.target.fewest_labels:
                raise broken_rule(
                    "has no effect on data without classes", "class_weights"
                )
        return train

    @field_validator("train")
    @classmethod
    def _class_weights_are_those_of_the_source(
        cls, train: TrainConfig, info: ValidationInfo
    ) -> TrainConfig:
        data, weights = info.data.get("data"), train.class_weights
        if data and data.labels and isinstance(weights, dict):
            if weights.keys() != set(data.labels):
                raise broken_rule(
                    f"source {data.source} needs a weight for each of "
                    f"{', '.join(data.labels)}",
                    "class_weights",
                )
        return train


def _refuse(broken: Iterable[Broken]) -> None:
    for message, keys in broken:
        raise broken_rule(message, *keys)
