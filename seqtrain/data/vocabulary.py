"""The table between tokens and their ids."""

import re
from collections.abc import Iterable, Mapping
from itertools import repeat
from pathlib import Path

import numpy as np

from ..system.disk import replace

PADDING, UNKNOWN = 0, 1
RESERVED = ("", "[unk]")  # the tokens of these ids


class Vocabulary:
    """The table between tokens and ids.

    Id 0 is padding, id 1 stands for every token that is not in the table, and the most
    frequent tokens have the ids from 2.

    Args:
        tokens: The tokens by id, padding and unknown included.

    Example:
        >>> vocab = Vocabulary.build({"good": 2, "film": 2, "dull": 1}, size=4)
        >>> vocab.tokens
        ['', '[unk]', 'film', 'good']
        >>> vocab.encode(["a", "good", "film"])
        array([1, 3, 2], dtype=int32)
    """

    def __init__(self, tokens: list[str]):
        self.tokens = tokens
        self._ids = {token: id for id, token in enumerate(tokens) if id > UNKNOWN}

    @classmethod
    def build(cls, counts: Mapping[str, int], size: int) -> "Vocabulary":
        """Build the vocabulary of the most frequent tokens; ties go by the alphabet.

        Args:
            counts: How often each token occurs in the training texts.
            size: The most ids, padding and unknown included.
        """
        ranked = sorted(counts, key=lambda token: (-counts[token], token))
        return cls([*RESERVED, *ranked[: size - len(RESERVED)]])

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Read what `save` wrote."""
        return cls.from_bytes(path.read_bytes())

    @classmethod
    def from_bytes(cls, lines: bytes) -> "Vocabulary":
        """Read what `to_bytes` returned."""
        text = lines.decode("utf-8", "surrogatepass").removesuffix("\n")
        return cls([_unescape(line) for line in text.split("\n")])

    def save(self, path: Path) -> None:
        """Write the tokens in the order of their ids, one per line, in UTF-8."""
        replace(path, self.to_bytes())

    def to_bytes(self) -> bytes:
        """Return the tokens one per line, so that line n + 1 has id n."""
        lines = "".join(f"{_escape(token)}\n" for token in self.tokens)
        return lines.encode("utf-8", "surrogatepass")

    def encode(self, tokens: Iterable[str]) -> np.ndarray:
        """Return the ids of tokens, `(tokens,)`, int32."""
        ids = list(map(self._ids.get, tokens, repeat(UNKNOWN)))
        return np.array(ids, np.int32)

    def __len__(self) -> int:
        return len(self.tokens)


def _escape(token: str) -> str:
    return token.replace("\\", "\\\\").replace("\n", "\\n")


def _unescape(line: str) -> str:
    return re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], line)
