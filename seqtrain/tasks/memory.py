"""The classic tests of memory: what they have in common.

In each of them something at the beginning decides what is right at the end, and what
a model without memory reaches is known.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from pydantic import ConfigDict, field_validator, model_validator

from ..data.encoded import Data, Encoded
from ..data.vocabulary import RESERVED, Vocabulary
from ..sections.base import LONGEST, broken_rule
from ..sections.train import TrainConfig
from .inputs import Broken, Numbers, Tokens
from .kind import Baselines, Kind, nothing_broken
from .made import MadeSection, read_split, refuse_file
from .targets import Label, StepLabels, Value

# Keys of reviews, which have no effect here or follow from the length.
_OF_REVIEWS = (
    "vocabulary",
    "max_length",
    "keep",
    "standardize",
    "buckets",
    "distance",
    "noise",
)


class Sequences(NamedTuple):
    """Examples of one length.

    Args:
        inputs: Token ids `(examples, timesteps)`, int32, or numbers
            `(examples, timesteps, features)`, float32.
        targets: Classes `(examples,)` or `(examples, timesteps)`, int32, or values
            `(examples,)`, float32.
    """

    inputs: np.ndarray
    targets: np.ndarray


def _undone_by_null(schema: dict[str, Any]) -> None:
    """Let null undo what a base says of reviews."""
    for key in _OF_REVIEWS:
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


class MemoryData(MadeSection):
    """A test of memory, whose sequences all have one length.

    `max_length` and `buckets` follow from it. The keys of reviews may stand at their
    defaults, as they do in the configs that runs keep.
    """

    model_config = ConfigDict(json_schema_extra=_undone_by_null)
    shortest: ClassVar[int] = 1  # the least `length`
    added: ClassVar[int] = 0  # timesteps of a sequence beyond `length`

    @model_validator(mode="before")
    @classmethod
    def _has_one_length(cls, section: Any) -> Any:
        if not isinstance(section, dict):
            return section
        given = {
            key: value
            for key, value in section.items()
            if value is not None or key not in _OF_REVIEWS
        }
        length = section.get("length", cls.model_fields["length"].default)
        if type(length) is not int or not cls.shortest <= length <= cls._longest():
            return given  # it has a problem of its own
        timesteps = length + cls.added
        if given.get("max_length", timesteps) != timesteps:
            return given
        return {"max_length": timesteps, "buckets": [timesteps], **given}

    @field_validator("length")
    @classmethod
    def _is_possible(cls, length: int) -> int:
        if not cls.shortest <= length <= cls._longest():
            raise ValueError(
                f"{length} is not in {cls.shortest} to {cls._longest():,}, as task "
                f"{cls.model_fields['task'].default} needs"
            )
        return length

    @model_validator(mode="after")
    def _has_no_texts(self) -> Self:
        timesteps = self.length + self.added
        plain = {key: type(self).model_fields[key].default for key in _OF_REVIEWS}
        plain |= {"max_length": timesteps, "buckets": [timesteps]}
        for key, value in plain.items():
            if getattr(self, key) != value:
                message = f"has no effect with task: {self.task}, needs task: reviews"
                raise broken_rule(message, key)
        return self

    @classmethod
    def _longest(cls) -> int:
        return LONGEST - cls.added


@dataclass(frozen=True)
class MemoryReport:
    """What the data of a test holds.

    Args:
        task: Its name.
        examples: How many, by split.
        timesteps: How many each of them has.
        chance: What a model without memory reaches, by metric.
    """

    task: str
    examples: dict[str, int]
    timesteps: int
    chance: dict[str, float]

    def text(self) -> str:
        """Return the report as aligned lines of at most 80 columns."""
        chance = ", ".join(f"{name} {value:.4f}" for name, value in self.chance.items())
        return "\n".join(
            [
                f"{self.task:24}" + "".join(f"{name:>17}" for name in self.examples),
                "examples".ljust(24)
                + "".join(f"{count:17,}" for count in self.examples.values()),
                f"{self.timesteps:,} timesteps each",
                f"without memory: {chance}",
            ]
        )


def memory_kind(
    section: type[MemoryData],
    inputs: Tokens | Numbers,
    target: Label | Value | StepLabels,
    make: Callable[[int, int, np.random.Generator], Sequences],
    *,
    chance: Callable[[MemoryData], Mapping[str, float]],
    tokens: Sequence[str] = (),
    labels: Sequence[str] = (),
    **rules: Callable,
) -> Kind:
    """Return the kind of a test of memory.

    Args:
        section: Its part of the config.
        inputs: What is read.
        target: What is wanted.
        make: `make(count, length, rng)` makes examples.
        chance: What a model without memory reaches at best, by metric.
        tokens: The tokens, without padding and unknown.
        labels: The classes by index.
        **rules: `broken_model` and `broken_train` of the kind.
    """
    name = section.model_fields["task"].default
    vocab, names = Vocabulary([*RESERVED, *tokens]), [*labels]

    def load(config: MemoryData, seed: int, given: Vocabulary | None) -> Data:
        # Each example is drawn without a look at others.
        judged = max(1, round(config.validation * config.examples))
        judged = min(judged, config.examples - 1)
        train, test = (
            make(count, config.length, np.random.default_rng([seed, part]))
            for part, count in enumerate((config.examples, config.test_examples))
        )
        parts = {
            "training": Sequences(*(each[judged:] for each in train)),
            "validation": Sequences(*(each[:judged] for each in train)),
            "test": test,
        }
        report = MemoryReport(
            task=name,
            examples={part: len(each.targets) for part, each in parts.items()},
            timesteps=config.max_length,
            chance=dict(chance(config)),
        )
        encoded = [_joined(each, target.per_step) for each in parts.values()]
        return Data(*encoded, vocab, names, config.buckets, report, {})

    kind = Kind(
        name=name,
        sections=(section,),
        inputs=inputs,
        target=target,
        load=load,
        read_split=lambda trained, split: read_split(kind, trained, split),
        read_file=refuse_file,
        baselines=Baselines(
            prepare=lambda trained: None,
            measure=lambda trained, part: {"chance": dict(chance(trained.section))},
        ),
        chance=chance,
        broken_model=rules.get("broken_model", nothing_broken),
        broken_train=functools.partial(
            _broken_train, name, rules.get("broken_train", nothing_broken)
        ),
    )
    return kind


def _broken_train(name: str, own: Callable, train: TrainConfig) -> Iterator[Broken]:
    yield from own(train)
    if train.class_weights != "none":
        message = f"has no effect with data.task: {name}, needs data.task: reviews"
        yield message, ("class_weights",)


def _joined(part: Sequences, per_step: bool) -> Encoded:
    count, timesteps, *features = part.inputs.shape
    inputs = part.inputs.reshape(-1, *features)
    targets = part.targets.reshape(-1) if per_step else part.targets
    lengths = np.full(count, timesteps)
    return Encoded.joined(inputs, lengths, targets, per_step=per_step)
