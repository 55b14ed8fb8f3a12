"""The config: what a YAML file may say, and how to read it."""

from .loading import dump_config, find_config, load_config, shipped_configs
from .schema import (
    RECALLED,
    Config,
    DataConfig,
    EmbeddingConfig,
    FilesData,
    GeneratedData,
    ImdbData,
    LayerConfig,
    LogConfig,
    ModelConfig,
    Standardize,
    TrainConfig,
)

__all__ = [
    "RECALLED",
    "Config",
    "DataConfig",
    "EmbeddingConfig",
    "FilesData",
    "GeneratedData",
    "ImdbData",
    "LayerConfig",
    "LogConfig",
    "ModelConfig",
    "Standardize",
    "TrainConfig",
    "dump_config",
    "find_config",
    "load_config",
    "shipped_configs",
]
