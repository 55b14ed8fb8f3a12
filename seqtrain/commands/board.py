"""`seqtrain board`: runs in TensorBoard."""

from pathlib import Path
from typing import Annotated

import typer

from .arguments import at_home


def board(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            parser=at_home,
            help="Folders of runs, or single runs.",
            show_default="runs",
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="0 takes any free port.")
    ] = 6006,
    host: Annotated[
        str,
        typer.Option(
            help="The address that it answers to; 0.0.0.0 lets other machines look."
        ),
    ] = "localhost",
) -> None:
    """Show runs in TensorBoard until Ctrl-C.

    To look at the runs of a distant machine, leave --host as it is and tunnel:
    ssh -L 6006:localhost:6006 MACHINE, then open the address here.
    """
    from ..board.serve import serve

    serve(runs or [Path("runs")], host=host, port=port)
