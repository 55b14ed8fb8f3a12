"""The progress of a training, for the person who watches it."""

import contextlib
import os
import sys
import time
from pathlib import Path

from ..errors import printable
from ..system.disk import writing
from ..system.folder import Folder
from ..system.standard_streams import show

_UNKNOWN = 80  # columns of a terminal that does not tell


class Progress:
    """Talk to the person who trains: a bar on a terminal, plain lines elsewhere.

    Rows of results go to stdout, everything else to stderr; both are kept in a log.

    Args:
        log: The file that keeps what was said.
        total: Steps of the whole training.
        done: Those that were made before.
    """

    def __init__(self, log: Path, total: int, done: int = 0):
        self._path = log
        with writing(log):
            self._log = Folder(log.parent).open(log.name, "a")
        self._total, self._done = total, done
        # A dumb terminal, such as Emacs's, can't wipe a line.
        self._terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._began = self._drawn = time.monotonic()

    def say(self, text: str) -> None:
        """Say something about the work."""
        self._print(text, sys.stderr)

    def row(self, text: str) -> None:
        """Give one row of results."""
        self._print(text, sys.stdout)

    def step(self, step: int, facts: str) -> None:
        """Move the bar, ten times a second at most."""
        now = time.monotonic()
        if not self._terminal or now - self._drawn < 0.1:
            return
        self._drawn = now
        left = f"{_clock(self._time_left(step))} left"
        share = step / self._total
        line = f" {share:4.0%}  step {step}/{self._total}  {facts}  {left}"
        width = _columns() - 1
        room = min(20, width - len(line) - 2)
        if room > 4:
            line = f"[{'#' * int(share * room):{room}}]{line}"
        show(f"\r\x1b[K{line[:width]}", sys.stderr)

    def line(self, step: int, facts: str) -> None:
        """Say a log interval's facts; on a terminal the bar has shown them."""
        text = f"step {step}/{self._total}  {facts}"
        if self._terminal:
            self._keep(text)
        else:
            self.say(f"{text}  {_clock(self._time_left(step))} left")

    def close(self) -> None:
        """Wipe the bar, close the log."""
        self._wipe()
        with writing(self._path):
            self._log.close()

    def _time_left(self, step: int) -> float:
        made = max(step - self._done, 1)
        return (time.monotonic() - self._began) * (self._total - step) / made

    def _print(self, text, stream):
        self._wipe()
        # That nobody reads it any more is no reason to stop a training.
        show(printable(text, keep="\n") + "\n", stream)
        self._keep(text)

    def _keep(self, text):
        with writing(self._path):
            self._log.write(f"{text}\n")
            self._log.flush()

    def _wipe(self):
        if self._terminal:
            show("\r\x1b[K", sys.stderr)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _columns() -> int:
    # As shutil.get_terminal_size, but that asks stdout, which may well be a file.
    with contextlib.suppress(ValueError):  # it is no number
        return int(os.environ.get("COLUMNS", ""))
    with contextlib.suppress(OSError):  # the terminal is gone
        return os.get_terminal_size(sys.stderr.fileno()).columns or _UNKNOWN
    return _UNKNOWN
