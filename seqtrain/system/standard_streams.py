"""Standard output and error, which a terminal or a reader can take away."""

import contextlib
import os
import sys
from typing import TextIO


def show(text: str, stream: TextIO) -> None:
    """Print what may be lost: nobody reads it any more, or the disk is full."""
    try:
        stream.write(text)
        stream.flush()
    except OSError:
        silence(stream)


def flush(stream: TextIO) -> None:
    """Write out what was printed, if it can be."""
    show("", stream)


def silence(stream: TextIO) -> None:
    """Let what is printed from here on go nowhere, what is still to be written too.

    Otherwise Python would try once more at its exit, and say so.
    """
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def open_closed() -> None:
    """Give stdout and stderr a place if the process was started without one.

    What is printed is lost then, as it was asked for by `2>&-`; but the next file that
    is opened must not take the number, and get what libraries write to it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            if number:  # that there is no stdin, `predict -` says
                setattr(sys, name, open(number, "w", closefd=False))
