"""The arguments and options that several commands share."""

import os
from pathlib import Path
from typing import Annotated

import typer

from ..errors import ConfigError


def at_home(path: str) -> Path:
    """Take `~` at the start of a path for the home folder, which shells may leave."""
    return Path(os.path.expanduser(path))


PATH = {"parser": at_home, "metavar": "PATH"}  # of every option that is a path

ConfigName = Annotated[
    str, typer.Argument(help="A YAML file, or the name of a shipped config.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key; may be repeated."),
]
DataOverrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override where the run's data is, or how it is read: data.test=PATH, "
        "data.text=COLUMN; may be repeated.",
    ),
]
RunPath = Annotated[
    Path | None,
    typer.Argument(
        parser=at_home,
        help="A run directory or its name; the newest if not given.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def refuse_together(command: str, options: dict[str, object]) -> None:
    """Refuse options that exclude each other.

    Args:
        command: The command that they belong to.
        options: The values by name; None, False or empty if not given.

    Raises:
        ConfigError: If more than one is given.
    """
    given = [name for name, value in options.items() if value not in (None, False, [])]
    if len(given) > 1:
        raise ConfigError(f"{command}: {' and '.join(given)} exclude each other")
