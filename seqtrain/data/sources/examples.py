"""Texts with their labels, as every source gives them."""

from collections.abc import Iterable
from typing import NamedTuple


class Examples(NamedTuple):
    """Texts and the names of their classes, both in the order of the source.

    `labels` is empty if only texts were read. `skipped` counts the bad rows that were
    left out, and `skipped_rows` names the first of them as `file:line: why`. `notes`
    says what else was found, such as labels of another spelling.
    """

    texts: list[str]
    labels: list[str]
    skipped_rows: tuple[str, ...] = ()
    skipped: int = 0
    notes: tuple[str, ...] = ()


def label_names(labels: Iterable[str]) -> list[str]:
    """Return each class once, sorted as numbers if all are integers, else by name.

    Example:
        >>> label_names(["10", "9", "9"])
        ['9', '10']
        >>> label_names(["pos", "neg", "9"])
        ['9', 'neg', 'pos']
    """
    names = sorted(set(labels))
    if all(name.removeprefix("-").isdecimal() for name in names):
        return sorted(names, key=int)
    return names
