"""Plain text in columns: what the commands print."""

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


def pad(text: str, width: int, *, right: bool = False) -> str:
    """Pad a text with spaces to a width: after it, or before it to move it right.

    Example:
        >>> pad("映画", 6), pad("7", 3, right=True)
        ('映画  ', '  7')
    """
    spaces = " " * (width - display_width(text))
    return spaces + text if right else text + spaces


def number(value: float, form: str, width: int = 9) -> str:
    """Format a number for a column; a large one with three digits and its exponent.

    Example:
        >>> number(0.25, ".4f"), number(9e28, ".4f")
        ('0.2500', '9e+28')
    """
    text = format(value, form)
    return text if len(text) <= width else f"{float(value):.3g}"
