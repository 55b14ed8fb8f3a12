"""Labelled texts from CSV, TSV and JSON lines, and from a folder a class."""

import csv
import io
import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from ..errors import DataError
from .examples import (
    Examples,
    decode,
    decompress,
    did_you_mean,
    label_names,
    read_bytes,
)

SUFFIXES = (".csv", ".tsv", ".jsonl")
_QUOTING = 'quote a field as "…" and write a quote inside it twice'
SHOWN_ROWS = 10  # an error names so many bad rows, and counts the others


class _BadRow(Exception):
    """Why a row is no example."""


class _Row(NamedTuple):
    """One row at its place; `problem` says why it is no example."""

    place: str
    text: str = ""
    label: str | None = None
    problem: str | None = None


def read_examples(
    path: Path,
    text: str = "text",
    label: str | None = "label",
    bad_rows: Literal["stop", "skip"] = "stop",
    classes: Collection[str] | None = None,
) -> Examples:
    """Read the examples of a file or of a folder with one sub-folder a class.

    A file is CSV, TSV (both with a header) or JSON lines, by its suffix, and
    compressed if `.gz` follows. A blank line is no row; an empty text is an
    example like any other. A row without text or label, or with a label that
    is not one of `classes`, is bad: it is named by its file and the line where
    it starts, and it stops the reading unless it is to be skipped.

    In a folder every `.txt` file is a text, and its sub-folder is its class.

    Args:
        path: The file or the folder.
        text: Column of the text.
        label: Column of the label; None reads texts alone.
        bad_rows: Whether a bad row stops the reading or is skipped.
        classes: The labels to expect; None takes any.

    Raises:
        DataError: If the file can't be read, lacks a column, holds a bad row
            that may not be skipped, or holds no example.
    """
    if path.is_dir():
        rows = _folder_rows(path)
    else:
        rows = _file_rows(path, text, label)
    if label is not None:
        rows = (_with_label_checked(row, classes) for row in rows)
    good, bad = [], []
    for row in rows:
        (bad if row.problem else good).append(row)

    problems = tuple(f"{row.place}: {row.problem}" for row in bad)
    if problems and bad_rows == "stop":
        raise DataError(
            _shortened(problems),
            hint="mend the data, or leave such rows out by data.bad_rows: skip",
        )
    if not good:
        raise DataError(
            _shortened((f"{path}: no example in it", *problems)),
            hint="give a file with one example a row",
        )
    labels = [] if label is None else [row.label for row in good]
    return Examples([row.text for row in good], labels, problems)


def read_table(path: Path, rows: int) -> list[dict[str, str]]:
    """Read rows of a file with all their columns, spread over it evenly.

    Values are texts, as labels are. What is no row is left out without a word:
    `read_examples` tells it, when the columns are known.

    Args:
        path: CSV, TSV or JSON lines, plain or .gz.
        rows: How many, about.

    Raises:
        DataError: If the file can't be read.
    """
    content, suffix = _read_content(path)
    if suffix == ".jsonl":
        lines = [line for line in content.split("\n") if line.strip()]
        return [_json_values(line) for line in lines[:: len(lines) // rows + 1]]
    try:
        header, *table = filter(None, _csv_reader(content, suffix))
    except csv.Error as error:
        raise DataError(f"{path}: {error}", hint=_QUOTING) from None
    table = [fields for fields in table if len(fields) == len(header)]
    chosen = table[:: len(table) // rows + 1]
    return [dict(zip(header, fields, strict=True)) for fields in chosen]


def class_files(folder: Path) -> list[tuple[str, Path]]:
    """List the class and the path of every file in a folder's sub-folders, sorted.

    Names that start with a dot are left out, as `ls` does.
    """
    classes = sorted(path for path in _visible(folder) if path.is_dir())
    if not classes:
        raise DataError(
            f"{folder}: a folder without classes",
            hint="put the texts of each class, as .txt files, into a sub-folder",
        )
    return [(path.name, file) for path in classes for file in sorted(_visible(path))]


def _visible(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if not path.name.startswith("."))


def _folder_rows(folder: Path) -> Iterator[_Row]:
    for name, file in class_files(folder):
        if file.suffix == ".txt" and file.is_file():
            yield _Row(str(file), decode(read_bytes(file), str(file)), name)
        else:
            yield _Row(str(file), problem="not a .txt file")


def _file_rows(path: Path, text: str, label: str | None) -> Iterator[_Row]:
    content, suffix = _read_content(path)
    columns = [text] if label is None else [text, label]
    if suffix == ".jsonl":
        return _json_rows(content, path, columns)
    return _csv_rows(content, path, columns, suffix)


def _read_content(path: Path) -> tuple[str, str]:
    """Return what a file holds, and its suffix without .gz."""
    name = path.name.lower()
    suffix = Path(name.removesuffix(".gz")).suffix
    raw = read_bytes(path)
    if suffix not in SUFFIXES:
        raise DataError(
            f"{path}: its name ends in none of {', '.join(SUFFIXES)} "
            "(each also with .gz), and it is no folder",
            hint="rename the file to what it holds",
        )
    if name.endswith(".gz"):
        raw = decompress(raw, path)
    content = decode(raw, str(path))
    if not content.strip():
        raise DataError(f"{path}: the file is empty", hint="give one with examples")
    return content, suffix


def _csv_reader(content: str, suffix: str):
    # The limit is the process's; its default is shorter than a long review.
    csv.field_size_limit(2**31 - 1)
    delimiter = "," if suffix == ".csv" else "\t"
    # strict: a quote out of place would otherwise swallow the rows after it.
    return csv.reader(
        io.StringIO(content, newline=""), delimiter=delimiter, strict=True
    )


def _csv_rows(
    content: str, path: Path, columns: list[str], suffix: str
) -> Iterator[_Row]:
    reader = _csv_reader(content, suffix)
    header: list[str] = []
    start = 1
    try:
        for fields in reader:
            if not fields:
                pass  # a blank line
            elif not header:
                header = fields
                where = [_column(name, header, f"{path}:{start}") for name in columns]
            elif len(fields) != len(header):
                problem = f"the row has {len(fields)} of {len(header)} fields"
                yield _Row(f"{path}:{start}", problem=problem)
            else:
                yield _Row(f"{path}:{start}", *(fields[column] for column in where))
            start = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{path}:{start}: a row starts here that can't be read, {error}",
            hint=_QUOTING,
        ) from None


def _column(name: str, header: list[str], place: str) -> int:
    if header.count(name) == 1:
        return header.index(name)
    if name in header:
        raise DataError(f"{place}: two columns {name!r}", hint="rename one of them")
    raise DataError(
        f"{place}: no column {name!r} among {', '.join(header)}",
        hint=did_you_mean(name, header) or "set data.text and data.label",
    )


def _json_rows(content: str, path: Path, columns: list[str]) -> Iterator[_Row]:
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        try:
            yield _Row(place, *_json_fields(line, columns))
        except _BadRow as bad:
            yield _Row(place, problem=str(bad))


def _json_fields(line: str, columns: list[str]) -> tuple[str, ...]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise _BadRow(f"not JSON, {error.msg} at column {error.colno}") from None
    if not isinstance(row, dict):
        raise _BadRow("not a JSON object, such as {...}")
    text, *label = (_value(row, name) for name in columns)
    if not isinstance(text, str):
        raise _BadRow(f"the text is {json.dumps(text)[:40]}, not a string")
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise _BadRow("the text holds half a surrogate pair, which is no character")
    return text, *(
        name if isinstance(name, str) else json.dumps(name) for name in label
    )


def _json_values(line: str) -> dict[str, str]:
    """The texts and numbers of a JSON object; nothing if it is none."""
    try:
        row = json.loads(line)
    except json.JSONDecodeError:
        return {}
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in (row.items() if isinstance(row, dict) else ())
        if isinstance(value, str | int | float)
    }


def _value(row: dict, name: str) -> object:
    if row.get(name) is not None:
        return row[name]
    if name in row:
        raise _BadRow(f"{name!r} is null")
    guess = did_you_mean(name, row)
    raise _BadRow(
        f"no {name!r} among {', '.join(row)}" + (f", {guess}" if guess else "")
    )


def _with_label_checked(row: _Row, classes: Collection[str] | None) -> _Row:
    """Strip the label; if there is none, or it isn't one of `classes`, say so."""
    label = row.label and row.label.strip()
    if row.problem:
        return row
    if not label:
        return row._replace(problem="no label")
    if classes is not None and label not in classes:
        known = ", ".join(label_names(classes))
        return row._replace(problem=f"label {label!r} is not one of {known}")
    return row._replace(label=label)


def _shortened(problems: tuple[str, ...]) -> str:
    more = len(problems) - SHOWN_ROWS
    ending = [f"… and {more} more"] if more > 0 else []
    return "\n".join([*problems[:SHOWN_ROWS], *ending])
