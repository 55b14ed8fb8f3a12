"""`seqtrain predict`: classify texts with the model of a run."""

import contextlib
import os
import re
import sys
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from ..errors import ConfigError, DataError, printable
from ..system.quiet import import_tensorflow
from .arguments import Json
from .opening import open_trained
from .output import print_json, print_result


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
    texts = list(arguments or ())
    named = _names_a_run(texts, file)
    directory = open_trained(Path(texts.pop(0)) if named else None)
    if bool(texts) == bool(file):
        raise ConfigError(
            "predict: texts are needed, either as arguments or by --file",
            hint="seqtrain predict 'a text', or seqtrain predict - to read lines",
        )
    import_tensorflow()
    from ..analysis.predict import predict, read_lines
    from ..tasks import kind_of

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
                print_json(answer)
            else:
                cells = kind_of(directory.config.data).prediction.cells(answer)
                # A tab or a line break inside of a cell must not make another cell.
                print_result("\t".join(map(printable, cells)))


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
        if re.search("[\ud800-\udfff]", text):  # Python decodes other bytes to these
            raise DataError(
                f"text {number}: {text[:60]!r} is not UTF-8, which is needed",
                hint="put it into a file, convert that by iconv, and use --file",
            )
    return texts
