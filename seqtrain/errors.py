"""What a user can cause and fix; each error carries its exit code."""


class SeqtrainError(Exception):
    """A problem that the user can mend, with the next step as a hint.

    Args:
        problem: `<where>: <what was found>, <what is needed>`.
        hint: What to do next.
    """

    exit_code = 1

    def __init__(self, problem: str, *, hint: str | None = None):
        super().__init__(problem)
        self.hint = hint


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
