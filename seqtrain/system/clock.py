"""Time that never runs back, also when the clock of the machine is set back."""

import time
from datetime import UTC, datetime

from ..errors import SeqtrainError

_FIRST, _LAST = 1980, 2107  # the years that zip files, such as model.keras, can hold
_CENTURY = 100 * 365 * 86400  # seconds


class Clock:
    """A wall clock that never runs back.

    Where the machine's clock is set back, it goes on from where it was.

    Example:
        >>> clock = Clock()
        >>> clock.advance(4e9)  # of a run that says it began in 2096
        >>> clock.date().year, clock.now() < clock.now()
        (2096, True)
    """

    def __init__(self):
        self._wall, self._steady = 0.0, time.monotonic()

    def now(self) -> float:
        """Return the seconds since 1970."""
        steady = time.monotonic()
        self._wall = max(time.time(), self._wall + steady - self._steady)
        self._steady = steady
        return self._wall

    def date(self) -> datetime:
        """Return the date and the time of day, in UTC."""
        return datetime.fromtimestamp(self.now(), UTC)

    def advance(self, moment: float) -> None:
        """Be later than a moment from here on.

        One that is a century ahead is no time that a clock has shown, and is ignored.
        """
        if moment < time.time() + _CENTURY:
            self._wall = max(self.now(), moment + 1e-6)


def refuse_strange_date() -> None:
    """Refuse to write files on a machine that has no idea of the time.

    Raises:
        SeqtrainError: If its clock shows a year that a zip file can't hold.
    """
    year = time.localtime().tm_year
    if not _FIRST <= year <= _LAST:
        raise SeqtrainError(
            f"the clock of this machine shows the year {year}, one from {_FIRST} to "
            f"{_LAST} is needed for the dates in model.keras",
            hint="set it, by `date` or `timedatectl`",
        )
