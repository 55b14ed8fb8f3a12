"""Plain text in columns: what the commands print."""

from collections.abc import Sequence


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
