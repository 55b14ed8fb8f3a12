"""The progress of a training, for the person who watches it."""

import os
import sys
import time
from pathlib import Path

from ..errors import printable
from ..system.disk import writing
from ..system.folder import Folder


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
        self._terminal = sys.stderr.isatty()
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
        sys.stderr.write(f"\r\x1b[K{line[:width]}")
        sys.stderr.flush()

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
        text = printable(text, keep="\n")
        try:
            print(text, file=stream, flush=True)
        except OSError:
            # The reader is gone, or the disk is full: no reason to stop a training.
            # What was not written would be written again at the exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        self._keep(text)

    def _keep(self, text):
        with writing(self._path):
            self._log.write(f"{text}\n")
            self._log.flush()

    def _wipe(self):
        if self._terminal:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _columns() -> int:
    # As shutil.get_terminal_size, but that asks stdout, which may well be a file.
    if columns := os.environ.get("COLUMNS", "").strip():
        return int(columns)
    return os.get_terminal_size(sys.stderr.fileno()).columns
