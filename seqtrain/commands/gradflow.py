"""`seqtrain gradflow`: measure how far back in time the gradient reaches."""

import json
import shutil
from pathlib import Path
from typing import Annotated

import typer

from ..errors import printable
from ..system.quiet import exit_on_ctrl_c, import_tensorflow
from .arguments import Json, Overrides, at_home
from .configs import read_config_and_data
from .opening import open_trained
from .output import print_result, say


def gradflow(
    target: Annotated[
        str,
        typer.Argument(
            metavar="RUN|CONFIG", help="A run, or a config whose model is untrained."
        ),
    ],
    set_: Overrides = None,
    batches: Annotated[
        int, typer.Option(min=1, help="Batches of the training data to look at.")
    ] = 8,
    json_: Json = False,
) -> None:
    """Measure how far back in time the gradient reaches, layer by layer."""
    from ..runs.data_of_run import change_data, pointing_to_data
    from ..runs.run import is_run

    path = at_home(target)
    run = open_trained(path) if is_run(str(path)) else None
    if run is None:
        path, config, data = read_config_and_data(target, set_)
    else:
        change_data(run, set_ or ())
    import_tensorflow()
    with exit_on_ctrl_c():
        from ..analysis.gradflow import gradflow_of_config, gradflow_of_run
        from ..figures.canvas import write_png
        from ..figures.gradflow import draw_curves
        from ..tables.gradflow import format_gradflow

    if run is None:
        result = gradflow_of_config(path.stem, config, data, batches=batches)
        figure = Path(f"gradflow-{path.stem}.png")
    else:
        with pointing_to_data(run):
            result = gradflow_of_run(run, batches=batches)
        figure = run.path / "gradflow.png"
    write_png(draw_curves(result["layers"], printable(result["name"])), figure)
    if json_:
        print_result(json.dumps(result, indent=2))
    else:
        print_result(format_gradflow(result, shutil.get_terminal_size().columns))
    say(f"figure: {figure}")
