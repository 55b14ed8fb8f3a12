"""Ctrl-C and SIGTERM, acted on at a moment when nothing is lost."""

import os
import signal
import threading

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Remembers a first Ctrl-C or SIGTERM; a second one acts at once.

    As a context manager, it restores the signal handlers at the end.
    """

    def __init__(self):
        self._number = None
        self._before = {}

    def listen(self) -> None:
        """From here on, remember a signal instead of acting on it.

        A signal that is ignored stays ignored, as `nohup` and background jobs need.
        Only the main thread of a process can change what a signal does.
        """
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._remember)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._restore()

    def act(self) -> None:
        """Do what the signal asked for, if there was one.

        Raises:
            KeyboardInterrupt: After Ctrl-C.
            SystemExit: After SIGTERM, with 143.
        """
        if self._number == signal.SIGINT:
            raise KeyboardInterrupt
        if self._number is not None:
            raise SystemExit(128 + self._number)

    def __bool__(self):
        return self._number is not None

    def _remember(self, number, frame):
        self._number = number
        self._restore()
        # Not by print, which the signal may have interrupted.
        os.write(2, b"\nstopping after this step; once more leaves at once\n")

    def _restore(self):
        while self._before:
            signal.signal(*self._before.popitem())


def exit_on_sigterm() -> None:
    """Let SIGTERM end the process by an exception, so that it can leave in order."""
    signal.signal(signal.SIGTERM, _exit)


def _exit(number, _) -> None:
    raise SystemExit(128 + number)
