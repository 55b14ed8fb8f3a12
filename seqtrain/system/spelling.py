"""The word that was meant by a misspelt one."""

import difflib
from collections.abc import Iterable
from itertools import islice


def did_you_mean(name: str, names: Iterable[str]) -> str | None:
    """Return a hint with the nearest of `names`, if one is near."""
    # Of many names only the first: a comparison takes some 20 microseconds. And what
    # is longer than the name of a file can't be a slip of the finger.
    names = [near for near in islice(names, 1000) if len(near) < 256]
    near = difflib.get_close_matches(name[:256], names, n=1)
    return f"did you mean {near[0]!r}?" if near else None
