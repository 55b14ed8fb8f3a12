"""Records of CSV, TSV and their kin: delimiters, quotes, and what they swallow."""

import csv
import itertools
import re
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...errors import DataError
from .reading import DELIMITERS, QUOTES, Reading
from .streams import LONGEST_TEXT, OTHER_ENCODING, bad_byte, too_long
from .tables import QUOTE_HINT, Record

# A first line by which Excel is told the delimiter, and which is no row.
_EXCEL_LINE = re.compile(r'"?sep=([,;|\t])"?\s*$')
# Characters read once more after quotes without an end. A file can be made of rows
# that each seem to begin such a field: reading all again for each would take hours.
_MOST_LINES = 1_000_000  # of a row
_LINES_COMPARED = 1000
_MOST_READ_AGAIN = LONGEST_TEXT


def delimited_records(
    lines: Iterator[str], path: Path, format: str, reading: Reading
) -> Iterator[Record]:
    """Yield the fields of the header and of every row that is not blank.

    A row that can't be read has a problem instead; the line after the one where it
    starts is the next row.

    Args:
        lines: The lines of the file, with their ends.
        path: What errors call it.
        format: "csv" or "tsv".
        reading: Its settings.

    Raises:
        DataError: If a row is too long, or too much is lost in open quotes.
    """
    delimiter = reading.delimiter or {"csv": "comma", "tsv": "tab"}[format]
    delimiter, quote = DELIMITERS[delimiter], QUOTES[reading.quote]
    lines = _Lines(lines, path, reading.encoding)
    delimiter = lines.delimiter_for_excel() or delimiter
    # The limit holds for the whole process; its default is below a long review.
    csv.field_size_limit(LONGEST_TEXT)
    settings = {
        "delimiter": delimiter,
        "quotechar": quote,
        "quoting": csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        # A quote out of place would otherwise swallow the rows after it.
        "strict": True,
    }
    while True:
        try:
            for fields in csv.reader(iter(lines), **settings):
                if lines.bad_byte:
                    yield Record(lines.place, (), lines.bad_byte, OTHER_ENCODING)
                elif fields:
                    rows = _as_rows(lines.taken, delimiter)
                    yield Record(lines.place, fields, None, None, rows, delimiter)
                lines.end_row()
            return
        except csv.Error as error:
            problem = f"a row starts here that can't be read, {error}"
        yield Record(lines.place, (), problem, QUOTE_HINT)
        lines.end_row_at_once()


class _Lines:
    """The lines of a file, those of the row that is being read in `taken`."""

    def __init__(self, lines: Iterator[str], path: Path, encoding: str):
        self._lines, self._path, self._encoding = lines, path, encoding
        self._start, self._size, self._read_again = 1, 0, 0
        self._again = deque()
        self.taken: list[str] = []
        self.bad_byte: str | None = None

    @property
    def place(self) -> str:
        """Where the row starts."""
        return f"{self._path}:{self._start}"

    def __iter__(self) -> Iterator[str]:
        for line in itertools.chain(self._again_first(), self._lines):
            self._size += len(line)
            self.taken.append(line)
            if self._size > LONGEST_TEXT:
                raise too_long(self.place)
            if len(self.taken) > _MOST_LINES:
                raise too_long(self.place, f"{_MOST_LINES:,} lines")
            if not line.isascii() and not self.bad_byte:
                self.bad_byte = bad_byte(line, self._encoding)
            yield line

    def _again_first(self) -> Iterator[str]:
        while self._again:
            yield self._again.popleft()

    def delimiter_for_excel(self) -> str | None:
        """Return what a first line `sep=;` says; it is no row."""
        first = next(self._lines, "")
        if said := _EXCEL_LINE.match(first):
            self._start = 2
            return said[1]
        self._again.append(first)
        return None

    def end_row(self) -> None:
        """Start the next row after the lines taken."""
        self._start += len(self.taken)
        self._size, self.bad_byte = 0, None
        self.taken.clear()

    def end_row_at_once(self) -> None:
        """Start the next row at the second of the lines taken.

        Raises:
            DataError: If too much was read again already.
        """
        rest = self.taken[1:]
        self._read_again += sum(map(len, rest))
        if self._read_again > _MOST_READ_AGAIN:
            raise DataError(
                f"{self.place}: the quotes of too many rows have no end",
                hint=QUOTE_HINT,
            )
        self._again.extendleft(reversed(rest))
        del self.taken[1:]
        self.end_row()


def _as_rows(lines: Sequence[str], delimiter: str) -> Sequence[Sequence[str]]:
    """What the lines of a quoted row would be, were its quotes text: alike, or none."""
    if len(lines) < 2:
        return ()
    count = lines[0].count(delimiter)
    if not count or any(line.count(delimiter) != count for line in lines):
        return ()
    return [line.rstrip("\r\n").split(delimiter) for line in lines[:_LINES_COMPARED]]
