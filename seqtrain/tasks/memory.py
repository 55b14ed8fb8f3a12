"""What the classic tests of memory share.

In each of them something early in the sequence decides what is right at its end, and
the best score without memory is known.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

import numpy as np
from pydantic import ConfigDict, field_validator, model_validator

from ..data.encoded import Data, Encoded
from ..data.vocabulary import RESERVED, Vocabulary
from ..sections.base import LONGEST, broken_rule
from ..sections.data import Standardize
from ..sections.model import ModelConfig
from ..sections.train import TrainConfig
from ..terminal.columns import number
from .inputs import Broken, Numbers, Tokens
from .kind import Baselines, Kind, nothing_broken
from .made import MadeSection, read_split, refuse_file
from .targets import Label, StepLabels, Value

# Keys that have no effect on a test of memory, or follow from its length.
_FIXED_KEYS = (
    "vocabulary",
    "max_length",
    "keep",
    "standardize",
    "tokens",
    "buckets",
    "distance",
    "noise",
)
# Runs that were made with them keep them in their configs.
_FORMER_DEFAULTS = {"standardize": Standardize(punctuation="drop")}


class Sequences(NamedTuple):
    """Examples that all have the same length.

    Args:
        inputs: Token ids `(examples, timesteps)`, int32, or numbers
            `(examples, timesteps, features)`, float32.
        targets: Classes `(examples,)` or `(examples, timesteps)`, int32, or values
            `(examples,)`, float32.
    """

    inputs: np.ndarray
    targets: np.ndarray


def _allow_null(schema: dict) -> None:
    """Let the JSON Schema accept null for the keys that a base may have set."""
    for key in _FIXED_KEYS:
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
    """The `data` section of a test of memory.

    All sequences have the same length, from which `max_length` and `buckets` follow.
    The keys that have no effect may be there with their default values, present or
    former, as they are in the configs that runs keep.
    """

    model_config = ConfigDict(json_schema_extra=_allow_null)
    shortest: ClassVar[int] = 1  # the smallest `length`
    added: ClassVar[int] = 0  # timesteps of a sequence in addition to `length`

    @model_validator(mode="before")
    @classmethod
    def _derive_lengths(cls, section: object) -> object:
        if not isinstance(section, dict):
            return section
        given = {
            key: value
            for key, value in section.items()
            if value is not None or key not in _FIXED_KEYS
        }
        length = section.get("length", cls.model_fields["length"].default)
        if type(length) is not int or not cls.shortest <= length <= cls._longest():
            return given  # `_is_possible` refuses it
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
    def _has_no_keys_without_effect(self) -> Self:
        timesteps = self.length + self.added
        needed = {key: type(self).model_fields[key].default for key in _FIXED_KEYS}
        needed |= {"max_length": timesteps, "buckets": [timesteps]}
        for key, value in needed.items():
            if getattr(self, key) not in (value, _FORMER_DEFAULTS.get(key, value)):
                message = f"has no effect with task: {self.task}, needs task: reviews"
                raise broken_rule(message, key)
        return self

    @classmethod
    def _longest(cls) -> int:
        return LONGEST - cls.added


@dataclass(frozen=True)
class MemoryReport:
    """The counts that describe the data of a test of memory.

    Args:
        task: The name of the test.
        examples: Number of examples by part.
        timesteps: Timesteps of each example.
        chance: The best that a model without memory can reach, by metric.
    """

    task: str
    examples: dict[str, int]
    timesteps: int
    chance: dict[str, float]
    warnings: ClassVar[tuple[str, ...]] = ()

    def text(self) -> str:
        """Return the report as aligned lines of at most 80 columns."""
        chance = ", ".join(
            f"{name} {number(value, '.4f')}" for name, value in self.chance.items()
        )
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
    broken_model: Callable[[ModelConfig], Iterator[Broken]] = nothing_broken,
    broken_train: Callable[[TrainConfig], Iterator[Broken]] = nothing_broken,
) -> Kind:
    """Return the kind of a test of memory.

    Args:
        section: The `data` section of the test.
        inputs: What a model reads.
        target: What a model predicts.
        make: `make(count, length, rng)` generates `count` examples.
        chance: The best that a model without memory can reach, by metric.
        tokens: The tokens by id, without padding and unknown.
        labels: The names of the classes by index.
        broken_model: Yields the keys of a `model` section that the test refuses.
        broken_train: Yields the keys of a `train` section that the test refuses,
            besides `class_weights`, which all tests of memory refuse.
    """
    name = section.model_fields["task"].default
    own_vocab = Vocabulary([*RESERVED, *tokens])

    def load(config: MemoryData, seed: int, vocab: Vocabulary | None) -> Data:
        # Examples are independent of each other, so the first ones can be validation's.
        validation = max(1, round(config.validation * config.examples))
        validation = min(validation, config.examples - 1)
        train, test = (
            make(count, config.length, np.random.default_rng([seed, part]))
            for part, count in enumerate((config.examples, config.test_examples))
        )
        parts = {
            "training": Sequences(*(array[validation:] for array in train)),
            "validation": Sequences(*(array[:validation] for array in train)),
            "test": test,
        }
        report = MemoryReport(
            task=name,
            examples={part: len(made.targets) for part, made in parts.items()},
            timesteps=config.max_length,
            chance=dict(chance(config)),
        )
        encoded = [_encode(part, target.per_step) for part in parts.values()]
        return Data(*encoded, own_vocab, [*labels], config.buckets, report, {})

    def all_broken_train(train: TrainConfig) -> Iterator[Broken]:
        yield from broken_train(train)
        if train.class_weights != "none":
            message = f"has no effect with data.task: {name}, needs data.task: reviews"
            yield message, ("class_weights",)

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
        broken_model=broken_model,
        broken_train=all_broken_train,
    )
    return kind


def _encode(part: Sequences, per_step: bool) -> Encoded:
    count, timesteps, *features = part.inputs.shape
    inputs = part.inputs.reshape(-1, *features)
    targets = part.targets.reshape(-1) if per_step else part.targets
    lengths = np.full(count, timesteps)
    return Encoded.joined(inputs, lengths, targets, per_step=per_step)
