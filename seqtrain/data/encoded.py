"""Examples as numbers."""

from typing import NamedTuple

import numpy as np


class Encoded(NamedTuple):
    """Examples as numbers.

    Args:
        tokens: The ids of all texts, one text after the other; int32. A task that
            reads numbers has a row of them for each timestep instead; float32.
        offsets: Where each text starts, and the end of the last; int64.
        labels: The index of each text's class, -1 if it has none; int32. A row of
            classes for each sequence, or its value (float32), if the task says so.
    """

    tokens: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """How many tokens each text has."""
        return np.diff(self.offsets)
