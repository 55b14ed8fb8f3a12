"""What a user can cause and fix; each error carries its exit code."""


class SeqtrainError(Exception):
    """A problem that the user can mend, with the next step as a hint.

    Args:
        problem: `<where>: <what was found>, <what is needed>`.
        hint: What to do next.
    """

    exit_code = 1

    def __init__(self, problem: str, *, hint: str | None = None):
        super().__init__(printable(problem))
        self.hint = hint and printable(hint)


def printable(text: str) -> str:
    r"""Write what a terminal would obey, such as an escape, as Python writes it.

    Names of files and words of configs come from anywhere; lines stay lines.

    Example:
        >>> print(printable("\x1b[31mred"))
        \x1b[31mred
    """
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in text)


class ConfigError(SeqtrainError):
    """The command line or the config is wrong."""

    exit_code = 2


class ConfigReport(ConfigError):
    """All problems of a config, a line each; complete as it stands."""


class RunError(SeqtrainError):
    """A run directory is missing, taken or incomplete."""

    exit_code = 2


class DataError(SeqtrainError):
    """The data is wrong."""

    exit_code = 3


class DivergedError(SeqtrainError):
    """The loss or a gradient is no longer finite."""

    exit_code = 4
