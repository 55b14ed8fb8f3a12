"""A problem at one place of a config, and the report of all problems."""

import re
from collections.abc import Callable

from yaml import Mark, Node

from ..errors import ConfigReport, display_width

SHOWN = 100  # problems listed; nobody reads more
_LINE = 100  # characters shown of a line
_BEFORE = 40  # characters shown before the problem in a longer line

Note = str | Callable[[], str]


class Problem(Exception):
    """A problem at one place of a config.

    Args:
        message: What was found and what is needed.
        start: Where it starts. A mark without a buffer is a place without lines, such
            as `--set train.epochs=x`.
        end: Where it ends; one column is underlined if not given.
        note: How to fix it, shown beside the underline; or a function that returns
            this, called only if the problem is shown.
    """

    def __init__(
        self,
        message: str,
        start: Mark,
        end: Mark | None = None,
        note: Note = "",
    ):
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end or start
        self.note = note

    @classmethod
    def at(cls, node: Node, message: str, note: Note = "") -> "Problem":
        """Make the problem of a node of the config."""
        return cls(message, node.start_mark, node.end_mark, note)

    def __str__(self):
        start = self.start
        note = self.note if isinstance(self.note, str) else self.note()
        if start.buffer is None:
            note = f"; {note}" if note else ""
            return f"{start.name}: error: {self.message}{note}"
        begin = start.pointer - start.column
        line = re.match(r"[^\0\r\n\x85\u2028\u2029]*", start.buffer[begin:])[0]
        same_line = self.end.line == start.line
        last = self.end.column if same_line else len(line)
        line, indent, underline = _excerpt(line, start.column, last)
        return (
            f"{start.name}:{start.line + 1}:{start.column + 1}: error: {self.message}\n"
            f"{start.line + 1:5} | {line}\n"
            f"      | {indent}{underline} {note}".rstrip()
        )


def place(name: str, text: str | None = None, index: int = 0) -> Mark:
    """Return the mark of a character of a text, or of a place without lines."""
    lines = re.split(r"\r\n|\r|\n", (text or "")[:index])
    return Mark(name, index, len(lines) - 1, len(lines[-1]), text, index)


def report(problems: list[Problem], name: str) -> ConfigReport:
    """Return one error for all problems of the config `name`, in order of lines."""

    def order(problem: Problem) -> tuple:
        start = problem.start
        return start.buffer is None, start.name, start.index

    problems = sorted(problems, key=order)
    count = f"{len(problems):,} error{'s' if len(problems) > 1 else ''}"
    more = len(problems) - SHOWN
    ending = [f"… and {more:,} more"] if more > 0 else []
    summary = f"{count} in {name}; nothing was run"
    return ConfigReport("\n".join([*map(str, problems[:SHOWN]), *ending, summary]))


def _excerpt(line: str, start: int, end: int) -> tuple[str, str, str]:
    """Cut a long line around a problem; return it with the indent and the underline.

    Control characters, which a terminal would obey, become `�`.
    """
    end = max(end, start + 1)
    first = 0
    if len(line) > _LINE:
        first = max(0, min(start - _BEFORE, len(line) - _LINE))
    shown = line[first : first + _LINE]
    shown = "".join(c if c.isprintable() or c == "\t" else "�" for c in shown)
    before, marked = shown[: start - first], shown[start - first : end - first]
    dots = "…" if first else ""
    indent = "\t".join(
        " " * display_width(part) for part in (dots + before).split("\t")
    )
    underline = "^" * max(1, display_width(marked))
    ending = "…" if len(line) > first + _LINE else ""
    return f"{dots}{shown}{ending}", indent, underline
