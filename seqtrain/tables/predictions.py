"""Predictions as lines of text, beside what is kept of the rows they answer."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from ..errors import ConfigError, printable, printable_json
from ..tasks.kind import Prediction

Format = Literal["lines", "tsv", "csv", "jsonl"]


def format_by_name(path: Path) -> Format:
    """Return the format that the name of a file says.

    Raises:
        ConfigError: If it says none.
    """
    suffix = path.suffix.lower().removeprefix(".")
    if suffix not in ("tsv", "csv", "jsonl"):
        raise ConfigError(
            f"--out {path}: its name ends in none of .tsv, .csv, .jsonl",
            hint="say what to write by --format",
        )
    return suffix


class PredictionTable:
    """Turns answers into the lines of a format, and begins a table with a header.

    The columns that are kept of a row come first. A column of the answer that has the
    name of a kept one is called `predicted_…`. With kept columns the text is left out:
    it is one of them, if it is wanted.

    Args:
        format: `tsv` and `csv` quote what holds a delimiter; `jsonl` has an object a
            line; `lines` are for a terminal, with tabs between, escapes and no header.
        prediction: What an answer looks like.
        keeps: Whether columns of the rows are kept.
    """

    def __init__(self, format: Format, prediction: Prediction, *, keeps: bool):
        self._format, self._prediction, self._keeps = format, prediction, keeps
        self._header = format in ("tsv", "csv")

    def line(self, answer: dict, kept: Mapping[str, object]) -> str:
        """Return the line of an answer, with the header above the first one.

        Args:
            answer: What `predict` yields; with an `error` for a row without one.
            kept: The columns to keep of the row.
        """
        if self._format == "jsonl":
            return self._json(answer, kept)
        names = list(self._prediction.columns)
        if "error" in answer:
            cells = ["" if name != "text" else answer["error"] for name in names]
        else:
            cells = self._prediction.cells(answer)
        if self._keeps and "text" in names:
            del cells[names.index("text")], names[names.index("text")]
        cells = [*map(_written, kept.values()), *cells]
        if self._format == "lines":
            # A tab or a line break inside of a cell must not make another cell.
            return "\t".join(map(printable, cells))
        lines = [cells]
        if self._header:
            self._header = False
            lines.insert(0, [*kept, *(_renamed(name, kept) for name in names)])
        return self._table(lines)

    def _json(self, answer: dict, kept: Mapping[str, object]) -> str:
        beside = {
            _renamed(name, kept): value
            for name, value in answer.items()
            if not (self._keeps and name == "text")
        }
        return printable_json({**kept, **beside})

    def _table(self, lines: Sequence[Sequence[str]]) -> str:
        buffer = io.StringIO()
        delimiter = "," if self._format == "csv" else "\t"
        csv.writer(buffer, delimiter=delimiter, lineterminator="\n").writerows(lines)
        return buffer.getvalue().removesuffix("\n")


def _renamed(name: str, kept: Mapping[str, object]) -> str:
    return f"predicted_{name}" if name in kept else name


def _written(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, default=str)
