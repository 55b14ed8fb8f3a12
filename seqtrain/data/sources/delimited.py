"""Records of CSV, TSV and their kin: delimiters, quotes, and what they swallow."""

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...errors import DataError
from .reading import DELIMITERS, QUOTES, Reading
from .streams import LONGEST_TEXT, OTHER_ENCODING, bad_byte, too_long
from .tables import QUOTE_HINT, Record

# Characters read once more after quotes without an end. A file can be made of rows
# that each seem to begin such a field: reading all again for each would take hours.
_MOST_READ_AGAIN = 2 * LONGEST_TEXT


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
    again, taken = deque(), []  # lines to read once more; those of the row so far
    start, number = 1, 0
    size = read_again = 0
    bad = None

    def measured() -> Iterator[str]:
        nonlocal size, number, bad
        while True:
            line = again.popleft() if again else next(lines, None)
            if line is None:
                return
            number += 1
            size += len(line)
            if size > LONGEST_TEXT:
                raise too_long(f"{path}:{start}")
            if not line.isascii():
                bad = bad or bad_byte(line, reading.encoding)
            taken.append(line)
            yield line

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
            for fields in csv.reader(measured(), **settings):
                if bad:
                    yield Record(f"{path}:{start}", (), bad, OTHER_ENCODING)
                elif fields:
                    rows = _as_rows(taken, delimiter) if len(taken) > 1 else ()
                    yield Record(f"{path}:{start}", fields, None, None, rows, delimiter)
                start, size, bad = number + 1, 0, None
                taken.clear()
            return
        except csv.Error as error:
            problem = f"a row starts here that can't be read, {error}"
        yield Record(f"{path}:{start}", (), problem, QUOTE_HINT)
        first, *rest = taken
        read_again += size - len(first)
        if read_again > _MOST_READ_AGAIN:
            raise DataError(f"{path}:{start}: {problem}, and so on", hint=QUOTE_HINT)
        again.extendleft(reversed(rest))
        start, number, size, bad = start + 1, start, 0, None
        taken.clear()


def _as_rows(lines: Sequence[str], delimiter: str) -> Sequence[Sequence[str]]:
    """What the lines of a quoted row would be, were its quotes text: alike, or none."""
    count = lines[0].count(delimiter)
    if not count or any(line.count(delimiter) != count for line in lines):
        return ()
    return [line.rstrip("\r\n").split(delimiter) for line in lines[:_LINES_COMPARED]]


_LINES_COMPARED = 1000
