"""`seqtrain runs`: the table of runs."""

from pathlib import Path
from typing import Annotated

import typer

from ..errors import RunError
from .arguments import at_home
from .output import print_result, say


def runs(
    folder: Annotated[
        Path, typer.Argument(parser=at_home, help="A folder of runs.")
    ] = Path("runs"),
) -> None:
    """List the runs, the newest first."""
    from ..runs.run import list_runs
    from ..tables.runs import find_damage, runs_table

    found = list_runs(folder)
    if not found:
        raise RunError(
            f"{folder}: no run found", hint="`seqtrain train quickstart` makes one"
        )
    print_result(runs_table(found))
    for damage in filter(None, map(find_damage, found)):
        say(f"warning: {damage}")
