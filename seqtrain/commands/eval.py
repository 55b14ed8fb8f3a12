"""`seqtrain eval`: measure how good a trained model is."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from ..system.quiet import exit_on_ctrl_c, import_tensorflow
from .arguments import PATH, DataOverrides, Json, RunPath, refuse_together
from .opening import open_trained
from .output import print_result, say


def evaluate(
    context: typer.Context,
    run: RunPath = None,
    data: Annotated[
        Path | None, typer.Option(help="A data file to take instead.", **PATH)
    ] = None,
    split: Annotated[
        Literal["test", "validation", "train"],
        typer.Option(help="Part of the run's own data."),
    ] = "test",
    set_: DataOverrides = None,
    json_: Json = False,
) -> None:
    """Measure a trained model, beside two baselines."""
    split_given = context.get_parameter_source("split").name != "DEFAULT"
    refuse_together("eval", {"--data": data, "--split": split_given})
    from ..runs.data_of_run import change_data, pointing_to_data

    directory = open_trained(run)
    change_data(directory, set_ or (), data)
    import_tensorflow()
    with exit_on_ctrl_c():
        from ..analysis.evaluate import evaluate
        from ..tables.evaluation import format_evaluation

    with pointing_to_data(directory):
        result = evaluate(directory, split=split, data=data)
    for note in result["notes"]:
        say(f"warning: {note}")
    print_result(json.dumps(result, indent=2) if json_ else format_evaluation(result))
