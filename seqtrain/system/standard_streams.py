"""Standard output and error, which a terminal or a reader can take away at any time."""

import contextlib
import io
import os
import sys
from typing import TextIO

_NAMES = ("stdin", "stdout", "stderr")


def make_usable() -> None:
    """Let the streams take all text, and be there even if they were closed.

    A number below 3 that is free would be that of the next file which is opened, and
    what libraries print would go there. In a C locale or with `PYTHONIOENCODING=ascii`,
    what can't be shown is escaped.
    """
    for number, name in enumerate(_NAMES):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free is this one.
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "r+" if number else "r", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


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
