"""Rows of JSON: an object a line, or an array of objects; and their values."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from ...errors import DataError, listed, shown
from ...spelling import did_you_mean
from .reading import BadRow, Column, Reading, Row
from .streams import LONGEST_TEXT, OTHER_ENCODING, PIECE, bad_byte, too_long
from .tables import empty

_HALF_PAIR = re.compile("[\ud800-\udfff]")


def json_rows(lines: Iterator[str], path: Path, reading: Reading) -> Iterator[Row]:
    """Yield the rows of a file with an object a line.

    Raises:
        DataError: If the file is empty.
    """
    nothing = True
    for number, line in enumerate(lines, start=1):
        if not line or line.isspace():
            continue
        nothing = False
        place = f"{path}:{number}"
        try:
            if bad := bad_byte(line, reading.encoding):
                raise BadRow(bad, OTHER_ENCODING)
            row = _json_object(line)
        except BadRow as bad:
            yield Row(place, problem=str(bad), hint=bad.hint)
        else:
            yield object_row(place, row, reading)
    if nothing:
        raise empty(path)


def json_array_rows(stream: TextIO, path: Path, reading: Reading) -> Iterator[Row]:
    """Yield the rows of a file that is an array of objects.

    Little of it is in memory at a time, on however many lines it stands.

    Raises:
        DataError: If the array is broken.
    """
    text, number = _Text(stream), 0
    sign = text.ahead()  # [ opens the array
    while sign != "]":
        text.skip()
        if not number and text.ahead() == "]":
            raise empty(path)
        number += 1
        place = f"{path}:{number}"
        try:
            value, source = text.value(place)
            if bad := bad_byte(source, reading.encoding):
                raise BadRow(bad, OTHER_ENCODING)
            if not isinstance(value, dict):
                raise BadRow(_NO_OBJECT)
        except BadRow as bad:
            yield Row(place, problem=str(bad), hint=bad.hint)
        else:
            yield object_row(place, value, reading)
        sign = text.ahead()
        if not sign or sign not in "],":
            raise _broken(place, "neither a comma nor the end of the array follows it")


class _Text:
    """A text that is read as far as is needed."""

    def __init__(self, stream: TextIO):
        self._stream, self._held, self._at, self._ended = stream, "", 0, False

    def ahead(self) -> str:
        """Return the next character that is no space; nothing at the end."""
        while True:
            self._at = _SPACE.match(self._held, self._at).end()
            if self._at < len(self._held) or self._ended:
                return self._held[self._at : self._at + 1]
            self._read(PIECE)

    def skip(self) -> None:
        """Go past that character."""
        self._at += 1

    def value(self, place: str) -> tuple[object, str]:
        """Take the next JSON value, and return its text, too.

        Raises:
            BadRow: If the value is no row, but ends.
            DataError: If it is none, or its end can't be found.
        """
        self.ahead()
        while True:
            try:
                _, end = _ANY_JSON.raw_decode(self._held, self._at)
                if end < len(self._held) or self._ended:  # a number may go on
                    break
            except json.JSONDecodeError as error:
                if self._ended:
                    raise _broken(place, error.msg) from None
            except RecursionError:
                raise _broken(place, "nested too deeply") from None
            except ValueError:  # Python converts no longer number
                raise _broken(place, _LONG_NUMBER) from None
            size = len(self._held) - self._at
            if size > LONGEST_TEXT:
                raise too_long(place)
            self._read(max(PIECE, size))
        source = self._held[self._at : end]
        self._at = end
        return _JSON.decode(source), source

    def _read(self, size: int) -> None:
        piece = self._stream.read(size)
        self._ended = not piece
        self._held, self._at = self._held[self._at :] + piece, 0


_SPACE = re.compile(r"[\ufeff \t\r\n]*")
_NO_OBJECT = "not a JSON object, such as {...}"
_LONG_NUMBER = "a number of more than 4300 digits"


def _broken(place: str, problem: str) -> DataError:
    return DataError(
        f"{place}: not JSON from this row on, {problem}",
        hint="write the file again as JSON lines (.jsonl), whose rows stand alone",
    )


def object_row(place: str, row: dict[str, object], reading: Reading) -> Row:
    """Make a row of an object; it has a problem if the text or the label is missing."""
    names, fields = tuple(row), tuple(row.values())
    try:
        texts = [_text(_value(row, column)) for column in reading.text]
        label = reading.label
        label = None if label is None else _label(_value(row, label))
    except BadRow as bad:
        return Row(place, "", None, str(bad), bad.hint, names, fields)
    text = texts[0] if len(texts) == 1 else "\n".join(texts)
    return Row(place, text, label, None, None, names, fields)


def _text(text: object) -> str:
    if not isinstance(text, str):
        raise BadRow(f"the text is {_kind(text)}, not a string")
    if not text.isascii() and _HALF_PAIR.search(text):
        raise BadRow("the text holds half a surrogate pair, which is no character")
    return text


def _json_object(line: str) -> dict:
    try:
        row = _JSON.decode(line.rstrip("\n"))
    except json.JSONDecodeError as error:
        raise BadRow(f"not JSON, {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise BadRow("nested too deeply") from None
    except ValueError:  # Python converts no longer number: that could take minutes
        raise BadRow(_LONG_NUMBER) from None
    if not isinstance(row, dict):
        raise BadRow(_NO_OBJECT)
    return row


def _without_repeats(pairs: list[tuple[str, object]]) -> dict:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in row if names.count(name) > 1)
        raise BadRow(f"{shown(twice)} is given twice")
    return row


def _no_number(name: str) -> None:
    raise BadRow(f"not JSON, which has no {name}")


_JSON = json.JSONDecoder(object_pairs_hook=_without_repeats, parse_constant=_no_number)
_ANY_JSON = json.JSONDecoder()


def _kind(value: object) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    return written(value)[:40]


def _label(label: object) -> str:
    if isinstance(label, dict | list):
        raise BadRow(f"the label is {_kind(label)}, a string or a number is needed")
    if isinstance(label, float) and not math.isfinite(label):
        raise BadRow("the label is too large for a number")
    return written(label)


def written(value: object) -> str:
    """Return a value as a label is written: numbers and truth as in JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, default=str) if value is not None else ""


def _value(row: dict, column: Column) -> object:
    name = str(column)
    if row.get(name) is not None:
        return row[name]
    if name in row:
        raise BadRow(f"{shown(name)} is null")
    guess = did_you_mean(name, row)
    raise BadRow(
        f"no {shown(name)} among {listed(row)}" + (f", {guess}" if guess else "")
    )
