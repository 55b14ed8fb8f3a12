"""Print results on stdout, and everything else on stderr."""

import sys

from ..errors import SeqtrainError, printable, printable_json
from ..system.standard_streams import show, silence


def print_result(text: str, *, raw: bool = False) -> None:
    """Print a result; exit quietly if the reader, such as `head`, has closed the pipe.

    The exit code is then 128 + SIGPIPE, as of every program that a closed pipe ends.
    What a terminal would obey, such as a colour in the name of a class, is shown as its
    escape, unless programs are to read it `raw`.

    Raises:
        SeqtrainError: If it can't be written for another reason.
    """
    try:
        print(text if raw else printable(text, keep="\n\t"), flush=True)
    except OSError as error:
        silence(sys.stdout)
        if isinstance(error, BrokenPipeError):
            raise SystemExit(141) from None
        raise SeqtrainError(
            f"standard output: {error.strerror}",
            hint="write to another place",
        ) from None


def print_json(content: object) -> None:
    """Print a result as a line of JSON, in which a terminal finds nothing to obey."""
    print_result(printable_json(content))


def say(text: str) -> None:
    """Print on stderr what is not a result, such as progress or a hint."""
    show(printable(text, keep="\n\t") + "\n", sys.stderr)
