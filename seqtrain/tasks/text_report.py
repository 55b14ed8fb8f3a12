"""What labelled texts hold: the report that `train` and `check` print."""

import dataclasses
import textwrap
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..data.sources.examples import Examples
from ..data.vocabulary import UNKNOWN
from ..errors import shorten
from ..terminal.columns import pad

_QUANTILES = {
    "shortest text": 0.0,
    "25th percentile": 0.25,
    "median": 0.5,
    "75th percentile": 0.75,
    "95th percentile": 0.95,
    "longest text": 1.0,
}
_CLASSES_SHOWN = 12
_NAME_WIDTH, _COLUMN_WIDTH = 24, 17  # with three columns: 75 characters


@dataclass(frozen=True)
class SplitReport:
    """What the training, the validation or the test part holds.

    Args:
        examples: Number of texts.
        classes: Number of texts by class.
        lengths: Tokens per text before cutting: shortest, 25th, 50th, 75th and 95th
            percentile, longest.
        tokens: Tokens of all texts before cutting.
        kept: Tokens of all texts after cutting.
        unknown: How many of the kept tokens are not in the vocabulary.
        empty: Number of texts without a token.
        repeated: Number of exact copies of an earlier text of the same part.
        in_training: Number of texts that are in the training part as well; 0 for the
            training part itself.
    """

    examples: int
    classes: dict[str, int]
    lengths: list[int]
    tokens: int
    kept: int
    unknown: int
    empty: int
    repeated: int
    in_training: int


@dataclass(frozen=True)
class Report:
    """The counts that describe labelled texts.

    Args:
        splits: A report by the name of the part: training, validation, test.
        vocabulary: Ids in the vocabulary, padding and unknown included.
        words: Distinct tokens in the training texts.
        max_length: The length that longer texts are cut to, in tokens.
        best_accuracy: The best accuracy that any model can reach; None if not known.
        skipped: Number of rows that could not be read and were left out.
        skipped_rows: Where the first of these rows are, and why each was skipped.
        warnings: What is probably not as it was meant, with the remedy.
    """

    splits: dict[str, SplitReport]
    vocabulary: int
    words: int
    max_length: int
    best_accuracy: float | None
    skipped: int
    skipped_rows: list[str]
    warnings: list[str]

    def text(self) -> str:
        """Return the report as aligned lines of at most 80 columns."""
        return "\n".join(_lines(self))

    def as_dict(self) -> dict:
        """Return the report as a dict that JSON can hold."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields: dict) -> "Report":
        """Rebuild a report from the result of `as_dict`."""
        splits = {name: SplitReport(**each) for name, each in fields["splits"].items()}
        return cls(**fields | {"splits": splits})


def report_split(
    examples: Examples,
    *,
    names: Sequence[str],
    lengths: np.ndarray,
    tokens: np.ndarray,
    training: Collection[str] = (),
) -> SplitReport:
    """Count what is in one part of the data.

    Args:
        examples: The texts and labels of the part.
        names: The classes, in order.
        lengths: Tokens per text before cutting, `(examples,)`.
        tokens: The ids of all kept tokens, `(tokens,)`.
        training: The texts of the training part; empty for the training part itself.
    """
    counts = Counter(examples.labels)
    shares = list(_QUANTILES.values())
    return SplitReport(
        examples=len(examples.texts),
        classes={name: counts[name] for name in names},
        lengths=np.quantile(lengths, shares, method="inverted_cdf").tolist(),
        tokens=int(lengths.sum()),
        kept=len(tokens),
        unknown=int((tokens == UNKNOWN).sum()),
        empty=int((lengths == 0).sum()),
        repeated=len(examples.texts) - len(set(examples.texts)),
        in_training=sum(text in training for text in examples.texts),
    )


def _lines(report: Report) -> list[str]:
    splits = list(report.splits.values())

    def row(name: str, cells: Iterable[str]) -> str:
        cells = (cell.rjust(_COLUMN_WIDTH) for cell in cells)
        return _clip(name, _NAME_WIDTH) + "".join(cells)

    def counts(name: str, field: str) -> str:
        return row(name, [f"{getattr(split, field):,}" for split in splits])

    def class_row(name: str) -> str:
        numbers = [(split.classes[name], split.examples) for split in splits]
        cells = [f"{part:,} {_share(part, whole):>6}" for part, whole in numbers]
        return row(f"  {name}", cells)

    names = list(splits[0].classes)
    cut = [_share(split.tokens - split.kept, split.tokens) for split in splits]
    in_training = [f"{split.in_training:,}" for split in splits[1:]]
    lines = [
        row("", report.splits),
        counts("examples", "examples"),
        *map(class_row, names[:_CLASSES_SHOWN]),
        *_more(len(names) - _CLASSES_SHOWN, "classes"),
        counts("tokens", "tokens"),
        *(
            row(f"  {name}", [f"{split.lengths[i]:,}" for split in splits])
            for i, name in enumerate(_QUANTILES)
        ),
        row(f"  cut off past {report.max_length:,}", cut),
        row("  unknown", [_share(split.unknown, split.kept) for split in splits]),
        counts("texts without a token", "empty"),
        counts("repeated texts", "repeated"),
        row("texts also in training", ["", *in_training]),
        f"vocabulary of {report.vocabulary:,} ids, "
        f"from {report.words:,} distinct tokens in training",
    ]
    if report.best_accuracy is not None:
        lines.append(f"best possible accuracy {report.best_accuracy:.4f}")
    if report.skipped:
        lines.append(f"skipped rows: {report.skipped:,}")
        lines += [
            textwrap.fill(place, 80, initial_indent="  ", subsequent_indent="    ")
            for place in report.skipped_rows
        ]
        lines += _more(report.skipped - len(report.skipped_rows), "rows")
    return [line.rstrip() for line in lines]


def _more(count: int, what: str) -> list[str]:
    return [f"  and {count:,} more {what}"] if count > 0 else []


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def _clip(text: str, width: int) -> str:
    """Fit a text to a terminal width: cut it with an ellipsis, or pad it."""
    text = "".join(c if c.isprintable() else "�" for c in text)
    return pad(shorten(text, width), width)
