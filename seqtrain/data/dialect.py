"""Find out how a data file is written: its format, encoding, delimiter and quotes."""

import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from .sources.delimited import delimited_records
from .sources.encodings import find_encoding
from .sources.files import Paths, expand
from .sources.lines import LABEL
from .sources.reading import DEFAULT, DELIMITERS, FORMATS, Reading
from .sources.streams import marked_encoding, open_data, text_lines

_LINES = 5000  # that a dialect is judged by
_CHARACTERS = 2**22
_BY_PREFERENCE = ("tab", "semicolon", "pipe", "comma")
_MAGIC = {b"PAR1": "parquet", b"PK\3\4": "excel"}


class Dialect(NamedTuple):
    """How a file is read, without its columns.

    Args:
        reading: The settings.
        reasons: What each setting that is not its default was found by.
    """

    reading: Reading
    reasons: dict[str, str]


def find_dialect(paths: Paths) -> Dialect:
    """Find the settings that files, or the texts in a folder, are read by.

    The first of several files is looked at.

    Raises:
        DataError: If it can't be read.
    """
    found, reasons = {}, {}
    label, path = expand(paths)[0]

    def choose(key: str, value: object, reason: str) -> None:
        if value != getattr(DEFAULT, key):
            found[key], reasons[key] = value, reason

    if label is not None or os.path.isdir(path):
        encoding = find_encoding(path)
        choose("encoding", encoding or "utf-8", "guessed: from the bytes of the texts")
        return Dialect(DEFAULT._replace(**found), reasons)
    with open_data(path) as (stream, name):
        start = stream.peek(4)[:4]
    format = FORMATS.get(Path(name).suffix.lower()) or _MAGIC.get(start)
    if format in ("parquet", "excel"):
        if format not in FORMATS.values() or Path(name).suffix.lower() not in FORMATS:
            choose("format", format, "its first bytes say so")
        return Dialect(DEFAULT._replace(**found), reasons)
    mark = marked_encoding(start)
    why = "its byte order mark says so" if mark else "guessed: from its bytes"
    choose("encoding", find_encoding(path) or "utf-8", why)
    encoding = found.get("encoding", "utf-8")
    lines = _first_lines(path, encoding)
    if format is None:
        format = _format(lines)
        choose("format", format, "guessed: from its first lines; its name says nothing")
    if format in ("csv", "tsv"):
        delimiter, quote, share = _delimiter_and_quote(lines, format)
        choose("quote", quote, f"guessed: so {share:.0%} of the lines are whole rows")
        if DELIMITERS[delimiter] != {"csv": ",", "tsv": "\t"}[format]:
            why = f"guessed: so {share:.0%} of the lines are whole rows"
            choose("delimiter", delimiter, why)
    return Dialect(DEFAULT._replace(**found), reasons)


def _first_lines(path: Path, encoding: str) -> list[str]:
    taken, size = [], 0
    with open_data(path) as (stream, _):
        for line in itertools.islice(
            text_lines(stream, str(path), "", encoding), _LINES
        ):
            taken.append(line)
            size += len(line)
            if size > _CHARACTERS:
                break
    return taken


def _format(lines: Sequence[str]) -> str:
    """What the lines of a file are whose name says nothing."""
    full = [line.lstrip() for line in lines if not line.isspace()]
    if full and sum(line.startswith(LABEL) for line in full) > len(full) / 2:
        return "fasttext"
    first = full[0] if full else ""
    if first.startswith("["):
        return "json"
    if first.startswith("{"):
        return "jsonl"
    delimiter, _, _ = _delimiter_and_quote(lines, "csv")
    return "tsv" if delimiter == "tab" else "csv"


def _delimiter_and_quote(lines: Sequence[str], format: str) -> tuple[str, str, float]:
    """The delimiter and quote by which most lines are rows of equal length.

    Those that the name of the file and the standard say are taken unless others are
    better.
    """
    usual = {"csv": "comma", "tsv": "tab"}[format]
    order = [usual, *(name for name in _BY_PREFERENCE if name != usual)]
    quotes = ["double", "none", *["single"] * _single(lines)]
    best = usual, "double", 0.0
    for quote, delimiter in itertools.product(quotes, order):
        if best[2] + _CLEARLY < 1:
            share, width = _share(lines, delimiter, quote)
            if width > 1 and share > best[2] + _CLEARLY:
                best = delimiter, quote, share
    return best


_CLEARLY = 1e-9  # in a large file a quote may swallow a few rows alone


def _single(lines: Sequence[str]) -> bool:
    """Whether most lines have fields in single quotes, as no prose has."""
    delimited = tuple(f"'{delimiter}'" for delimiter in DELIMITERS.values())
    return (
        sum(any(each in line for each in delimited) for line in lines) > len(lines) / 2
    )


def _share(lines: Sequence[str], delimiter: str, quote: str) -> tuple[float, int]:
    """The share of lines in rows as long as the first, and the length of that."""
    reading = DEFAULT._replace(delimiter=delimiter, quote=quote)
    good = width = start = 0
    whole = False
    records = delimited_records(iter(lines), Path(), "csv", reading)
    for record in records:
        number = int(record.place.rpartition(":")[2])
        good += (number - start) * whole
        start, width = number, width or len(record.fields)
        alike = len(record.fields) == width and not record.problem
        whole = alike and not any(len(row) == width for row in record.rows)
    good += (len(lines) + 1 - start) * whole
    return good / max(1, len(lines)), width
