"""The word that was meant by a misspelt one."""

import difflib
from collections.abc import Iterable
from itertools import islice

# Nobody waits long for a hint: of many words only the first are compared, and no
# word is longer than the name of a file can be.
_MOST_WORDS = 1000
_LONGEST_WORD = 255


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A question for the word that was meant, empty if none is near.

    Example:
        >>> did_you_mean("lable", ["text", "label"])
        "did you mean 'label'?"
    """
    near = nearest(word, known)
    return f"did you mean {near!r}?" if near else ""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was meant to be, None if none is near.

    Example:
        >>> nearest("lsmt", ["rnn", "lstm", "gru"])
        'lstm'
        >>> nearest("Batch-Size", ["batch_size", "epochs"])
        'batch_size'
    """
    plain = {
        _plain(each): each
        for each in islice(known, _MOST_WORDS)
        if len(each) <= _LONGEST_WORD
    }
    near = difflib.get_close_matches(_plain(word[:_LONGEST_WORD]), plain, n=1)
    return plain[near[0]] if near else None


def likeness(word: str, other: str) -> float:
    """How much two words have in common: 0 for nothing, 1 for all their letters.

    Example:
        >>> likeness("lsmt", "lstm") > likeness("lsmt", "rnn")
        True
    """
    return difflib.SequenceMatcher(None, _plain(other), _plain(word)).ratio()


def _plain(word: str) -> str:
    return word.casefold().replace("-", "_")
