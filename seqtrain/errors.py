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


class WriteError(SeqtrainError):
    """A file can't be written: the disk is full, or the place is read-only."""


class ResumeError(SeqtrainError):
    """A run can't go on: finished, locked, another config, other data, damaged."""

    exit_code = 5


class DataError(SeqtrainError):
    """The data is wrong."""

    exit_code = 3


class DivergedError(SeqtrainError):
    """The loss or a gradient is no longer finite.

    Args:
        problem: As of every error.
        hint: As of every error.
        step: The step that it was found in.
        batch: The tensors of that step's batch, if the training is at fault.
    """

    exit_code = 4

    def __init__(self, problem: str, *, hint: str | None = None, step=0, batch=None):
        super().__init__(problem, hint=hint)
        self.step = step
        self.batch = batch
