"""Print results on stdout, and everything else on stderr."""

import sys

from ..errors import SeqtrainError
from ..system.standard_streams import show, silence


def print_result(text: str) -> None:
    """Print a result; exit quietly if the reader, such as `head`, has closed the pipe.

    The exit code is then 128 + SIGPIPE, as of every program that a closed pipe ends.

    Raises:
        SeqtrainError: If it can't be written for another reason.
    """
    try:
        print(text, flush=True)
    except OSError as error:
        silence(sys.stdout)
        if isinstance(error, BrokenPipeError):
            raise SystemExit(141) from None
        raise SeqtrainError(
            f"standard output: {error.strerror}",
            hint="write to another place",
        ) from None


def say(text: str) -> None:
    """Print on stderr what is not a result, such as progress or a hint."""
    show(f"{text}\n", sys.stderr)
