"""Labels that are spelt differently and mean the same: `1`, `1.0` and `true`."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

from ...errors import listed, shown

_TRUTH = {"true": "1", "false": "0"}
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?")
_DECIMAL_COMMA = re.compile(r"([-+]?\d+),(\d{1,2})")


def plain_label(label: str) -> str:
    """Return what all spellings of a label have in common.

    Example:
        >>> [plain_label(label) for label in ("1.0", "TRUE", "Not_Spam", "A-")]
        ['1', '1', 'not spam', 'a-']
    """
    label = unicodedata.normalize("NFKC", label)
    label = "".join(c for c in label if unicodedata.category(c) != "Cf")
    label = re.sub(r"(?<=\w)[-_\s]+(?=\w)", " ", label.casefold()).strip()
    label = _DECIMAL_COMMA.sub(r"\1.\2", _TRUTH.get(label, label))
    if len(label) < 20 and _NUMBER.fullmatch(label):
        return f"{float(label):.15g}"
    return label


def find_alike(labels: Iterable[str]) -> list[list[str]]:
    """Return the groups of labels that differ only in spelling.

    Example:
        >>> find_alike(["ham", "spam", "Ham"])
        [['ham', 'Ham']]
    """
    groups = defaultdict(list)
    for label in labels:
        groups[plain_label(label)].append(label)
    return [group for group in groups.values() if len(group) > 1]


class Speller:
    """Finds the class that a differently spelt label means.

    Args:
        classes: The labels as they should be spelt.

    Example:
        >>> speller = Speller(["0", "1"])
        >>> speller.find("1.0"), speller.find("2")
        ('1', None)
    """

    def __init__(self, classes: Iterable[str]):
        self._classes = defaultdict(list)
        for name in classes:
            self._classes[plain_label(name)].append(name)
        self.taken = {}  # the class by the spelling that was found, for a message

    def find(self, label: str) -> str | None:
        """Return the class; None if there is none, or several of that spelling."""
        found = self._classes.get(plain_label(label), [])
        if len(found) != 1:
            return None
        self.taken[label] = found[0]
        return found[0]

    def notes(self) -> list[str]:
        """Return what was taken for what, as a sentence, if there was anything."""
        if not self.taken:
            return []
        pairs = (
            f"{shown(label)} for {shown(name)}" for label, name in self.taken.items()
        )
        return [f"labels of another spelling are taken: {listed(pairs)}"]
