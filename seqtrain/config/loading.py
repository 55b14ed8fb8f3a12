"""Load a `Config` from a file and write it back; find the shipped configs."""

import io
import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError
from yaml import Node

from ..errors import ConfigError, shorten
from ..spelling import did_you_mean
from .nodes import compose, dump, plain
from .problems import Problem, report
from .reading import override, read
from .whole import Config
from .wording import explain


def load_config(path: Path | str, overrides: Sequence[str] = ()) -> Config:
    """Read a config; report all its problems at once.

    Overrides take precedence over the file, the file over the base that it `extends`,
    and the base over the defaults.

    Args:
        path: A YAML file.
        overrides: Settings such as `train.epochs=3` or `model.layers.0.units=32`.

    Raises:
        ConfigError: If the config has problems; the message lists and counts them.
    """
    problems = []
    try:
        root = read(Path(path), problems)
    except Problem as problem:
        raise report([*problems, problem], str(path)) from None
    return _overridden(root, overrides, problems, str(path))


def override_config(config: Config, overrides: Sequence[str]) -> Config:
    """Return a config with some of its keys overridden.

    Raises:
        ConfigError: If the settings are wrong; the message lists and counts them.
    """
    problems = []
    root = compose(io.StringIO(dump_config(config)), "config", problems)
    return _overridden(root, overrides, problems, "--set")


def dump_config(config: Config) -> str:
    """Return the config as YAML with all defaults; it loads to an equal config."""
    return dump(config.model_dump(mode="json"))


def _overridden(
    root: Node, overrides: Sequence[str], problems: list[Problem], name: str
) -> Config:
    for setting in overrides:
        try:
            root = override(root, setting)
        except Problem as problem:
            problems.append(problem)
    try:
        config = Config.model_validate(plain(root))
    except ValidationError as error:
        problems += explain(error, root)
    if problems:
        raise report(problems, name)
    return config


def find_config(name: str) -> Path:
    """Return the path of a config, given its path or the name of a shipped one.

    Raises:
        ConfigError: If there is no such config.
    """
    path = Path(os.path.expanduser(name))
    shipped = {path.stem: path for path in shipped_configs()}
    short = path.name.removesuffix(".yaml")
    in_configs = short in shipped and path.parent in (Path("."), Path("configs"))
    try:
        if in_configs and not path.is_file():
            return shipped[short]
        if path.exists():
            return path
        there = map(str, path.parent.glob("*.yaml"))
        near = did_you_mean(name, [*shipped, *there])
    except OSError as error:  # such as a name that is too long
        raise ConfigError(
            f"{shorten(name)}: cannot be read, {error.strerror}"
        ) from None
    hint = near or f"give a path, or one of {', '.join(shipped)}"
    raise ConfigError(f"{name}: there is no such config", hint=hint)


def shipped_configs() -> list[Path]:
    """Return the configs that come with seqtrain, sorted by path."""
    package = Path(__file__).parents[1]
    in_wheel, in_repository = package / "configs", package.parent / "configs"
    folder = in_wheel if in_wheel.is_dir() else in_repository
    return sorted(folder.rglob("*.yaml"))
