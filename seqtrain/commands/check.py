"""`seqtrain check`: find what is wrong with a config and its data."""

from typing import Annotated

import typer

from .arguments import ConfigName, Overrides
from .configs import read_config, read_config_and_data, warn
from .output import print_result, say


def check(
    config: ConfigName,
    set_: Overrides = None,
    no_data: Annotated[
        bool, typer.Option("--no-data", help="Check the config alone.")
    ] = False,
) -> None:
    """Say everything that is wrong with a config and its data."""
    if no_data:
        path, _ = read_config(config, set_)
        print_result(f"{path}: nothing is wrong with the config")
        return
    path, read, data = read_config_and_data(config, set_)
    from ..models.footprint import describe_memory

    memory, warning = describe_memory(read, data)
    print_result(f"{data.report.text()}\n{memory}")
    if warning:
        say(warning)
    warn(data)
    if count := len(data.report.warnings) + bool(warning):
        found = f"no error, but {count} warning{'s' if count > 1 else ''}"
    else:
        found = "nothing is wrong"
    print_result(f"{path}: {found}")
