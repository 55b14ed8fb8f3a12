"""Plain text in columns: what the commands print."""

from collections.abc import Sequence

from ..errors import printable


def align(rows: Sequence[Sequence[str]]) -> str:
    """Lay rows out in columns: the first to the left, the numbers to the right.

    Example:
        >>> print(align([["class", "recall"], ["negative", "88.12"]]))
        class     recall
        negative   88.12
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if position else cell.ljust(width)
            for position, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def shorten(text: str, width: int) -> str:
    """Return a text that takes no more than a width, on one line.

    Example:
        >>> shorten("a long name", 7)
        'a long…'
    """
    text = printable(text)
    return text if len(text) <= width else f"{text[: width - 1]}…"
