"""How data files are read: which columns, which dialect, which encoding."""

from collections.abc import Sequence
from typing import NamedTuple

Column = str | int  # its name, or its number from 1

# What a suffix says that a file is; each also with .gz, or in a .zip.
FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".xlsx": "excel",
}
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
QUOTES = {"double": '"', "single": "'", "none": None}


class Reading(NamedTuple):
    """The settings that shape how a data file is read.

    Args:
        text: The columns of the text, joined by line ends if they are several; none
            reads no text.
        label: The column of the label; None reads none.
        format: What files are whose names don't say it: a value of `FORMATS`,
            "fasttext", or "lines" for a text a line.
        delimiter: What separates fields, a key of `DELIMITERS`; None: as the suffix
            says, a comma or a tab.
        quote: What stands around a field that holds delimiters or line ends, a key of
            `QUOTES`; with "none" a quote is text like any other.
        header: Whether the first row of a table names its columns.
        encoding: How characters are written as bytes; a byte order mark goes first.
        classes: The sub-folders that are classes; None: all but `unsup`.
    """

    text: Sequence[Column] = ("text",)
    label: Column | None = "label"
    format: str | None = None
    delimiter: str | None = None
    quote: str = "double"
    header: bool = True
    encoding: str = "utf-8"
    classes: Sequence[str] | None = None


DEFAULT = Reading()


class Row(NamedTuple):
    """One row of a data file.

    Args:
        place: Where it starts: `file:line`, or `file:row` where rows are no lines.
        text: The text.
        label: The label; None if none is read.
        problem: Why the row is no example; None if it is one.
        hint: What to do about the problem, where that is known.
        names: The names of all its columns.
        fields: The value of each: a string in CSV and the like, else as in the file.
    """

    place: str
    text: str = ""
    label: str | None = None
    problem: str | None = None
    hint: str | None = None
    names: Sequence[str] = ()
    fields: Sequence[object] = ()

    @property
    def columns(self) -> dict[str, object]:
        """All the columns of the row, by name."""
        return dict(zip(self.names, self.fields, strict=False))


class BadRow(Exception):
    """Why a row is no example, and what to do about it."""

    def __init__(self, problem: str, hint: str | None = None):
        super().__init__(problem)
        self.hint = hint
