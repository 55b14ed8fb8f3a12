"""Plain text in columns: what the commands print."""

import math
from collections.abc import Sequence

from ..errors import display_width


def align(rows: Sequence[Sequence[str]]) -> str:
    """Lay rows out in columns: the first to the left, the numbers to the right.

    Example:
        >>> print(align([["class", "recall"], ["negative", "88.12"]]))
        class     recall
        negative   88.12
    """
    widths = [max(map(display_width, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            pad(cell, width, right=position > 0)
            for position, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def decimal(value: float) -> str:
    """Return a number with four decimals; one too large for that, with an exponent.

    Example:
        >>> decimal(0.69314), decimal(3e29), decimal(float("nan"))
        ('0.6931', '3.0e+29', 'nan')
    """
    return (
        f"{value:.1e}" if math.isfinite(value) and abs(value) >= 1e5 else f"{value:.4f}"
    )


def pad(text: str, width: int, *, right: bool = False) -> str:
    """Pad a text with spaces to a width: after it, or before it to move it right.

    Example:
        >>> pad("映画", 6), pad("7", 3, right=True)
        ('映画  ', '  7')
    """
    spaces = " " * (width - display_width(text))
    return spaces + text if right else text + spaces
