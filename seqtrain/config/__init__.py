"""The config: what a YAML file may say, and how to read it."""

from .loading import (
    dump_config,
    find_config,
    load_config,
    override_config,
    shipped_configs,
)
from .whole import Config

__all__ = [
    "Config",
    "dump_config",
    "find_config",
    "load_config",
    "override_config",
    "shipped_configs",
]
