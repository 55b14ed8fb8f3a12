"""Labelled texts from the files that people have."""

import glob
import io
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Literal

from ...errors import DataError, listed, printable, shown
from .delimited import delimited_records
from .encodings import encoding_hint
from .examples import Examples, label_names
from .excel import excel_records
from .folders import folder_rows
from .lines import fasttext_rows, line_rows
from .objects import json_array_rows, json_rows
from .parquet import parquet_rows
from .reading import DEFAULT, FORMATS, Reading, Row
from .spelling_of_labels import Speller
from .streams import OTHER_ENCODING, open_data, text_lines, text_stream
from .tables import table_rows

# One file or folder, several, or a file of lines for each class. A path may be a
# pattern such as data/*.csv.
Paths = Path | Sequence[Path] | Mapping[str, Path]

SHOWN_ROWS = 10  # bad rows that an error names; it counts the others
# A confusion matrix of so many classes has a million numbers: it fits into a file.
MOST_CLASSES = 1000
LONGEST_LABEL = 200  # characters: a name, not a text

# Labels are shown in tables and messages, and must not break or colour them.
_NO_NAME = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def read_rows(paths: Paths, reading: Reading = DEFAULT) -> Iterator[Row]:
    """Yield the rows of data files, the bad ones too.

    The suffix of a file tells its format, else `reading.format`; with `.gz`, or as the
    only file in a `.zip`, it is unpacked while it is read. In a folder each sub-folder
    is a class, and each file in it a text; or each `.txt` file is a class, a text a
    line. Blank lines are no rows.

    Args:
        paths: A file or a folder, several, or by class the files that hold a text a
            line; each may be a pattern.
        reading: Columns, dialect and encoding. With `label=None` no label is needed.

    Yields:
        Each row, with all its columns and its place. One that can't be read, or lacks
        the text or the label, has a `problem`.

    Raises:
        DataError: If a file can't be read, is empty, or lacks a column.
    """
    for label, path in expand(paths):
        hint = None
        try:
            for row in _rows(path, label, reading):
                if row.hint == OTHER_ENCODING:
                    hint = hint or encoding_hint(path)
                    row = row._replace(hint=hint)
                yield row
        except DataError as error:  # in the header
            if error.hint != OTHER_ENCODING:
                raise
            raise DataError(str(error), hint=encoding_hint(path)) from None


def _rows(path: Path, label: str | None, reading: Reading) -> Iterator[Row]:
    if label is not None:
        with open_data(path) as (stream, _):
            lines = text_lines(stream, str(path), "", reading.encoding)
            yield from line_rows(lines, path, reading, label)
    elif os.path.isdir(path):
        yield from folder_rows(path, reading)
    else:
        with open_data(path) as (stream, name):
            yield from _file_rows(stream, name, path, reading)


def expand(paths: Paths) -> list[tuple[str | None, Path]]:
    """Return each file or folder, with its class if it is a file of one class.

    Raises:
        DataError: If a pattern fits no file.
    """
    if isinstance(paths, Mapping):
        return [
            (label, path)
            for label, pattern in paths.items()
            for path in _matching(pattern)
        ]
    patterns = [paths] if isinstance(paths, Path) else paths
    return [(None, path) for pattern in patterns for path in _matching(pattern)]


def _matching(pattern: Path) -> list[Path]:
    if not glob.has_magic(str(pattern)) or os.path.lexists(pattern):
        return [pattern]
    paths = sorted(map(Path, glob.glob(str(pattern), recursive=True)))
    if not paths:
        raise DataError(
            f"{pattern}: no file fits this pattern",
            hint=f"a relative path starts at {Path.cwd()}",
        )
    return paths


def _file_rows(
    stream: BinaryIO, name: str, path: Path, reading: Reading
) -> Iterator[Row]:
    format = format_of(name, path, reading)
    place, encoding = str(path), reading.encoding
    if format in ("csv", "tsv"):
        lines = text_lines(stream, place, "", encoding)
        records = delimited_records(lines, path, format, reading)
        yield from table_rows(records, reading, path)
    elif format == "excel":
        yield from table_rows(excel_records(_whole(stream), path), reading, path)
    elif format == "parquet":
        yield from parquet_rows(_whole(stream), path, reading)
    elif format == "json" and _first_sign(path, reading) == "[":
        with text_stream(stream, encoding, "\n") as text:
            yield from json_array_rows(text, path, reading)
    else:
        lines = text_lines(stream, place, "\n", encoding)
        if format in ("json", "jsonl"):
            yield from json_rows(lines, path, reading)
        elif format == "fasttext":
            yield from fasttext_rows(lines, path, reading)
        else:
            yield from line_rows(lines, path, reading, None)


def format_of(name: str, path: Path, reading: Reading) -> str:
    """Return the format of a file: what its name says, else `reading.format`.

    Raises:
        DataError: If neither says it.
    """
    format = FORMATS.get(Path(name).suffix.lower(), reading.format)
    if format is None:
        raise DataError(
            f"{path}: its name ends in none of {', '.join(FORMATS)} "
            "(each also with .gz, or in a .zip), and it is no folder",
            hint="say what it holds by data.format: csv | tsv | jsonl | json | "
            "fasttext; seqtrain init finds out",
        )
    return format


def file_format(path: Path, reading: Reading) -> str:
    """Return the format of a file, of the one in it if it is a `.zip`.

    Raises:
        DataError: If it can't be read, or nothing says its format.
    """
    with open_data(path) as (_, name):
        return format_of(name, path, reading)


def has_columns(path: Path, reading: Reading) -> bool:
    """Whether `read_rows` can read a path; otherwise it has a text a line.

    A path without a suffix that says what it holds is read by `reading.format`.
    """
    if os.path.isdir(path):
        return True
    if not os.path.exists(path) and glob.has_magic(str(path)):
        return True
    if reading.format is not None or not os.path.isfile(path):  # such as a pipe
        return reading.format is not None
    with open_data(path) as (_, name):
        return Path(name).suffix.lower() in FORMATS


def _whole(stream: BinaryIO) -> BinaryIO:
    """The stream, in memory if it can't be read from any place in it."""
    return stream if stream.seekable() else io.BytesIO(stream.read())


def _first_sign(path: Path, reading: Reading) -> str:
    """The first character that is no space."""
    with open_data(path) as (stream, _):
        with text_stream(stream, reading.encoding, "\n") as text:
            while piece := text.read(4096):
                if piece := piece.lstrip("\ufeff \t\r\n"):
                    return piece[0]
    return ""


def read_examples(
    paths: Paths,
    reading: Reading = DEFAULT,
    *,
    bad_rows: Literal["stop", "skip"] = "stop",
    classes: Collection[str] | None = None,
) -> Examples:
    """Read the examples of data files, as `read_rows` yields them.

    An empty text is an example like any other. A row without text or label, or with a
    label that is not one of `classes`, is bad: it is reported with its place, and stops
    the reading unless bad rows are skipped.

    Args:
        paths: As of `read_rows`.
        reading: As of `read_rows`.
        bad_rows: Whether a bad row stops the reading or is skipped.
        classes: The labels to expect; None takes any.

    Raises:
        DataError: If a file can't be read, lacks a column, has a bad row that
            may not be skipped, no example, or too many classes.
    """
    rows = read_rows(paths, reading)
    labelled = reading.label is not None
    speller = Speller(classes or ())
    if labelled:
        rows = _with_labels_checked(rows, classes, speller)
    texts, labels, skipped, problems, hint = [], [], 0, [], None
    names = {}  # keeps each label in memory once, however many rows have it
    for row in rows:
        if row.problem:
            skipped += 1
            hint = hint or row.hint
            if len(problems) < SHOWN_ROWS:
                problems.append(printable(f"{row.place}: {row.problem}"))
            continue
        texts.append(row.text)
        if labelled:
            labels.append(names.setdefault(row.label, row.label))
            if len(names) > MOST_CLASSES:
                raise DataError(
                    f"{row.place}: more than {MOST_CLASSES:,} different labels up to "
                    "here, one for each class is needed",
                    hint="see that data.label names the right column",
                )

    if skipped and bad_rows == "stop":
        remedies = [
            hint or "mend the data",
            "leave such rows out by data.bad_rows: skip",
        ]
        raise DataError(_shortened(problems, skipped), hint="; or ".join(remedies))
    if not texts:
        raise DataError(
            _shortened(
                [f"{shown_paths(paths)}: no example in it", *problems], skipped + 1
            ),
            hint=hint or "give a file with one example a row",
        )
    notes = (f"{shown_paths(paths)}: {note}" for note in speller.notes())
    return Examples(texts, labels, tuple(problems), skipped, tuple(notes))


def shown_paths(paths: Paths) -> str:
    """Return paths as an error calls them."""
    if isinstance(paths, Mapping):
        paths = list(paths.values())
    return str(paths) if isinstance(paths, Path) else listed(map(str, paths))


def _with_labels_checked(
    rows: Iterator[Row], classes: Collection[str] | None, speller: Speller
) -> Iterator[Row]:
    """Strip each label; if there is none, or it can't be one, say so.

    One that spells a class differently becomes that class.
    """
    known = None if classes is None else listed(label_names(classes))
    for row in rows:
        if not row.problem:
            label = (row.label or "").strip()
            problem, hint = _label_problem(label), row.hint
            if not problem and classes is not None and label not in classes:
                if (spelt := speller.find(label)) is not None:
                    label = spelt
                else:
                    problem = f"label {shown(label)} is not one of {known}"
                    hint = "give all files the same labels, named by data.label"
            row = row._replace(label=label, problem=problem, hint=hint)
        yield row


def _label_problem(label: str) -> str | None:
    if not label:
        return "no label"
    if len(label) > LONGEST_LABEL:
        return (
            f"label {shown(label)} has {len(label):,} characters, "
            f"at most {LONGEST_LABEL} are a name"
        )
    if _NO_NAME.search(label):
        return f"label {shown(label)} holds a control character, a name is needed"
    return None


def _shortened(problems: list[str], count: int) -> str:
    more = count - SHOWN_ROWS
    ending = [f"… and {more} more"] if more > 0 else []
    return "\n".join([*problems[:SHOWN_ROWS], *ending])
