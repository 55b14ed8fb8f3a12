"""`seqtrain shootout`: cells and cures against each other."""

import json
from pathlib import Path
from typing import Annotated

import typer

from ..system.interruption import exit_on_signals
from ..system.quiet import exit_on_ctrl_c, import_tensorflow
from .arguments import PATH, ConfigName, Json, Overrides
from .configs import read_config
from .output import print_result, say


def shootout(
    config: ConfigName,
    set_: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Where the runs go, and go on if they are there; "
            "runs/<config> if not given.",
            **PATH,
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Compare cells and cures: equal parameters, updates and data, several seeds."""
    path, _ = read_config(config, set_)
    exit_on_signals()
    import_tensorflow()
    with exit_on_ctrl_c():
        from ..analysis.shootout import shootout
        from ..figures.canvas import write_png
        from ..figures.shootout import draw_shootout
        from ..tables.shootout import format_shootout

    folder = out or Path("runs") / path.stem
    result = shootout(path, set_ or (), folder, say=say)
    write_png(draw_shootout(result), folder / "shootout.png")
    print_result(json.dumps(result, indent=2) if json_ else format_shootout(result))
    say(f"figure: {folder / 'shootout.png'}")
