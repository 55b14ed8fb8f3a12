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
    "1 in 4 up to": 0.25,
    "half up to": 0.5,
    "3 in 4 up to": 0.75,
    "19 in 20 up to": 0.95,
    "longest text": 1.0,
}
_CLASSES_SHOWN = 12
_NAME_WIDTH, _COLUMN_WIDTH = 24, 17  # and three columns: 75


@dataclass(frozen=True)
class SplitReport:
    """What one of the training, validation and test parts holds.

    Args:
        examples: How many texts.
        classes: How many texts of each class.
        lengths: Tokens of a text before the cut: least, a quarter of the texts up to,
            half, three quarters, nineteen of twenty, most.
        tokens: Tokens of all texts before the cut.
        kept: Tokens of all texts after it.
        unknown: How many of the kept ones are not in the vocabulary.
        empty: Texts without a token.
        repeated: Texts that an earlier text of the same part repeats exactly.
        in_training: Texts that stand in the training part too; 0 for itself.
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
    """What the data holds, as counts.

    Args:
        splits: By name, in the order training, validation, test.
        vocabulary: Ids in the vocabulary, padding and unknown included.
        words: Distinct tokens of the training texts.
        max_length: Tokens kept of a longer text.
        best_accuracy: The best that any model can reach, where it is known.
        skipped: Rows left out because they could not be read.
        skipped_rows: The places of the first of them, and why.
    """

    splits: dict[str, SplitReport]
    vocabulary: int
    words: int
    max_length: int
    best_accuracy: float | None
    skipped: int
    skipped_rows: list[str]

    def text(self) -> str:
        """Return the report as aligned lines of at most 80 columns."""
        return "\n".join(_lines(self))

    def as_dict(self) -> dict:
        """Return the report as JSON holds it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields: dict) -> "Report":
        """Return the report that `as_dict` wrote."""
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
    """Count what a part of the data holds.

    Args:
        examples: Its texts and labels.
        names: The classes, in their order.
        lengths: Tokens of each text before the cut.
        tokens: The ids of all kept tokens.
        training: The texts of the training part.
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
    """Fit a text into terminal columns: cut with an ellipsis, or pad with spaces."""
    text = "".join(c if c.isprintable() else "�" for c in text)
    return pad(shorten(text, width), width)
