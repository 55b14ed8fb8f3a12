"""`seqtrain board`: runs in TensorBoard."""

from pathlib import Path
from typing import Annotated

import typer


def board(
    runs: Annotated[Path, typer.Argument(help="A folder of runs, or one run.")] = Path(
        "runs"
    ),
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="0 takes any free port.")
    ] = 6006,
) -> None:
    """Show runs in TensorBoard until Ctrl-C."""
    from ..board.serve import serve

    serve(runs, port=port)
