"""Guess what a data file holds: the columns of texts and labels, and its siblings."""

import re
import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import DataError, printable
from ..sections.data import Standardize
from .dialect import find_dialect
from .siblings import find_parts
from .sources.examples import Examples, label_names
from .sources.files import (
    Paths,
    expand,
    file_format,
    read_examples,
    read_rows,
    shown_paths,
)
from .sources.objects import written
from .sources.reading import Reading, Row
from .tokenize import choose_tokens, tokenize

_ROWS = 2000  # read to tell the columns apart
_TEXTS = 10_000  # split into tokens; up to twice as many if there are more
_MOST_CLASSES = 1000
_BAD_ROWS_SHOWN = 3
_LABEL_NAMES = (
    "label labels class classes category sentiment polarity target verdict rating "
    "stars y gold_label is_duplicate airline_sentiment"
).split()
# Two texts that only together have a label.
_PAIRS = (
    ("premise", "hypothesis"),
    ("sentence1", "sentence2"),
    ("question1", "question2"),
    ("question", "sentence"),
    ("text_a", "text_b"),
)


class Column(NamedTuple):
    """The mean words and characters, and the distinct values, of a column."""

    name: str | int
    words: float
    characters: float
    distinct: int


class Survey(NamedTuple):
    """What was found in a data file or folder, and guessed about it.

    Args:
        train: The data to train on: what was given, or a part of that.
        test: Test data beside it with the same columns and labels, if there is any.
        validation: Validation data of the same kind.
        reading: The settings to read all of them by.
        reasons: What each setting that is not its default was found by.
        texts: The columns of the texts; none where columns have no names.
        label: The column of the labels.
        classes: Number of examples by class.
        skipped: Number of rows that could not be read.
        skipped_rows: The first of these, as `file:line: why`.
        tokens: What the texts are best cut into, words or characters.
        lengths: Tokens per text: 50th, 95th and 100th percentile.
        surveyed: Number of texts that the counts of tokens are from.
        words: Distinct tokens in these texts.
        repeated: Distinct tokens that occur twice or more in them.
    """

    train: Paths
    test: Paths | None
    validation: Paths | None
    reading: Reading
    reasons: dict[str, str]
    texts: Sequence[Column]
    label: Column | None
    classes: dict[str, int]
    skipped: int
    skipped_rows: tuple[str, ...]
    tokens: str
    lengths: list[int]
    surveyed: int
    words: int
    repeated: int

    @property
    def imbalance(self) -> float:
        """Examples of the largest class divided by those of the smallest."""
        return max(self.classes.values()) / min(self.classes.values())


def survey(path: Path) -> Survey:
    """Find out what the config for a file or a folder needs.

    Raises:
        DataError: If it can't be read, or no columns look like texts and labels.
    """
    parts = find_parts(path)
    train = parts["train"]
    reading, reasons = find_dialect(train)
    texts, label = (), None
    if has_columns(train, reading):
        texts, label, reading, why = find_columns(train, reading)
        reasons = reasons | why
    examples = read_examples(train, reading, bad_rows="skip")
    classes = Counter(examples.labels)
    if len(classes) < 2:
        raise DataError(
            f"{shown_paths(train)}: every label is {examples.labels[0]!r}, "
            "two classes are needed",
            hint="give data with two classes or more",
        )

    def alike(part: Paths | None) -> Paths | None:
        try:
            if part:
                read_examples(part, reading, bad_rows="skip", classes=set(classes))
        except DataError:
            return None
        return part

    return Survey(
        train,
        alike(parts.get("test")),
        alike(parts.get("validation")),
        reading,
        reasons,
        texts,
        label,
        {name: classes[name] for name in label_names(classes)},
        examples.skipped,
        examples.skipped_rows,
        *_count_tokens(examples),
    )


def find_columns(
    paths: Paths, reading: Reading
) -> tuple[Sequence[Column], Column, Reading, dict[str, str]]:
    """Guess the columns of the texts and of the labels, and whether there is a header.

    The texts are the column with the longest strings, or two that are known as a pair.
    The labels are the column with the fewest distinct values among the others, or among
    those with a usual name for labels if their values repeat.

    Returns:
        The columns of the texts, that of the labels, the reading with these columns,
        and what it was found by that there is no header.

    Raises:
        DataError: If there is no such pair.
    """
    names, rows = sample_columns(paths, reading, _ROWS)
    columns = [_describe(name, rows) for name in names]
    if len(columns) < 2:
        raise DataError(
            f"{shown_paths(paths)}: found {_listed(columns)}, a column of texts and "
            "one of labels are needed",
            hint="give a file with a header and two columns",
        )
    text, label = _text_and_label(columns, len(rows), paths)
    if is_table(paths, reading) and _is_a_value(label, rows):
        numbered = reading._replace(header=False)
        names, rows = sample_columns(paths, numbered, _ROWS)
        columns = [_describe(name, rows) for name in names]
        text, label = _text_and_label(columns, len(rows), paths)
        text, label = (each._replace(name=int(each.name)) for each in (text, label))
        reading = numbered._replace(text=(text.name,), label=label.name)
        why = {"header": "guessed: the first row looks like the others"}
        return [text], label, reading, why
    by_name = {each.name.lower(): each for each in columns}
    pairs = [[by_name.get(name) for name in pair] for pair in _PAIRS]
    texts = next((pair for pair in pairs if text in pair and all(pair)), [text])
    texts = [_told_apart(each, names) for each in texts]
    label = _told_apart(label, names)
    chosen = tuple(each.name for each in texts)
    return texts, label, reading._replace(text=chosen, label=label.name), {}


def _told_apart(column: Column, names: Sequence[str]) -> Column:
    """The column by its number, if another one has the same name."""
    if f"{column.name}.1" in names:
        return column._replace(name=names.index(column.name) + 1)
    return column


def _text_and_label(
    columns: Sequence[Column], rows: int, paths: Paths
) -> tuple[Column, Column]:
    text = max(columns, key=lambda column: (column.words, column.characters))
    most = min(_MOST_CLASSES, max(2, rows // 2))
    labels = [each for each in columns if each != text and 2 <= each.distinct <= most]
    if not labels:
        raise DataError(
            f"{shown_paths(paths)}: no column looks like a label, with two to {most} "
            f"values, beside the text {text.name!r}: found {_listed(columns)}",
            hint="give a file with a header, and labels that repeat",
        )
    named = [each for each in labels if each.name.strip().lower() in _LABEL_NAMES]
    return text, min(named or labels, key=lambda column: column.distinct)


def _is_a_value(label: Column, rows: list[dict[str, str]]) -> bool:
    """Whether the name of the labels' column is a label itself, or a number as all."""
    values = {row.get(label.name, "").strip() for row in rows} - {""}
    number = re.compile(r"[-+]?\d+([.,]\d+)?")
    return label.name in values or all(
        number.fullmatch(each) for each in [label.name, *values]
    )


def has_columns(paths: Paths, reading: Reading) -> bool:
    """Whether the columns of text and label have to be known."""
    label, path = expand(paths)[0]
    if label is not None or path.is_dir():
        return False
    return file_format(path, reading) not in ("fasttext", "lines")


def is_table(paths: Paths, reading: Reading) -> bool:
    """Whether the first row may name the columns."""
    _, path = expand(paths)[0]
    return file_format(path, reading) in ("csv", "tsv", "excel")


def sample_columns(
    paths: Paths, reading: Reading, number: int
) -> tuple[list[str], list[dict[str, str]]]:
    """Read some rows, spread evenly, with all their columns.

    Args:
        paths: The data.
        reading: Its dialect.
        number: About how many rows.

    Returns:
        The names of the columns, and the rows as texts.

    Raises:
        DataError: If it can't be read or all rows are bad.
    """
    kept, step, good, bad = [], 1, 0, []
    for row in read_rows(paths, reading._replace(text=(), label=None)):
        if row.problem:
            bad.append(row) if len(bad) < _BAD_ROWS_SHOWN else None
            continue
        if good % step == 0:
            kept.append(row)
            if len(kept) > 2 * number:
                kept, step = kept[::2], 2 * step
        good += 1
    if not any(row.fields for row in kept):
        why = [printable(f"{row.place}: {row.problem}") for row in bad]
        hints = [row.hint for row in bad if row.hint]
        raise DataError(
            "\n".join([f"{shown_paths(paths)}: no example in it", *why]),
            hint=hints[0] if hints else "give a file with one example a row",
        )
    names = dict.fromkeys(name for row in kept for name in row.names)
    return list(names), [_written(row) for row in kept]


def _written(row: Row) -> dict[str, str]:
    return {
        name: written(value)
        for name, value in row.columns.items()
        if not isinstance(value, dict | list)
    }


def _describe(name: str, rows: list[dict[str, str]]) -> Column:
    values = [row[name].strip() for row in rows if row.get(name, "").strip()]
    return Column(
        name,
        words=statistics.fmean([len(value.split()) for value in values] or [0]),
        characters=statistics.fmean([len(value) for value in values] or [0]),
        distinct=len(set(values)),
    )


def _count_tokens(examples: Examples) -> tuple[str, list[int], int, int, int]:
    """Sample the texts evenly; return the last five fields of `Survey`."""
    texts = examples.texts[:: max(1, len(examples.texts) // _TEXTS)]
    counts, lengths, cut_into = Counter(), [], choose_tokens(texts)
    for text in texts:
        tokens = tokenize(text, Standardize(), cut_into)
        counts.update(tokens)
        lengths.append(len(tokens))
    percentiles = np.percentile(lengths, [50, 95, 100], method="inverted_cdf").tolist()
    repeated = sum(count > 1 for count in counts.values())
    return cut_into, percentiles, len(texts), len(counts), repeated


def _listed(columns: Sequence[Column]) -> str:
    shown = [repr(column.name[:40]) for column in columns[:10]]
    return f"{len(columns)} column{'s' * (len(columns) != 1)}, {', '.join(shown)}"
