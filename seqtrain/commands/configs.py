"""Read the config that a command was given, alone or with its data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .output import say

if TYPE_CHECKING:
    from ..config import Config
    from ..tasks import Data


def read_config(name: str, overrides: list[str] | None) -> tuple[Path, Config]:
    """Find a config by its path or name; return the path and the config.

    Raises:
        ConfigError: If there is no such config, or something is wrong with it.
    """
    from ..config import find_config, load_config

    path = find_config(name)
    return path, load_config(path, overrides or ())


def read_config_and_data(
    name: str, overrides: list[str] | None
) -> tuple[Path, Config, Data]:
    """Read a config and load its data; check that they fit.

    Raises:
        ConfigError: If there is no such config, or something is wrong with it.
        DataError: If something is wrong with the data.
    """
    path, config = read_config(name, overrides)
    from ..tasks import load_data
    from ..tasks.class_weights import class_weights

    data = load_data(config.data, seed=config.seed)
    class_weights(config.train.class_weights, data)  # raises if labels are wrong
    return path, config, data


def warn(data: Data) -> None:
    """Print what is probably not as it was meant in the data of a config."""
    for warning in data.report.warnings:
        say(f"warning: {warning}")
