"""`seqtrain predict`: classify texts with the model of a run."""

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal

import typer

from ..errors import ConfigError, DataError
from ..system.quiet import import_tensorflow
from .arguments import PATH, DataOverrides, at_home, refuse_together
from .opening import open_trained
from .output import print_result, say

if TYPE_CHECKING:
    from ..runs.run import Run


def predict(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN] [TEXT]...",
            help="A run (the newest if not given), then texts; - reads one a line.",
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            "--data",
            help="What training reads too (CSV, TSV, JSONL, .gz, a folder …), an "
            "answer a row; or a .txt with a text a line.",
            **PATH,
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="Keep a column of the file; may be repeated; all keeps each.",
        ),
    ] = None,
    set_: DataOverrides = None,
    format_: Annotated[
        Literal["lines", "tsv", "csv", "jsonl"] | None,
        typer.Option(
            "--format", help="What to write; by default lines, or as --out is named."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="A new file to write; standard output if not given.", **PATH),
    ] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="The same as --format jsonl.")
    ] = False,
) -> None:
    """Classify texts: arguments, the rows of a file, or lines of standard input."""
    from ..runs.data_of_run import change_data

    texts = list(arguments or ())
    named = _names_a_run(texts, file)
    directory = open_trained(at_home(texts.pop(0)) if named else None)
    if bool(texts) == bool(file):
        raise ConfigError(
            "predict: texts are needed, either as arguments or by --file",
            hint="seqtrain predict 'a text', or seqtrain predict - to read lines",
        )
    refuse_together("predict", {"--json": json_, "--format": format_})
    if out and os.path.lexists(out):
        raise ConfigError(f"--out {out}: it exists already", hint="name another file")
    change_data(directory, set_ or (), file)
    import_tensorflow()
    from ..tables.predictions import PredictionTable, format_by_name
    from ..tasks import kind_of

    format_ = "jsonl" if json_ else format_ or (format_by_name(out) if out else "lines")
    with contextlib.ExitStack() as stack:
        answers = _answers(directory, texts, file, keep or [], stack)
        if out:
            write = stack.enter_context(_writing(out))
        else:
            write = partial(print_result, raw=format_ in ("tsv", "csv"))
        table = PredictionTable(
            format_, kind_of(directory.config.data).prediction, keeps=bool(keep)
        )
        bad = 0
        for answer, kept in answers:
            bad += "error" in answer
            write(table.line(answer, kept))
    if out:
        print_result(str(out))
    if bad:
        say(f"warning: {bad:,} rows could not be read, and have an error for an answer")


def _answers(
    run: "Run",
    texts: list[str],
    file: Path | None,
    keep: list[str],
    stack: contextlib.ExitStack,
) -> Iterator[tuple[dict, dict[str, object]]]:
    """The answers, with the columns that are kept; files are closed by `stack`."""
    from ..analysis.predict import predict, predict_rows, read_lines
    from ..tasks import kind_of

    section = run.config.data
    prediction = kind_of(section).prediction
    rows = prediction.read_rows(section, file) if prediction and file else None
    if rows is not None:
        return predict_rows(run, rows, keep)
    if keep:
        raise ConfigError(
            "predict: --keep needs a file with columns, such as CSV or JSONL",
            hint="leave --keep out, or say what the file is by --set data.format=csv",
        )
    if file:
        batches = read_lines(stack.enter_context(_open(file)), str(file))
    elif texts == ["-"]:
        batches = read_lines(_standard_input(), "standard input")
    else:
        batches = [_checked(texts)]
    return ((answer, {}) for answer in predict(run, batches))


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[Callable[[str], object]]:
    """Write a file line by line; it is there once all is written."""
    from ..system.disk import temporary_beside

    with temporary_beside(path) as temporary:
        with open(temporary, "w", encoding="utf-8") as file:
            yield lambda line: file.write(f"{line}\n")
        os.replace(temporary, path)


def _names_a_run(arguments: list[str], file: Path | None) -> bool:
    """Whether the first argument is a run, possibly misspelt, and not a text.

    A word with a slash may be either. Alone it is a text, unless it begins like a path
    or its folder exists.
    """
    from ..runs.run import is_run

    if not arguments:
        return False
    first, *texts = arguments
    if is_run(first) or texts == ["-"]:
        return True
    if not re.fullmatch(r"\S+/\S*", first):
        return False
    begins = re.match(r"(~|\.{0,2}|runs)/", first)
    return bool(texts or file or begins or os.path.isdir(os.path.dirname(first)))


@contextlib.contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    if path.suffix.lower() in (".gz", ".zip"):
        from ..data.sources.streams import open_data

        with open_data(path) as (stream, _):
            yield stream
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise DataError(
            f"{path}: {error.strerror}", hint="name a file with one text a line"
        ) from None
    with file:
        yield file


def _standard_input() -> BinaryIO:
    if sys.stdin is None:
        raise DataError(
            "standard input is closed, lines to classify are needed",
            hint="pipe them in, or name a file by --file",
        )
    return sys.stdin.buffer


def _checked(texts: list[str]) -> list[str]:
    for number, text in enumerate(texts, start=1):
        if re.search("[\ud800-\udfff]", text):  # Python decodes other bytes to these
            raise DataError(
                f"text {number}: {text[:60]!r} is not UTF-8, which is needed",
                hint="put it into a file, convert that by iconv, and use --file",
            )
    return texts
