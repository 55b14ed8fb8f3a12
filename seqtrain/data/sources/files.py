"""Labelled texts from CSV, TSV and JSON lines, and from one folder per class."""

import contextlib
import csv
import json
import math
import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from ...errors import DataError, listed, printable, shown
from ...spelling import did_you_mean
from .examples import Examples, label_names
from .streams import LONGEST_TEXT, open_file, read_text, text_lines, too_long, unzip

SUFFIXES = (".csv", ".tsv", ".jsonl")
SHOWN_ROWS = 10  # bad rows that an error names; it counts the others
# A confusion matrix of so many classes has a million numbers: it fits into a file.
MOST_CLASSES = 1000
LONGEST_LABEL = 200  # characters: a name, not a text

# Labels are shown in tables and messages, and must not break or colour them.
_NO_NAME = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_HALF_PAIR = re.compile("[\ud800-\udfff]")


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
    """Read the examples of a file, or of a folder with one sub-folder per class.

    The suffix tells whether a file is CSV, TSV (both with a header) or JSON lines;
    with `.gz` it is compressed. Blank lines are ignored; an empty text is an example
    like any other. A row without text or label, or with a label that is not one of
    `classes`, is bad: it is reported with its file and the line where it starts, and
    stops the reading unless bad rows are skipped.

    In a folder every `.txt` file is a text, and its sub-folder is its class.
    Anything else in a sub-folder, such as a link that leads out of the folder, is
    a bad row.

    Args:
        path: The file or the folder.
        text: Column of the text.
        label: Column of the label; None reads texts alone.
        bad_rows: Whether a bad row stops the reading or is skipped.
        classes: The labels to expect; None takes any.

    Raises:
        DataError: If the file can't be read, lacks a column, has a bad row that
            may not be skipped, no example, or too many classes.
    """
    if os.path.isdir(path):
        rows = _folder_rows(path)
    else:
        rows = _file_rows(path, text, label)
    if label is not None:
        rows = _with_labels_checked(rows, classes)
    texts, labels, skipped, problems = [], [], 0, []
    names = {}  # keeps each label in memory once, however many rows have it
    for row in rows:
        if row.problem:
            skipped += 1
            if len(problems) < SHOWN_ROWS:
                problems.append(printable(f"{row.place}: {row.problem}"))
            continue
        texts.append(row.text)
        if label is not None:
            labels.append(names.setdefault(row.label, row.label))
            if len(names) > MOST_CLASSES:
                raise DataError(
                    f"{row.place}: more than {MOST_CLASSES:,} different labels up to "
                    "here, one for each class is needed",
                    hint="see that data.label names the right column",
                )

    if skipped and bad_rows == "stop":
        raise DataError(
            _shortened(problems, skipped),
            hint="mend the data, or leave such rows out by data.bad_rows: skip",
        )
    if not texts:
        raise DataError(
            _shortened([f"{path}: no example in it", *problems], skipped + 1),
            hint="give a file with one example a row",
        )
    return Examples(texts, labels, tuple(problems), skipped)


def read_table(path: Path, rows: int) -> list[dict[str, str]]:
    """Read rows of a file with all their columns, spread over it evenly.

    Values are strings, as labels are. Bad rows are left out silently: `read_examples`
    reports them, once the columns are known.

    Args:
        path: CSV, TSV or JSON lines, plain or .gz.
        rows: About how many to read.

    Raises:
        DataError: If the file can't be read.
    """
    with _opened(path) as (lines, suffix):
        if suffix == ".jsonl":
            lines = [line for line in lines if line.strip()]
            if not lines:
                raise _empty(path)
            return [_json_values(line) for line in lines[:: len(lines) // rows + 1]]
        (_, header), *table = _csv_records(lines, path, suffix)
    table = [fields for _, fields in table if len(fields) == len(header)]
    chosen = table[:: len(table) // rows + 1]
    return [dict(zip(header, fields, strict=True)) for fields in chosen]


class ClassFile(NamedTuple):
    """An entry in the sub-folder of a class; `problem` says why it is no text."""

    label: str
    path: Path
    problem: str | None


def class_files(folder: Path) -> list[ClassFile]:
    """List the entries of a folder's sub-folders, sorted.

    Names that start with a dot are left out, as by `ls`. A link is followed if it
    stays within the folder.
    """
    root = folder.resolve()
    classes = [entry for entry in _visible(folder) if _is_class(entry, root)]
    if not classes:
        raise DataError(
            f"{folder}: a folder without classes",
            hint="put the texts of each class, as .txt files, into a sub-folder",
        )
    return [
        ClassFile(entry.name, Path(file.path), _file_problem(file, root))
        for entry in classes
        for file in _visible(entry.path)
    ]


def _visible(folder: Path | str) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            visible = [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise DataError(
            f"{folder}: can't be listed, {error.strerror}",
            hint="see that you may read the folder",
        ) from None
    return sorted(visible, key=lambda entry: entry.name)


def _is_class(entry: os.DirEntry, root: Path) -> bool:
    if entry.is_symlink() and (problem := _link_problem(entry, root)):
        raise DataError(
            f"{entry.path}: {problem}",
            hint="put the sub-folder itself there, or delete the link",
        )
    return entry.is_dir()


def _file_problem(entry: os.DirEntry, root: Path) -> str | None:
    if not entry.name.endswith(".txt"):
        return "not a .txt file"
    if entry.is_symlink() and (problem := _link_problem(entry, root)):
        return problem
    if not entry.is_file():
        return "a folder" if entry.is_dir() else "a pipe, a device or a socket"
    return None


def _link_problem(entry: os.DirEntry, root: Path) -> str | None:
    try:
        target = Path(entry.path).resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError for a circle, before Python 3.13
        return "a link that leads nowhere"
    return None if target.is_relative_to(root) else "a link that leads out of the data"


def _folder_rows(folder: Path) -> Iterator[_Row]:
    for label, path, problem in class_files(folder):
        if problem:
            yield _Row(str(path), problem=problem)
        else:
            yield _Row(str(path), read_text(path), label)


def _file_rows(path: Path, text: str, label: str | None) -> Iterator[_Row]:
    columns = [text] if label is None else [text, label]
    with _opened(path) as (lines, suffix):
        if suffix == ".jsonl":
            yield from _json_rows(lines, path, columns)
        else:
            yield from _csv_rows(_csv_records(lines, path, suffix), columns)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[Iterator[str], str]]:
    """The lines of a file, and its suffix without .gz."""
    name = path.name.lower()
    suffix = Path(name.removesuffix(".gz")).suffix
    with open_file(path) as file:
        if suffix not in SUFFIXES:
            raise DataError(
                f"{path}: its name ends in none of {', '.join(SUFFIXES)} "
                "(each also with .gz), and it is no folder",
                hint="rename the file to what it holds",
            )
        stream = unzip(file, path) if name.endswith(".gz") else file
        yield text_lines(stream, str(path), "\n" if suffix == ".jsonl" else ""), suffix


def _csv_records(
    lines: Iterator[str], path: Path, suffix: str
) -> Iterator[tuple[str, list[str]]]:
    """The place and the fields of the header and of every row that is not blank."""
    start, size, header = 1, 0, False

    def measured() -> Iterator[str]:
        nonlocal size
        for line in lines:
            size += len(line)
            if size > LONGEST_TEXT:
                raise too_long(f"{path}:{start}")
            yield line

    # The limit holds for the whole process; its default is below a long review.
    csv.field_size_limit(LONGEST_TEXT)
    delimiter = "," if suffix == ".csv" else "\t"
    # strict: a quote out of place would otherwise swallow the rows after it.
    reader = csv.reader(measured(), delimiter=delimiter, strict=True)
    try:
        for fields in reader:
            header = header or bool("".join(fields).strip())
            if fields and header:
                yield f"{path}:{start}", fields
            start, size = reader.line_num + 1, 0
    except csv.Error as error:
        raise DataError(
            f"{path}:{start}: a row starts here that can't be read, {error}",
            hint='quote a field as "…" and write a quote inside it twice',
        ) from None
    if not header:
        raise _empty(path)


def _csv_rows(
    records: Iterator[tuple[str, list[str]]], columns: list[str]
) -> Iterator[_Row]:
    place, header = next(records)
    where = [_column(name, header, place) for name in columns]
    for place, fields in records:
        if len(fields) != len(header):
            problem = f"the row has {len(fields):,} of {len(header):,} fields"
            yield _Row(place, problem=problem)
        else:
            yield _Row(place, *(fields[column] for column in where))


def _empty(path: Path) -> DataError:
    return DataError(f"{path}: the file is empty", hint="give one with examples")


def _column(name: str, header: list[str], place: str) -> int:
    if header.count(name) == 1:
        return header.index(name)
    if name in header:
        raise DataError(
            f"{place}: two columns {shown(name)}", hint="rename one of them"
        )
    raise DataError(
        f"{place}: no column {shown(name)} among {listed(header)}",
        hint=did_you_mean(name, header) or "set data.text and data.label",
    )


def _json_rows(lines: Iterator[str], path: Path, columns: list[str]) -> Iterator[_Row]:
    empty = True
    for number, line in enumerate(lines, start=1):
        if not line or line.isspace():
            continue
        empty = False
        place = f"{path}:{number}"
        try:
            yield _Row(place, *_json_fields(line, columns))
        except _BadRow as bad:
            yield _Row(place, problem=str(bad))
    if empty:
        raise _empty(path)


def _json_fields(line: str, columns: list[str]) -> tuple[str, ...]:
    row = _json_row(line)
    text, *label = (_value(row, name) for name in columns)
    if not isinstance(text, str):
        raise _BadRow(f"the text is {_json_kind(text)}, not a string")
    if not text.isascii() and _HALF_PAIR.search(text):
        raise _BadRow("the text holds half a surrogate pair, which is no character")
    return text, *map(_json_label, label)


def _json_row(line: str) -> dict:
    try:
        row = _JSON.decode(line.rstrip("\n"))
    except json.JSONDecodeError as error:
        raise _BadRow(f"not JSON, {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise _BadRow("nested too deeply") from None
    except ValueError:  # Python converts no longer number: that could take minutes
        raise _BadRow("a number of more than 4300 digits") from None
    if not isinstance(row, dict):
        raise _BadRow("not a JSON object, such as {...}")
    return row


def _json_values(line: str) -> dict[str, str]:
    """The texts and numbers of a JSON object; nothing if it is none."""
    try:
        row = _json_row(line)
    except _BadRow:
        return {}
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in row.items()
        if isinstance(value, str | int | float)
    }


def _without_repeats(pairs: list[tuple[str, object]]) -> dict:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in row if names.count(name) > 1)
        raise _BadRow(f"{shown(twice)} is given twice")
    return row


def _no_number(name: str) -> None:
    raise _BadRow(f"not JSON, which has no {name}")


_JSON = json.JSONDecoder(object_pairs_hook=_without_repeats, parse_constant=_no_number)


def _json_kind(value: object) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    return json.dumps(value)[:40]


def _json_label(label: object) -> str:
    if isinstance(label, dict | list):
        raise _BadRow(
            f"the label is {_json_kind(label)}, a string or a number is needed"
        )
    if isinstance(label, float) and not math.isfinite(label):
        raise _BadRow("the label is too large for a number")
    return label if isinstance(label, str) else json.dumps(label)


def _value(row: dict, name: str) -> object:
    if row.get(name) is not None:
        return row[name]
    if name in row:
        raise _BadRow(f"{shown(name)} is null")
    guess = did_you_mean(name, row)
    raise _BadRow(
        f"no {shown(name)} among {listed(row)}" + (f", {guess}" if guess else "")
    )


def _with_labels_checked(
    rows: Iterator[_Row], classes: Collection[str] | None
) -> Iterator[_Row]:
    """Strip each label; if there is none, or it can't be one, say so."""
    known = None if classes is None else listed(label_names(classes))
    for row in rows:
        if not row.problem:
            label = row.label.strip()
            problem = _label_problem(label)
            if not problem and classes is not None and label not in classes:
                problem = f"label {shown(label)} is not one of {known}"
            row = row._replace(label=label, problem=problem)
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
