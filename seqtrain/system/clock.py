"""Time that never runs back, also when the clock of the machine is set back."""

import time
from datetime import UTC, datetime


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
        """Be later than a moment from here on."""
        self._wall = max(self.now(), moment + 1e-6)
