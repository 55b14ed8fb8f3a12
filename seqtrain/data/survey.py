"""Guess what a data file holds: the column of the texts, that of the labels."""

import statistics
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import DataError
from ..sections.data import Standardize
from .sources.examples import Examples, label_names
from .sources.files import read_examples, read_rows
from .sources.objects import written
from .sources.reading import DEFAULT, Reading
from .tokenize import tokenize

_ROWS = 2000  # read to tell the columns apart
_TEXTS = 10_000  # split into tokens; up to twice as many if there are more
_MOST_CLASSES = 1000
_LABEL_NAMES = (
    "label labels class classes category sentiment target verdict rating stars y"
).split()


class Column(NamedTuple):
    """The mean words and characters, and the distinct values, of a column."""

    name: str
    words: float
    characters: float
    distinct: int


class Survey(NamedTuple):
    """What was found in a data file or folder, and guessed about it.

    Args:
        text: The column of the texts; None in a folder of classes.
        label: The column of the labels; None in a folder of classes.
        test: A test file beside it with the same columns and labels, if there is one.
        classes: Number of examples by class.
        skipped_rows: Each row that could not be read, as `file:line: why`.
        lengths: Tokens per text: 50th, 95th and 100th percentile.
        surveyed: Number of texts that the counts of tokens are from.
        words: Distinct tokens in these texts.
        repeated: Distinct tokens that occur twice or more in them.
    """

    text: Column | None
    label: Column | None
    test: Path | None
    classes: dict[str, int]
    skipped_rows: tuple[str, ...]
    lengths: list[int]
    surveyed: int
    words: int
    repeated: int

    @property
    def imbalance(self) -> float:
        """Examples of the largest class divided by those of the smallest."""
        return max(self.classes.values()) / min(self.classes.values())


def survey(path: Path) -> Survey:
    """Find out what the config for a file or a folder of classes needs.

    Raises:
        DataError: If it can't be read, or no columns look like texts and labels.
    """
    text = label = test = None
    if path.is_dir():
        examples = read_examples(path, bad_rows="skip")
    else:
        text, label = find_columns(path)
        reading = Reading((text.name,), label.name)
        examples = read_examples(path, reading, bad_rows="skip")
        test = _find_test(path, text, label, set(examples.labels))
    classes = Counter(examples.labels)
    if len(classes) < 2:
        raise DataError(
            f"{path}: every label is {examples.labels[0]!r}, two classes are needed",
            hint="give data with two classes or more",
        )
    named = {name: classes[name] for name in label_names(classes)}
    counted = _count_tokens(examples)
    return Survey(text, label, test, named, examples.skipped_rows, *counted)


def find_columns(path: Path) -> tuple[Column, Column]:
    """Guess the columns of the texts and of the labels.

    The texts are the column with the longest strings. The labels are the column with
    the fewest distinct values among the others, or among those with a usual name for
    labels if their values repeat.

    Raises:
        DataError: If there is no such pair.
    """
    rows = sample_columns(path, DEFAULT, _ROWS)
    if not any(rows):
        raise DataError(
            f"{path}: no example in it", hint="give a file with one example a row"
        )
    names = dict.fromkeys(name for row in rows for name in row)
    columns = [_describe(name, rows) for name in names]
    if len(columns) < 2:
        raise DataError(
            f"{path}: found {_listed(columns)}, a column of texts and one of labels "
            "are needed",
            hint="give a file with a header and two columns",
        )
    text = max(columns, key=lambda column: (column.words, column.characters))
    most = min(_MOST_CLASSES, max(2, len(rows) // 2))
    labels = [each for each in columns if each != text and 2 <= each.distinct <= most]
    if not labels:
        raise DataError(
            f"{path}: no column looks like a label, with two to {most} values, "
            f"beside the text {text.name!r}: found {_listed(columns)}",
            hint="give a file with a header, and labels that repeat",
        )
    named = [each for each in labels if each.name.strip().lower() in _LABEL_NAMES]
    label = min(named or labels, key=lambda column: column.distinct)
    if label.name in {row.get(label.name) for row in rows}:
        raise DataError(
            f"{path}: the first line looks like an example, {label.name!r} being a "
            "label of others, too; a header is needed",
            hint="put a line above it that names the columns: text,label",
        )
    return text, label


def sample_columns(path: Path, reading: Reading, number: int) -> list[dict[str, str]]:
    """Read some rows of a file, spread over it evenly, with all their columns.

    Bad rows are left out silently: `read_examples` reports them, once the columns are
    known.

    Args:
        path: The file.
        reading: Its dialect.
        number: About how many rows.
    """
    kept, step = [], 1
    rows = read_rows(path, reading._replace(text=(), label=None))
    good = (row for row in rows if not row.problem)
    for index, row in enumerate(good):
        if index % step:
            continue
        kept.append(row)
        if len(kept) > 2 * number:
            kept, step = kept[::2], 2 * step
    return [
        {name: written(value) for name, value in row.columns.items()} for row in kept
    ]


def _describe(name: str, rows: list[dict[str, str]]) -> Column:
    values = [row[name].strip() for row in rows if row.get(name, "").strip()]
    return Column(
        name,
        words=statistics.fmean([len(value.split()) for value in values] or [0]),
        characters=statistics.fmean([len(value) for value in values] or [0]),
        distinct=len(set(values)),
    )


def _find_test(
    path: Path, text: Column, label: Column, classes: set[str]
) -> Path | None:
    """The `test.csv` beside `train.csv`, if it has the same columns and labels."""
    beside = path.with_name(path.name.replace("train", "test"))
    if beside == path or not beside.is_file():
        return None
    try:
        reading = Reading((text.name,), label.name)
        read_examples(beside, reading, bad_rows="skip", classes=classes)
    except DataError:
        return None
    return beside


def _count_tokens(examples: Examples) -> tuple[list[int], int, int, int]:
    """Sample the texts evenly; return the last four fields of `Survey`."""
    texts = examples.texts[:: max(1, len(examples.texts) // _TEXTS)]
    counts, lengths = Counter(), []
    for text in texts:
        tokens = tokenize(text, Standardize())
        counts.update(tokens)
        lengths.append(len(tokens))
    percentiles = np.percentile(lengths, [50, 95, 100], method="inverted_cdf").tolist()
    repeated = sum(count > 1 for count in counts.values())
    return percentiles, len(texts), len(counts), repeated


def _listed(columns: list[Column]) -> str:
    shown = [repr(column.name[:40]) for column in columns[:10]]
    return f"{len(columns)} column{'s' * (len(columns) != 1)}, {', '.join(shown)}"
