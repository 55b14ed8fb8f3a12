"""What a command prints: its results, and what it says meanwhile."""

import os
import sys

from ..errors import SeqtrainError


def print_result(text: str) -> None:
    """Print a result; a reader that has seen enough, such as `head`, ends it quietly.

    The code is that of a program which a closed pipe ends: 128 + SIGPIPE.
    """
    try:
        print(text, flush=True)
    except OSError as error:
        # What did not get out is tried again at the exit, which would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise SystemExit(141) from None
        raise SeqtrainError(
            f"standard output: {error.strerror}",
            hint="write to another place",
        ) from None


def say(text: str) -> None:
    """Print what is no result, such as progress or a hint, on stderr."""
    print(text, file=sys.stderr, flush=True)
