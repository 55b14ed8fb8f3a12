"""The command line: parse, call, print."""

import contextlib
import json
import re
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import typer

from . import __version__
from .errors import ConfigError, ConfigReport, DataError, RunError, SeqtrainError
from .quiet import import_tensorflow

app = typer.Typer(
    help="Train, test and explain recurrent sequence models from one YAML file.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ConfigName = Annotated[
    str, typer.Argument(help="A YAML file, or the name of a shipped config.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key; may be repeated."),
]
RunPath = Annotated[
    Path | None,
    typer.Argument(help="A run directory or its name; the newest if not given."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"seqtrain {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Show the version.",
        ),
    ] = False,
) -> None:
    """Hold the options that stand before a command."""


@app.command()
def train(
    config: ConfigName,
    set_: Overrides = None,
    run: Annotated[Path | None, typer.Option(help="The run directory to make.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check all, show the plan, do not train.")
    ] = False,
) -> None:
    """Train a model and keep it in a new run directory."""
    from .runs import Run

    path, loaded, data = _read(config, set_)
    plan = f"{_report(data)}\n{_plan(loaded, len(data.train.labels))}"
    _say(plan)
    if dry_run:
        return
    signal.signal(signal.SIGTERM, _exit_on_sigterm)
    noise = import_tensorflow()
    from .train import train

    directory = Run.create(path.stem, run)
    with _interruption_told(directory):
        directory.start(path, loaded, shlex.join(["seqtrain", *sys.argv[1:]]))
        (directory.path / "train.log").write_text(f"{plan}\n{noise}", encoding="utf-8")
        train(loaded, data, directory)
    best = directory.info["best"]
    _say(
        f"best epoch {best['epoch']}: validation loss {best['val_loss']:.4f}, "
        f"accuracy {best['val_accuracy']:.4f}\n"
        f"next: seqtrain eval {directory.path}"
    )


@app.command("eval")
def evaluate(
    run: RunPath = None,
    data: Annotated[
        Path | None, typer.Option(help="A data file to take instead.")
    ] = None,
    split: Annotated[
        Literal["test", "validation", "train"],
        typer.Option(help="Part of the run's own data."),
    ] = "test",
    json_: Json = False,
) -> None:
    """Measure a trained model, beside two baselines."""
    from .runs import Run

    directory = Run.open(run)
    import_tensorflow()
    from .evaluate import evaluate, format_evaluation

    result = evaluate(directory, split=split, data=data)
    print(json.dumps(result, indent=2) if json_ else format_evaluation(result))


@app.command()
def predict(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN] [TEXT]...",
            help="A run (the newest if not given), then texts; - reads one a line.",
        ),
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="A file with one text a line.")
    ] = None,
    json_: Json = False,
) -> None:
    """Classify texts: arguments, the lines of a file, or of the standard input."""
    from .runs import Run, is_run

    texts = list(arguments or ())
    # What looks like a path, or stands before "-", is a run, be it a misspelt one.
    named = texts and (
        is_run(texts[0]) or re.fullmatch(r"\S+/\S*", texts[0]) or texts[1:] == ["-"]
    )
    directory = Run.open(Path(texts.pop(0)) if named else None)
    if bool(texts) == bool(file):
        raise ConfigError(
            "predict: texts are needed, either as arguments or by --file",
            hint="seqtrain predict 'a text', or seqtrain predict - to read lines",
        )
    import_tensorflow()
    from .predict import predict, read_lines

    with contextlib.ExitStack() as stack:
        if file:
            stream = stack.enter_context(_open(file))
            batches = read_lines(stream, str(file))
        elif texts == ["-"]:
            batches = read_lines(sys.stdin.buffer, "standard input")
        else:
            batches = [texts]
        for answer in predict(directory, batches):
            if json_:
                print(json.dumps(answer, ensure_ascii=False), flush=True)
            else:
                print(
                    f"{answer['label']}\t{answer['probability']:.4f}\t{answer['text']}",
                    flush=True,
                )


@app.command()
def check(
    config: ConfigName,
    set_: Overrides = None,
    no_data: Annotated[
        bool, typer.Option("--no-data", help="Check the config alone.")
    ] = False,
) -> None:
    """Say everything that is wrong with a config and its data."""
    if no_data:
        from .config import find_config, load_config

        path = find_config(config)
        load_config(path, set_ or ())
        print(f"{path}: nothing is wrong with the config")
        return
    path, _, data = _read(config, set_)
    print(_report(data))
    print(f"{path}: nothing is wrong")


@app.command()
def schema() -> None:
    """Print the JSON Schema of a config, for editors."""
    from .config.json_schema import json_schema_text

    print(json_schema_text(), end="")


@app.command()
def init(
    data: Annotated[
        Path | None,
        typer.Argument(
            help="CSV, TSV or JSONL, plain or .gz, or a folder of classes; "
            "generated reviews if not given."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The config to write; its name follows from DATA."),
    ] = None,
) -> None:
    """Write a commented config for your data, its guesses marked."""
    from .init import init

    path = init(data, out)
    print(path)
    _say(f"next: seqtrain check {shlex.quote(str(path))}")


@app.command()
def board(
    runs: Annotated[Path, typer.Argument(help="A folder of runs, or one run.")] = Path(
        "runs"
    ),
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="0 takes any free port.")
    ] = 6006,
) -> None:
    """Show runs in TensorBoard until Ctrl-C."""
    from .board import board

    board(runs, port=port)


@app.command()
def runs(
    folder: Annotated[Path, typer.Argument(help="A folder of runs.")] = Path("runs"),
) -> None:
    """List the runs, the newest first."""
    from .runs import list_runs, runs_table

    found = list_runs(folder)
    if not found:
        raise RunError(
            f"{folder}: no run found", hint="`seqtrain train quickstart` makes one"
        )
    print(runs_table(found))


def main() -> None:
    """Run the command line; an error of the user's is a message and an exit code."""
    try:
        app()
    except SeqtrainError as error:
        _say(str(error) if isinstance(error, ConfigReport) else f"error: {error}")
        if error.hint:
            _say(f"hint: {error.hint}")
        raise SystemExit(error.exit_code) from None


def _read(name: str, overrides: list[str] | None):
    """The path of a config, the config, and its data."""
    from .config import find_config, load_config
    from .data.load import class_weights, load_data

    path = find_config(name)
    config = load_config(path, overrides or ())
    data = load_data(config.data, seed=config.seed)
    class_weights(config.train.class_weights, data)  # the data knows the labels
    return path, config, data


def _report(data) -> str:
    from .data.report import format_report

    return format_report(data.report)


def _plan(config, examples: int) -> str:
    from .data.batches import bucket_lengths

    steps = -(-examples // config.train.batch_size)
    widths = bucket_lengths(config.data.max_length, config.data.buckets)
    return (
        f"plan: {config.train.epochs} epochs of {steps} steps, batches of "
        f"{config.train.batch_size}, padded to {', '.join(map(str, widths))} tokens"
    )


def _exit_on_sigterm(*_) -> None:
    raise SystemExit(143)


@contextlib.contextmanager
def _interruption_told(run) -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as stop:
        _say(f"interrupted; {run.path} keeps what there is")
        code = stop.code if isinstance(stop, SystemExit) else 130
        raise SystemExit(code) from None


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(
            f"{path}: {error.strerror}", hint="name a file with one text a line"
        ) from None


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
