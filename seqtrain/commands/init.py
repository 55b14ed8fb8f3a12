"""`seqtrain init`: write a first config for a user's data."""

from pathlib import Path
from typing import Annotated

import typer

from ..errors import command
from .arguments import PATH, at_home
from .output import print_result, say


def init(
    data: Annotated[
        Path | None,
        typer.Argument(
            parser=at_home,
            help="A file or a folder of labelled texts; generated reviews if not "
            "given.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The config to write; its name follows from DATA.", **PATH),
    ] = None,
) -> None:
    """Write a commented config for your data, its guesses marked."""
    from ..analysis.init import init

    path = init(data, out)
    print_result(str(path))
    say(f"next: {command('check', path)}")
