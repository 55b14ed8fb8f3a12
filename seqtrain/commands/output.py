"""Print results on stdout, and everything else on stderr."""

import os
import sys

from ..errors import SeqtrainError


def print_result(text: str) -> None:
    """Print a result; exit quietly if the reader, such as `head`, has closed the pipe.

    The exit code is then 128 + SIGPIPE, as of every program that a closed pipe ends.

    Raises:
        SeqtrainError: If it can't be written for another reason.
    """
    try:
        print(text, flush=True)
    except OSError as error:
        # Python flushes stdout at exit, which would raise again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise SystemExit(141) from None
        raise SeqtrainError(
            f"standard output: {error.strerror}",
            hint="write to another place",
        ) from None


def say(text: str) -> None:
    """Print on stderr what is not a result, such as progress or a hint."""
    print(text, file=sys.stderr, flush=True)
