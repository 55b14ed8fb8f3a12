"""What a user can cause and fix; each error carries its exit code."""

import json
import shlex
import unicodedata
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

_NO_WIDTH = ("Mn", "Me", "Cf")  # Unicode's categories of accents and joiners


class SeqtrainError(Exception):
    """A problem that the user can mend, with the next step as a hint.

    Args:
        problem: `<where>: <what was found>, <what is needed>`.
        hint: What to do next.
    """

    exit_code = 1
    kept = "\n"  # of the control characters, in the problem

    def __init__(self, problem: str, *, hint: str | None = None):
        super().__init__(printable(problem, keep=self.kept))
        self.hint = hint and printable(hint)


class ConfigError(SeqtrainError):
    """The command line or the config is wrong."""

    exit_code = 2


class ConfigReport(ConfigError):
    """All problems of a config, a line each; complete as it stands."""

    kept = "\n\t"  # a caret stands below lines of the file as they are


class RunError(SeqtrainError):
    """A run directory is missing, taken or incomplete."""

    exit_code = 2


class WriteError(SeqtrainError):
    """A file can't be written: the disk is full, or the place is read-only."""


class ReadError(SeqtrainError):
    """A file can't be read although it is there: a disk or a network is at fault."""


class OutOfMemoryError(SeqtrainError):
    """There is less memory than the work takes."""


class ResumeError(SeqtrainError):
    """A run can't go on: finished, locked, another config, other data, damaged."""

    exit_code = 5


class DataError(SeqtrainError):
    """The data is wrong."""

    exit_code = 3


class DivergedError(SeqtrainError):
    """The loss or a gradient is no longer finite.

    Args:
        problem: As of every error.
        hint: As of every error.
        step: The step that it was found in.
        batch: The tensors of that step's batch, if the training is at fault.
    """

    exit_code = 4

    def __init__(self, problem: str, *, hint: str | None = None, step=0, batch=None):
        super().__init__(problem, hint=hint)
        self.step = step
        self.batch = batch


def command(*words: str | Path) -> str:
    """Return a `seqtrain` command as a shell takes it: paths may hold spaces.

    Example:
        >>> print(command("eval", Path("my runs/a-1"), "--split", "validation"))
        seqtrain eval 'my runs/a-1' --split validation
    """
    words = [
        f"./{word}" if isinstance(word, Path) and str(word).startswith("-") else word
        for word in words
    ]
    return shlex.join(["seqtrain", *map(str, words)])


def printable(text: str, keep: str = "") -> str:
    r"""Return a text with escapes for what a terminal would obey or not show.

    A message shows names and values from files, which may hold anything.

    Example:
        >>> print(printable("caf\udce9 \x1b[31mred"))
        caf\udce9 \x1b[31mred
    """
    if text.isprintable():
        return text
    return "".join(
        char
        if char.isprintable() or char in keep or char in "\xa0\u3000"
        else char.encode("unicode_escape").decode()
        for char in text
    )


def printable_json(content: object) -> str:
    r"""Return a line of JSON in which a terminal finds nothing to obey.

    Example:
        >>> print(printable_json({"café": "\x1b[31m"}))
        {"café": "\u001b[31m"}
    """
    text = json.dumps(content, ensure_ascii=False, default=str)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def display_width(text: str) -> int:
    """How many columns of a terminal a text takes.

    Example:
        >>> display_width("film"), display_width("映画")
        (4, 4)
    """
    # Not by rich.cells, which takes longer to import than `--help` to answer.
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.category(char) in _NO_WIDTH
        else 2
        if unicodedata.east_asian_width(char) in "WF"
        else 1
        for char in unicodedata.normalize("NFC", text)
    )


def shorten(text: str, width: int = 60) -> str:
    """Return a text that takes no more than a width, on one line.

    Example:
        >>> shorten("a long name", 7)
        'a long…'
    """
    text = printable(text)
    if len(text) <= width and display_width(text) <= width:
        return text
    text = text[: width - 1]
    while display_width(text) > width - 1:
        text = text[:-1]
    return f"{text}…"


def shown(value: str, width: int = 60) -> str:
    """Return a value in quotes, cut where it is too long for a message.

    Example:
        >>> print(shown("good"), shown("excellent", width=5))
        'good' 'excel'…
    """
    return repr(value) if len(value) <= width else f"{value[:width]!r}…"


def listed(names: Iterable[str], most: int = 10) -> str:
    """Return names with commas between them, the first ones if they are many.

    Example:
        >>> listed(["neg", "pos"]), listed("abcde", most=2)
        ('neg, pos', 'a, b and 3 more')
    """
    names = iter(names)
    first = [shorten(name) for name in islice(names, most)]
    more = sum(1 for _ in names)
    return ", ".join(first) + (f" and {more:,} more" if more else "")
