"""Rows of a table: a header, and as many fields in each row."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ...errors import DataError, listed, shown
from ...spelling import did_you_mean
from .reading import DELIMITERS, Column, Reading, Row

QUOTE_HINT = (
    "set data.quote: none if a quote is text like any other; else quote a field as "
    '"…" and write a quote inside it twice'
)
_LABELS_KEPT = 1000


class Record(NamedTuple):
    """The fields of a row, or why it has none.

    Args:
        place: Where it starts, `file:line`.
        fields: Its fields.
        problem: Why it has none.
        hint: What to do about the problem.
        rows: What its lines would be as rows, if it has several that look like such.
        delimiter: What stands between the fields of these.
    """

    place: str
    fields: Sequence[str] = ()
    problem: str | None = None
    hint: str | None = None
    rows: Sequence[Sequence[str]] = ()
    delimiter: str = ""


class Header(NamedTuple):
    """What the first row of a table says.

    Args:
        names: Of the columns: each once, and none blank.
        blank: How many columns at the end have no name of their own.
        texts: Where the columns of the text are.
        label: Where the column of the label is; None if none is read.
    """

    names: Sequence[str]
    blank: int
    texts: Sequence[int]
    label: int | None


def table_rows(
    records: Iterator[Record], reading: Reading, path: object
) -> Iterator[Row]:
    """Find the columns of text and label in the header, and yield the rows.

    A row whose fields are all blank is none.

    Raises:
        DataError: If there is no header, or it lacks a column.
    """
    header, labels = None, set()
    for record in records:
        if header is None:
            if record.problem:
                raise DataError(f"{record.place}: {record.problem}", hint=record.hint)
            if not any(map(str.strip, record.fields)):
                continue
            header = read_header(record, reading)
            if reading.header:
                continue
        row = _row(record, header)
        if row is None:
            continue
        if record.rows and _swallowed(record, header, labels):
            row = row._replace(problem=_SWALLOWED, hint=QUOTE_HINT)
        elif row.label and len(labels) < _LABELS_KEPT:
            labels.add(row.label)
        yield row
    if header is None:
        raise empty(path)


_SWALLOWED = (
    "a quote opens here and closes lines later, and each line between looks like a row"
)


def _swallowed(record: Record, header: Header, labels: set[str]) -> bool:
    """Whether a quoted row is several rows, between two quotes that are text.

    Each of its lines would be a row, and with a label that rows before it have. Prose
    that is quoted rightly may have as many commas in each line, but not the labels.
    Where no label is read, tabs are enough to tell: prose has none.
    """
    width = len(header.names)
    if any(len(row) != width for row in record.rows):
        return False
    if header.label is None:
        return record.delimiter == "\t"
    found = [row[header.label].strip(" \"'") for row in record.rows]
    known = labels | {record.fields[header.label]} - {""}
    return sum(label in known for label in found) > 1


def empty(path: object) -> DataError:
    """The error for a file without content."""
    return DataError(f"{path}: the file is empty", hint="give one with examples")


def _row(record: Record, header: Header) -> Row | None:
    place, fields, problem, hint, *_ = record
    if not problem:
        if len(fields) != len(header.names):
            fields = _fitted(fields, header)
        if len(fields) > 1 and not any(fields):
            return None
        if len(fields) == len(header.names):
            texts = [fields[at] for at in header.texts]
            text = texts[0] if len(texts) == 1 else "\n".join(texts)
            label = None if header.label is None else fields[header.label]
            return Row(place, text, label, None, None, header.names, fields)
        problem = f"the row has {len(fields):,} of {len(header.names):,} fields"
    return Row(place, "", None, problem, hint, header.names, fields)


def _fitted(fields: Sequence[str], header: Header) -> Sequence[str]:
    """Drop or add blank fields at the end, as spreadsheets do."""
    width = len(header.names)
    if not any(map(str.strip, fields[width:])):
        fields = fields[:width]
    missing = width - len(fields)
    return [*fields, *[""] * missing] if missing <= header.blank else fields


def read_header(record: Record, reading: Reading) -> Header:
    """Read the names of the columns, and find those of text and label.

    A column without a name is called by its number, and the second of a name with the
    number 1 after it. Without a header all columns are called by their numbers.

    Raises:
        DataError: If a column is not there.
    """
    cells = [cell.strip() for cell in record.fields]
    if not reading.header:
        cells = [""] * len(cells)
    names, blank = {}, 0  # each name with how often it was there
    for number, cell in enumerate(cells, start=1):
        name = first = cell or str(number)
        while name in names:
            names[first] += 1
            name = f"{first}.{names[first]}"
        names[name] = 0
        blank = 0 if cell else blank + 1
    names = list(names)

    def where(column: Column) -> int:
        return find_column(column, cells, names, record, reading.header)

    texts = [where(column) for column in reading.text]
    label = None if reading.label is None else where(reading.label)
    return Header(names, blank if reading.header else 0, texts, label)


def find_column(
    column: Column,
    cells: Sequence[str],
    names: Sequence[str],
    record: Record,
    has_header: bool,
) -> int:
    """The index of a column."""
    place = record.place
    if isinstance(column, int):
        if column > len(names):
            raise DataError(
                f"{place}: {len(names)} columns, no column {column}",
                hint=_delimiter_hint(record) or "set data.text and data.label",
            )
        return column - 1
    if not has_header:
        raise DataError(
            f"{place}: no column {shown(column)}, without a header columns are numbers",
            hint="set data.text and data.label to numbers from 1, or data.header: true",
        )
    name = column.strip()
    if cells.count(name) > 1:
        number = cells.index(name) + 1
        raise DataError(
            f"{place}: two columns {shown(column)}",
            hint=f"rename one of them, or name one by its number, such as {number}",
        )
    if name in names:
        return names.index(name)
    raise DataError(
        f"{place}: no column {shown(column)} among {listed(names)}",
        hint=did_you_mean(name, names)
        or _delimiter_hint(record)
        or "set data.text and data.label",
    )


def _delimiter_hint(record: Record) -> str | None:
    """The delimiter that would cut a header that is a single field."""
    if len(record.fields) != 1:
        return None
    counts = {name: record.fields[0].count(DELIMITERS[name]) for name in DELIMITERS}
    most = max(counts, key=counts.__getitem__)
    return f"set data.delimiter: {most}" if counts[most] else None
