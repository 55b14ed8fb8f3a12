"""Rows that are lines: a text each, or those of fastText, which begin with labels."""

import re
from collections.abc import Iterator
from pathlib import Path

from .reading import Reading, Row
from .streams import OTHER_ENCODING, bad_byte
from .tables import empty

LABEL = "__label__"  # what fastText writes before each label
_MARKED = re.compile(rf"\s*(?:{LABEL}\S+\s*)*")


def line_rows(
    lines: Iterator[str], path: Path, reading: Reading, label: str | None
) -> Iterator[Row]:
    """Yield a row for each line that is not blank.

    Args:
        lines: The lines, with their ends.
        path: What a place calls the file.
        reading: Its settings.
        label: The label of every line, if there is one.

    Raises:
        DataError: If there is no line.
    """
    for place, line in _whole_lines(lines, path):
        problem = bad_byte(line, reading.encoding)
        hint = OTHER_ENCODING if problem else None
        yield Row(place, line, label, problem, hint, ("text",), (line,))


def fasttext_rows(lines: Iterator[str], path: Path, reading: Reading) -> Iterator[Row]:
    """Yield the rows of a file as fastText reads it: `__label__NAME the text`.

    Raises:
        DataError: If there is no line.
    """
    for place, line in _whole_lines(lines, path):
        problem = bad_byte(line, reading.encoding)
        hint = OTHER_ENCODING if problem else None
        marked = _MARKED.match(line)
        labels = [each[len(LABEL) :].rstrip(",") for each in marked[0].split()]
        rest = line[marked.end() :]
        label = None if reading.label is None else next(iter(labels), "")
        if label is not None and not problem and len(labels) != 1:
            problem = f"{len(labels)} labels ({LABEL}…), a text needs one"
        names, fields = ("label", "text"), (" ".join(labels), rest)
        yield Row(place, rest, label, problem, hint, names, fields)


def _whole_lines(lines: Iterator[str], path: Path) -> Iterator[tuple[str, str]]:
    nothing = True
    for number, line in enumerate(lines, start=1):
        if line and not line.isspace():
            nothing = False
            yield f"{path}:{number}", line.rstrip("\r\n")
    if nothing:
        raise empty(path)
