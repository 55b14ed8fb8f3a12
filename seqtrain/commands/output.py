"""Print results on stdout, and everything else on stderr."""

import json
import os
import sys

from ..errors import SeqtrainError, printable


def print_result(text: str) -> None:
    """Print a result; exit quietly if the reader, such as `head`, has closed the pipe.

    The exit code is then 128 + SIGPIPE, as of every program that a closed pipe ends.
    What a terminal would obey, such as a colour in the name of a class, is shown as its
    escape.

    Raises:
        SeqtrainError: If it can't be written for another reason.
    """
    try:
        print(printable(text, keep="\n\t"), flush=True)
    except OSError as error:
        # Python flushes stdout at exit, which would raise again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise SystemExit(141) from None
        raise SeqtrainError(
            f"standard output: {error.strerror}",
            hint="write to another place",
        ) from None


def print_json(content: object) -> None:
    """Print a result as a line of JSON, in which a terminal finds nothing to obey."""
    text = json.dumps(content, ensure_ascii=False)
    if not text.isprintable():
        text = "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
    print_result(text)


def say(text: str) -> None:
    """Print on stderr what is not a result, such as progress or a hint."""
    print(printable(text, keep="\n\t"), file=sys.stderr, flush=True)
