"""The command line: its commands, and what becomes of an error."""

import atexit
import contextlib
import os
import signal
import sys
from typing import Annotated

import typer

from . import __version__
from .commands.board import board
from .commands.check import check
from .commands.doctor import doctor
from .commands.eval import evaluate
from .commands.gradflow import gradflow
from .commands.init import init
from .commands.output import say
from .commands.predict import predict
from .commands.runs import runs
from .commands.schema import schema
from .commands.shootout import shootout
from .commands.train import train
from .commands.verify_resume import verify_resume
from .errors import ConfigReport, SeqtrainError, printable
from .system.memory import memory_told
from .system.standard_streams import open_closed

COMMANDS = {  # in the order of `--help`
    "train": train,
    "eval": evaluate,
    "predict": predict,
    "check": check,
    "verify-resume": verify_resume,
    "schema": schema,
    "init": init,
    "gradflow": gradflow,
    "shootout": shootout,
    "board": board,
    "runs": runs,
    "doctor": doctor,
}

app = typer.Typer(
    help="Train, test and explain recurrent sequence models from one YAML file.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for _name, _command in COMMANDS.items():
    app.command(_name)(_command)


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


def main() -> None:
    """Run the command line; an error of the user's is a message and an exit code."""
    # While the interpreter is taken down, Ctrl-C would be a traceback of whatever is
    # deleted just then.
    atexit.register(signal.signal, signal.SIGINT, signal.SIG_DFL)
    open_closed()
    with contextlib.suppress(AttributeError):  # one that a program has put there
        sys.stdout.reconfigure(errors="backslashreplace")  # in a C locale, say
    try:
        _refuse_lost_folder()
        with memory_told():
            app()
    except SeqtrainError as error:
        say(str(error) if isinstance(error, ConfigReport) else f"error: {error}")
        if error.hint:
            say(f"hint: {error.hint}")
        raise SystemExit(error.exit_code) from None
    except OSError as error:  # a disk, a network, the system: no bug of ours
        where = "" if error.filename is None else f"{error.filename}: "
        say(printable(f"error: {where}{error.strerror or error}"))
        raise SystemExit(SeqtrainError.exit_code) from None


def _refuse_lost_folder() -> None:
    try:
        os.getcwd()
    except FileNotFoundError:
        raise SeqtrainError(
            "the current folder was deleted, one that is there is needed",
            hint="change to another folder by `cd`",
        ) from None
