"""Texts with their labels, and what all that read them share."""

import difflib
import os
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ..errors import DataError


class Examples(NamedTuple):
    """Texts and the names of their classes, both in the order of the source.

    `labels` is empty where none were asked for. `skipped` counts the rows that
    were left out, and `skipped_rows` names the first of them as `file:line: why`.
    """

    texts: list[str]
    labels: list[str]
    skipped_rows: tuple[str, ...] = ()
    skipped: int = 0


def label_names(labels: Iterable[str]) -> list[str]:
    """Return the classes once each: as numbers if all are integers, else by name.

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


def did_you_mean(name: str, names: Iterable[str]) -> str | None:
    """Return a hint with the nearest of `names`, if one is near."""
    # Of many names only the first: a comparison takes some 20 microseconds. And what
    # is longer than the name of a file can't be a slip of the finger.
    names = [near for near in islice(names, 1000) if len(near) < 256]
    near = difflib.get_close_matches(name[:256], names, n=1)
    return f"did you mean {near[0]!r}?" if near else None


def cache_folder() -> Path:
    """Return the folder for downloads and encoded data.

    It is `$SEQTRAIN_CACHE`, else `$XDG_CACHE_HOME/seqtrain`, else
    `~/.cache/seqtrain`.

    Raises:
        DataError: If none of them is known.
    """
    if folder := os.environ.get("SEQTRAIN_CACHE"):
        return Path(folder)
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "seqtrain"
    try:
        return Path.home() / ".cache" / "seqtrain"
    except RuntimeError:
        raise DataError(
            "no home folder is known, encoded data is kept below it",
            hint="name a folder for it by SEQTRAIN_CACHE",
        ) from None
