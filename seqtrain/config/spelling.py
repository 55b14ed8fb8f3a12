"""The word that was meant by a misspelt one."""

import difflib
from collections.abc import Iterable


def suggest(word: str, known: Iterable[str]) -> str:
    """A question for the word that was meant, empty if none is near."""
    near = nearest(word, known)
    return f"did you mean {near!r}?" if near else ""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was meant to be, None if none is near.

    A slip or two of the fingers decide; among as many, and for words that share
    most of their letters, `difflib` does.

    Example:
        >>> nearest("lsmt", ["rnn", "lstm", "gru"])
        'lstm'
        >>> nearest("batch-size", ["batch_size", "epochs"])
        'batch_size'
    """
    known = list(known)
    if len(word) > 60:  # no slip of a finger
        return None
    word = _plain(word)
    slips = {each: distance(word, _plain(each), most=2) for each in known}
    near = [each for each in known if slips[each] <= (1 if len(each) < 6 else 2)]
    if not near:
        return next(iter(difflib.get_close_matches(word, known, n=1)), None)
    fewest = min(slips[each] for each in near)
    return max(
        (each for each in near if slips[each] == fewest),
        key=lambda each: difflib.SequenceMatcher(None, word, each).ratio(),
    )


def _plain(word: str) -> str:
    return word.casefold().replace("-", "_")


def distance(word: str, other: str, most: int = 60) -> int:
    """How many slips part two words: a letter more, less, another, two swapped [1].

    Where the lengths alone part them by more than `most`, this is not worked out.

    References:
        [1] Damerau, A technique for computer detection and correction of spelling
            errors, 1964; here no letter slips twice.
    """
    if abs(len(word) - len(other)) > most:
        return most + 1
    before, row = [], list(range(len(other) + 1))
    for i, letter in enumerate(word):
        older, before, row = before, row, [i + 1]
        for j, wanted in enumerate(other):
            cost = min(row[j] + 1, before[j + 1] + 1, before[j] + (letter != wanted))
            if i and j and letter == other[j - 1] and word[i - 1] == wanted:
                cost = min(cost, older[j - 1] + 1)
            row.append(cost)
    return row[-1]
