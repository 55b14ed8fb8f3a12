"""Ctrl-C and the signals that end a process, acted on when nothing is lost."""

import contextlib
import os
import signal
import threading

# SIGHUP is sent when a terminal is closed, SIGXCPU when a batch system's limit of
# processor time comes near.
ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGXCPU)
SIGNALS = (signal.SIGINT, *ENDING)
# A person or a program sends these once more if it can't wait; the others come twice by
# themselves, from the shell and the terminal, or every second.
_IMPATIENT = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Remembers the first signal that asks to stop; a second one acts at once.

    The second has to be Ctrl-C or SIGTERM, which somebody sends on purpose.

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
        self._restore(SIGNALS)

    def act(self) -> None:
        """Do what the signal asked for, if there was one.

        Raises:
            KeyboardInterrupt: After Ctrl-C.
            SystemExit: After another signal, with 128 and its number.
        """
        if self._number == signal.SIGINT:
            raise KeyboardInterrupt
        if self._number is not None:
            raise SystemExit(128 + self._number)

    def __bool__(self):
        return self._number is not None

    def _remember(self, number, frame):
        if self:
            return
        self._number = number
        self._restore(_IMPATIENT)
        with contextlib.suppress(OSError):  # the terminal is gone
            # Not by print, which the signal may have interrupted.
            os.write(2, b"\nstopping after this step; once more leaves at once\n")

    def _restore(self, numbers):
        for number in numbers:
            if number in self._before:
                signal.signal(number, self._before.pop(number))


def exit_on_signals() -> None:
    """Let signals end the process by an exception, so that it can leave in order.

    Those that are ignored stay so.
    """
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _exit)


def _exit(number, _) -> None:
    raise SystemExit(128 + number)
