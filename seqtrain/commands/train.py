"""`seqtrain train`: begin a new run, or resume one."""

import contextlib
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import (
    ConfigError,
    DivergedError,
    OutOfMemoryError,
    RunError,
    WriteError,
    command,
)
from ..system.interruption import exit_on_signals
from ..system.memory import memory_told
from ..system.quiet import import_tensorflow
from .arguments import PATH, Overrides, at_home, refuse_together
from .configs import read_config, read_config_and_data, warn
from .opening import open_trained
from .output import print_result, say

if TYPE_CHECKING:
    from ..config import Config
    from ..runs.run import Run
    from ..tasks import Data


def train(
    config: Annotated[
        str | None,
        typer.Argument(help="A YAML file, or the name of a shipped config."),
    ] = None,
    set_: Overrides = None,
    run: Annotated[
        Path | None, typer.Option(help="The run directory to make.", **PATH)
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            parser=at_home,
            help="Go on with a run, as if it never stopped.",
        ),
    ] = None,
    from_: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="RUN",
            parser=at_home,
            help="Begin with the weights of a run.",
        ),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN", parser=at_home, help="Show the step at which a run diverged."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check all, show the plan, do not train.")
    ] = False,
) -> None:
    """Train a model and keep it in a new run directory; or go on with a run."""
    refuse_together("train", {"--resume": resume, "--from": from_, "--replay": replay})
    if replay:
        others = {"CONFIG": config, "--set": set_, "--run": run, "--dry-run": dry_run}
        for name, value in others.items():
            refuse_together("train", {"--replay": replay, name: value})
        _replay(replay)
    elif resume:
        refuse_together("train", {"--resume": resume, "--run": run})
        _resume(resume, config, set_, dry_run)
    elif config is None:
        raise ConfigError(
            "train: a config is needed",
            hint="seqtrain train quickstart, or seqtrain train --resume RUN",
        )
    else:
        _begin(config, set_, run, from_, dry_run)


def _begin(
    name: str,
    overrides: list[str] | None,
    run_path: Path | None,
    source_path: Path | None,
    dry_run: bool,
) -> None:
    from ..runs.run import Run

    if source_path is None:
        source, noise = None, ""
        path, config, data = read_config_and_data(name, overrides)
    else:
        source = open_trained(source_path)
        path, config = read_config(name, overrides)
        data, noise = _load_for_weights_of(source, config)
    plan = _plan(config, data)
    say(plan)
    warn(data)
    if dry_run:
        Run.refuse_taken(run_path)
        return
    exit_on_signals()
    noise += import_tensorflow()
    from ..training.train import train

    run = Run.create(path.stem, run_path)
    with run.locked(), _report_end(run, data):
        run.start(path, config, _command(), weights_from=source)
        warnings = [f"warning: {warning}" for warning in data.report.warnings]
        run.append_log("\n".join([plan, *warnings, noise]))
        train(config, data, run, weights_from=source)


def _load_for_weights_of(source: "Run", config: "Config") -> tuple["Data", str]:
    """Load the data of a config for the weights of a run; check that these load.

    Returns:
        The data, and what the import of TensorFlow printed.
    """
    from ..runs.resume import load_data_of

    data = load_data_of(config, source)
    noise = import_tensorflow()
    import keras

    from ..analysis.predict import load_best

    load_best(source)
    keras.utils.clear_session()  # so that layers of the new model count from 1
    return data, noise


def _resume(
    path: Path, name: str | None, overrides: list[str] | None, dry_run: bool
) -> None:
    from ..config import find_config
    from ..runs.data_of_run import pointing_to_data
    from ..runs.resume import find_way
    from ..runs.run import Run

    run = Run.open(path)
    with run.locked():
        config_path = find_config(name) if name else None
        with pointing_to_data(run):
            way = find_way(run, overrides or (), config_path=config_path, say=say)
        if dry_run:
            say(f"{run.path} would go on from step {way.step}")
            return
        exit_on_signals()
        noise = import_tensorflow()
        from ..training.train import train

        with _report_end(run, way.data):
            run.go_on(
                way.config,
                _command(),
                step=way.step,
                seconds=way.seconds,
                changed=way.changed,
            )
            run.append_log(noise)
            train(way.config, way.data, run, checkpoint=way.checkpoint)


def _replay(path: Path) -> None:
    from ..runs.run import Run

    run = Run.open(path)
    import_tensorflow()
    from ..training.divergence import replay

    print_result(replay(run))


def _command() -> str:
    return shlex.join(["seqtrain", *sys.argv[1:]])


def _plan(config, data) -> str:
    from ..models.footprint import describe_memory
    from ..tasks import kind_of

    steps = -(-data.train.examples // config.train.batch_size)
    lengths = ", ".join(map(str, data.training_buckets))
    return (
        f"{data.report.text()}\n"
        f"plan: {config.train.epochs} epochs of {steps} steps, batches of "
        f"{config.train.batch_size}, padded to {lengths} {kind_of(config.data).unit}\n"
        + "\n".join(filter(None, describe_memory(config, data)))
    )


@contextlib.contextmanager
def _report_end(run: "Run", data: "Data") -> Iterator[None]:
    """Print how the training inside of the block ended, and the next command.

    Raises:
        WriteError: If the run can't be written, or is gone.
        OutOfMemoryError: If there is too little memory.
        DivergedError: If it diverged.
    """
    from ..terminal.columns import number

    try:
        with memory_told():
            yield
    except (KeyboardInterrupt, SystemExit) as stop:
        say(f"interrupted; go on by: {command('train', '--resume', run.path)}")
        code = stop.code if isinstance(stop, SystemExit) else 130
        raise SystemExit(code) from None
    except (OutOfMemoryError, RunError, WriteError) as error:
        if not run.path.exists():
            raise WriteError(
                f"{run.path}: gone while it was trained, moved or deleted",
                hint="if it was moved: seqtrain train --resume NEW_PLACE",
            ) from None
        go_on = command("train", "--resume", run.path)
        error.hint = f"{error.hint}; then go on by {go_on}"
        raise
    except DivergedError as error:
        error.hint += f"; {command('train', '--replay', run.path)} shows the step"
        raise
    best = run.info["best"]
    reached = f"validation loss {number(best['val_loss'], '.4f')}"
    if "val_accuracy" in best:
        reached += f", accuracy {best['val_accuracy']:.4f}"
    split = () if data.test else ("--split", "validation")
    say(f"best epoch {best['epoch']}: {reached}")
    say(f"next: {command('eval', run.path, *split)}")
