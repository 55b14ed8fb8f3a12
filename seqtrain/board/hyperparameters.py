"""The values of a config, for the dashboard that compares hyperparameters."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams.api import hparams_pb

from ..config import Config

Value = str | float | bool


def hyperparameters(config: Config) -> Summary:
    """What a run was trained with, by short names, as TensorBoard compares it."""
    # With an empty id the dashboard shows the name of the run.
    return hparams_pb(named_values(config), trial_id="")


def named_values(config: Config) -> dict[str, Value]:
    """Each value of a config that is set, by its key without the section.

    A key that two sections have keeps its section: `data.keep`, `train.keep`. Layers
    are numbered even if there is one, so that runs with one and with two can be
    compared.
    """
    sections = config.model_dump(exclude={"log", "shootout"})
    values = dict(_flatten(sections))
    shared = Counter(_without_section(key) for key in values)
    return {
        key if shared[_without_section(key)] > 1 else _without_section(key): value
        for key, value in values.items()
    }


def _without_section(key: str) -> str:
    return key.partition(".")[2] or key


def _flatten(value: object, place: str = "") -> Iterator[tuple[str, Value]]:
    """Yield each value with its key, as `--set` takes it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flatten(inner, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list | tuple):
        if any(isinstance(item, dict) for item in value):
            for index, item in enumerate(value):
                yield from _flatten(item, f"{place}[{index}]")
        else:
            yield place, ", ".join(str(_shown(item)) for item in value)
    elif value is not None:
        yield place, _shown(value)


def _shown(value: Value | Path) -> Value:
    """A path by its last two parts: those before are mostly the same for all runs."""
    return "/".join(value.parts[-2:]) if isinstance(value, Path) else value
