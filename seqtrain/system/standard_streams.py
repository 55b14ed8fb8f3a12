"""Standard output and error, which a terminal or a reader can take away."""

import contextlib
import os
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
