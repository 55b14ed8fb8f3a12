"""One thing wrong at one place, and how a list of them is shown."""

import difflib
import re
from collections.abc import Iterable

from yaml import Mark, Node

from ..errors import ConfigReport


class Problem(Exception):
    """One thing wrong at one place of a config.

    Args:
        message: What was found and what is needed.
        start: Where it stands. A mark without a buffer is a place that has no
            lines, such as `--set train.epochs=x`.
        end: Where it ends; one column is underlined without it.
        note: The way out, shown beside the underline.
    """

    def __init__(self, message: str, start: Mark, end: Mark | None = None, note=""):
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end or start
        self.note = note

    @classmethod
    def at(cls, node: Node, message: str, note: str = "") -> "Problem":
        """A problem with a node of the config."""
        return cls(message, node.start_mark, node.end_mark, note)

    def __str__(self):
        start = self.start
        if start.buffer is None:
            note = f"; {self.note}" if self.note else ""
            return f"{start.name}: error: {self.message}{note}"
        begin = start.pointer - start.column
        line = re.match(r"[^\0\r\n\x85\u2028\u2029]*", start.buffer[begin:])[0]
        same_line = self.end.line == start.line
        width = max(1, (self.end.column if same_line else len(line)) - start.column)
        indent = re.sub(r"[^\t]", " ", line[: start.column])
        return (
            f"{start.name}:{start.line + 1}:{start.column + 1}: error: {self.message}\n"
            f"{start.line + 1:5} | {line}\n"
            f"      | {indent}{'^' * width} {self.note}".rstrip()
        )


def place(name: str, text: str | None = None, index: int = 0) -> Mark:
    """The mark of a character of a text, or of a place that has no lines."""
    before = (text or "")[:index]
    line, column = before.count("\n"), index - before.rfind("\n") - 1
    return Mark(name, index, line, column, text, index)


def report(problems: list[Problem], name: str) -> ConfigReport:
    """All problems of the config `name` as one error, in the order of the lines."""

    def order(problem: Problem) -> tuple:
        start = problem.start
        return start.buffer is None, start.name, start.index

    problems = sorted(problems, key=order)
    count = f"{len(problems)} error{'s' if len(problems) > 1 else ''}"
    summary = f"{count} in {name}; nothing was run"
    return ConfigReport("\n".join([*map(str, problems), summary]))


def suggest(word: str, known: Iterable[str]) -> str:
    """A question for the word that was meant, empty if none is near."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {near[0]!r}?" if near else ""
