"""The command line: parse, call, print."""

import atexit
import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import typer

from . import __version__
from .errors import (
    ConfigError,
    ConfigReport,
    DataError,
    DivergedError,
    RunError,
    SeqtrainError,
    WriteError,
    printable,
)
from .system.quiet import exit_on_ctrl_c, import_tensorflow

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
    config: Annotated[
        str | None,
        typer.Argument(help="A YAML file, or the name of a shipped config."),
    ] = None,
    set_: Overrides = None,
    run: Annotated[Path | None, typer.Option(help="The run directory to make.")] = None,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Go on with a run, as if it never stopped."),
    ] = None,
    from_: Annotated[
        Path | None,
        typer.Option("--from", metavar="RUN", help="Begin with the weights of a run."),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Show the step at which a run diverged."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check all, show the plan, do not train.")
    ] = False,
) -> None:
    """Train a model and keep it in a new run directory; or go on with a run."""
    _refuse_together({"--resume": resume, "--from": from_, "--replay": replay})
    if replay:
        _replay(replay)
    elif resume:
        _refuse_together({"--resume": resume, "--run": run})
        _resume(resume, config, set_, dry_run)
    elif config is None:
        raise ConfigError(
            "train: a config is needed",
            hint="seqtrain train quickstart, or seqtrain train --resume RUN",
        )
    else:
        _train(config, set_, run, from_, dry_run)


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
    from .runs.run import Run

    directory = Run.open(run)
    import_tensorflow()
    with exit_on_ctrl_c():
        from .analysis.evaluate import evaluate
        from .tables.evaluation import format_evaluation

    result = evaluate(directory, split=split, data=data)
    _print(json.dumps(result, indent=2) if json_ else format_evaluation(result))


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
    from .runs.run import Run, is_run

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
    from .analysis.predict import predict, read_lines

    with contextlib.ExitStack() as stack:
        if file:
            stream = stack.enter_context(_open(file))
            batches = read_lines(stream, str(file))
        elif texts == ["-"]:
            batches = read_lines(_standard_input(), "standard input")
        else:
            batches = [_checked(texts)]
        for answer in predict(directory, batches):
            if json_:
                _print(json.dumps(answer, ensure_ascii=False))
            else:
                # A line of three fields, whatever the text is.
                label, text = printable(answer["label"]), printable(answer["text"])
                _print(f"{label}\t{answer['probability']:.4f}\t{text}")


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
    _print(f"{_report(data)}\n{path}: nothing is wrong")


@app.command("verify-resume")
def verify_resume(
    config: ConfigName,
    set_: Overrides = None,
    kills: Annotated[int, typer.Option(min=1, help="How often to kill it.")] = 3,
    seed: Annotated[int, typer.Option(help="Draws the instants.")] = 0,
) -> None:
    """Prove that a training that is killed and resumed ends as one that is not."""
    from .config import find_config, load_config

    path = find_config(config)
    load_config(path, set_ or ())
    import_tensorflow()
    from .analysis.verify import verify_resume
    from .tables.verify import format_verdicts

    overrides = [word for setting in set_ or () for word in ("--set", setting)]
    folder = Path(tempfile.mkdtemp(prefix="seqtrain-verify-"))
    verdicts = verify_resume(
        [str(path), *overrides], folder, kills=kills, seed=seed, say=_say
    )
    _print(format_verdicts(verdicts))
    if any(verdict.different for verdict in verdicts):
        raise SeqtrainError(f"a resumed run ended otherwise; the runs are in {folder}")
    shutil.rmtree(folder)


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
    from .analysis.init import init

    path = init(data, out)
    print(path)
    _say(f"next: seqtrain check {shlex.quote(str(path))}")


@app.command()
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
    from .runs.run import Run, is_run

    run = Run.open(Path(target)) if is_run(target) else None
    if run is None:
        path, config, data = _read(target, set_)
    elif set_:
        raise ConfigError(
            f"gradflow: {target} is a run, --set needs a config",
            hint="leave --set out, or name a config",
        )
    import_tensorflow()
    with exit_on_ctrl_c():
        from .analysis.gradflow import gradflow_of_config, gradflow_of_run
        from .figures.canvas import keep
        from .figures.gradflow import draw_curves
        from .tables.gradflow import format_gradflow

    if run is None:
        result = gradflow_of_config(path.stem, config, data, batches=batches)
        figure = Path(f"gradflow-{path.stem}.png")
    else:
        result = gradflow_of_run(run, batches=batches)
        figure = run.path / "gradflow.png"
    keep(draw_curves(result["layers"], result["name"]), figure)
    width = shutil.get_terminal_size().columns
    _print(json.dumps(result, indent=2) if json_ else format_gradflow(result, width))
    _say(f"figure: {figure}")


@app.command()
def shootout(
    config: ConfigName,
    set_: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Where the runs go, and go on if they are there; "
            "runs/<config> if not given."
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Compare cells and cures: equal parameters, updates and data, several seeds."""
    from .config import find_config, load_config

    path = find_config(config)
    load_config(path, set_ or ())
    _prepare_to_train()
    with exit_on_ctrl_c():
        from .analysis.shootout import shootout
        from .figures.canvas import keep
        from .figures.shootout import draw_shootout
        from .tables.shootout import format_shootout

    folder = out or Path("runs") / path.stem
    result = shootout(path, set_ or (), folder, say=_say)
    keep(draw_shootout(result), folder / "shootout.png")
    _print(json.dumps(result, indent=2) if json_ else format_shootout(result))
    _say(f"figure: {folder / 'shootout.png'}")


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
    from .board.serve import serve

    serve(runs, port=port)


@app.command()
def runs(
    folder: Annotated[Path, typer.Argument(help="A folder of runs.")] = Path("runs"),
) -> None:
    """List the runs, the newest first."""
    from .runs.run import list_runs
    from .tables.runs import find_damage, runs_table

    found = list_runs(folder)
    if not found:
        raise RunError(
            f"{folder}: no run found", hint="`seqtrain train quickstart` makes one"
        )
    _print(runs_table(found))
    for damage in filter(None, map(find_damage, found)):
        _say(f"warning: {damage}")


@app.command()
def doctor(json_: Json = False) -> None:
    """Look at what a training needs of this machine, and try one."""
    import_tensorflow()
    from .analysis.doctor import examine, format_finding

    findings = []
    for finding in examine():
        findings.append(finding)
        if not json_:
            _print(format_finding(finding))
    if json_:
        _print(json.dumps([finding._asdict() for finding in findings], indent=2))
    failed = [finding.name for finding in findings if finding.verdict == "failed"]
    if failed:
        raise SeqtrainError(f"doctor: {', '.join(failed)} failed")


def main() -> None:
    """Run the command line; an error of the user's is a message and an exit code."""
    # While the interpreter is taken down, Ctrl-C would be a traceback of whatever is
    # deleted just then.
    atexit.register(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with contextlib.suppress(AttributeError):  # a closed one is None
        sys.stdout.reconfigure(errors="backslashreplace")  # in a C locale, say
    try:
        app()
    except SeqtrainError as error:
        _say(str(error) if isinstance(error, ConfigReport) else f"error: {error}")
        if error.hint:
            _say(f"hint: {error.hint}")
        raise SystemExit(error.exit_code) from None


def _train(name, overrides, run_path, source_path, dry_run) -> None:
    from .config import find_config, load_config
    from .runs.resume import load_data_of
    from .runs.run import Run

    if source_path is None:
        source = None
        path, config, data = _read(name, overrides)
    else:
        source = Run.open(source_path)
        path = find_config(name)
        config = load_config(path, overrides or ())
        data = load_data_of(config, source)
    plan = f"{_report(data)}\n{_plan(config, len(data.train.labels))}"
    _say(plan)
    if dry_run:
        return
    noise = _prepare_to_train()
    from .training.train import train

    run = Run.create(path.stem, run_path)
    with run.locked(), _end_told(run):
        run.start(path, config, _command(), weights_from=source)
        run.keep_said(f"{plan}\n{noise}")
        train(config, data, run, weights_from=source)


def _resume(path, name, overrides, dry_run) -> None:
    from .config import find_config
    from .runs.resume import find_way
    from .runs.run import Run

    run = Run.open(path)
    with run.locked():
        config_path = find_config(name) if name else None
        way = find_way(run, overrides or (), config_path=config_path, say=_say)
        if dry_run:
            _say(f"{run.path} would go on from step {way.step}")
            return
        noise = _prepare_to_train()
        from .training.train import train

        with _end_told(run):
            run.go_on(
                way.config,
                _command(),
                step=way.step,
                seconds=way.seconds,
                changed=way.changed,
            )
            run.keep_said(noise)
            train(way.config, way.data, run, checkpoint=way.checkpoint)


def _replay(path: Path) -> None:
    from .runs.run import Run

    run = Run.open(path)
    import_tensorflow()
    from .training.divergence import replay

    _print(replay(run))


def _refuse_together(options: dict[str, object]) -> None:
    given = [name for name, value in options.items() if value is not None]
    if len(given) > 1:
        raise ConfigError(f"train: {' and '.join(given)} exclude each other")


def _command() -> str:
    return shlex.join(["seqtrain", *sys.argv[1:]])


def _prepare_to_train() -> str:
    """Import TensorFlow, return what it printed; from now on SIGTERM is an exit."""
    signal.signal(signal.SIGTERM, _exit_on_sigterm)
    return import_tensorflow()


def _read(name: str, overrides: list[str] | None):
    """The path of a config, the config, and its data."""
    from .config import find_config, load_config
    from .tasks.load import class_weights, load_data

    path = find_config(name)
    config = load_config(path, overrides or ())
    data = load_data(config.data, seed=config.seed)
    class_weights(config.train.class_weights, data)  # the data knows the labels
    return path, config, data


def _report(data) -> str:
    from .tasks.report import format_report

    return format_report(data.report)


def _plan(config, examples: int) -> str:
    from .data.batches import bucket_lengths
    from .tasks.tasks import TEXTS, find_task

    steps = -(-examples // config.train.batch_size)
    widths = bucket_lengths(config.data.max_length, config.data.buckets)
    units = "tokens" if find_task(config.data) == TEXTS else "timesteps"
    return (
        f"plan: {config.train.epochs} epochs of {steps} steps, batches of "
        f"{config.train.batch_size}, padded to {', '.join(map(str, widths))} {units}"
    )


def _exit_on_sigterm(*_) -> None:
    raise SystemExit(143)


@contextlib.contextmanager
def _end_told(run) -> Iterator[None]:
    """Say how a training ended, and what comes next."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as stop:
        _say(f"interrupted; go on by: seqtrain train --resume {run.path}")
        code = stop.code if isinstance(stop, SystemExit) else 130
        raise SystemExit(code) from None
    except WriteError as error:
        error.hint = f"{error.hint}; then go on by seqtrain train --resume {run.path}"
        raise
    except DivergedError as error:
        error.hint += f"; seqtrain train --replay {run.path} shows the step"
        raise
    best = run.info["best"]
    reached = f"validation loss {best['val_loss']:.4f}"
    if "val_accuracy" in best:
        reached += f", accuracy {best['val_accuracy']:.4f}"
    _say(f"best epoch {best['epoch']}: {reached}\nnext: seqtrain eval {run.path}")


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(
            f"{path}: {error.strerror}", hint="name a file with one text a line"
        ) from None


def _standard_input() -> BinaryIO:
    if sys.stdin is None:
        raise DataError(
            "standard input is closed, lines to classify are needed",
            hint="pipe them in, or name a file by --file",
        )
    return sys.stdin.buffer


def _checked(texts: list[str]) -> list[str]:
    for number, text in enumerate(texts, start=1):
        if re.search("[\ud800-\udfff]", text):  # so Python keeps other bytes
            raise DataError(
                f"text {number}: {text[:60]!r} is not UTF-8, which is needed",
                hint="put it into a file, convert that by iconv, and use --file",
            )
    return texts


def _print(text: str) -> None:
    """Print a result; a reader that has seen enough, such as `head`, ends it quietly.

    The code is that of a program which a closed pipe ends: 128 + SIGPIPE.
    """
    try:
        print(text, flush=True)
    except OSError as error:
        # What did not get out is tried again at the exit, which would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise SystemExit(141) from None
        raise SeqtrainError(
            f"standard output: {error.strerror}",
            hint="write to another place",
        ) from None


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
