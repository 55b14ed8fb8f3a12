"""Rows that are lines: a text each, or those of fastText, which begin with labels."""

from collections.abc import Iterator
from pathlib import Path

from .reading import Reading, Row
from .streams import OTHER_ENCODING, bad_byte
from .tables import empty

LABEL = "__label__"  # what fastText writes before each label


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
        problem, rest, labels = bad_byte(line, reading.encoding), line.lstrip(), []
        hint = OTHER_ENCODING if problem else None
        while rest.startswith(LABEL):
            label, _, rest = rest.partition(" ")
            label, tab, after = label.partition("\t")
            rest = (after + " " + rest if tab else rest).lstrip()
            labels.append(label.removeprefix(LABEL).rstrip(","))
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
