"""`seqtrain board`: runs in TensorBoard."""

from pathlib import Path
from typing import Annotated

import typer


def board(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders of runs, or single runs.", show_default="runs"),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="0 takes any free port.")
    ] = 6006,
) -> None:
    """Show runs in TensorBoard until Ctrl-C."""
    from ..board.serve import serve

    serve(runs or [Path("runs")], port=port)
