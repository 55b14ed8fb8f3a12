"""A norm of the gradient by the lag, and how it falls."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# A curve is followed down to this share of its start, or up to the inverse: the reach.
REACH = 0.01
# The slope is fitted to this many decades of a curve; below, rounding matters.
DECADES = 6


class Curve(NamedTuple):
    """A norm by the lag from the last real token, and what follows from it.

    Args:
        norms: The mean over the examples that reach so far back, from lag 0 on.
        slope: The slope of its logarithm, decades per step; None if there are too few
            lags to fit one.
        half_life: The steps in which the norm falls by half, `log10 2 / -slope`; None
            if it does not fall.
        reach: The lag from which on less than 1% of the norm at lag 0 is left, or at
            which it has grown a hundredfold; None if neither happens within the curve.
        grows: Whether it has grown a hundredfold.
    """

    norms: np.ndarray
    slope: float | None
    half_life: float | None
    reach: int | None
    grows: bool

    @classmethod
    def of(cls, norms: np.ndarray) -> "Curve":
        """Make the curve of a norm for each lag."""
        slope = _slope(norms)
        falls = slope is not None and slope < 0
        half_life = math.log10(2) / -slope if falls else None
        start = norms[0] if len(norms) else 0.0
        grown = ~(norms < start / REACH)  # NaN has overflowed
        if grown.any() and start:
            return cls(norms, slope, half_life, int(grown.argmax()), True)
        left = np.flatnonzero(norms > REACH * start)
        reach = int(left[-1]) + 1 if len(left) else 0
        return cls(
            norms, slope, half_life, reach if reach < len(norms) else None, False
        )


def mean_by_lag(norms: Sequence[np.ndarray], masks: Sequence[np.ndarray]) -> np.ndarray:
    """Turn norms by timestep in padded batches into means by lag.

    Lag k of an example is the k-th real token before its last one. The lags end where
    fewer than half of the examples have such a token, or the curve of all examples
    would go on as that of a few long ones.

    Args:
        norms: `(timesteps, batch)`, for each batch.
        masks: `(batch, timesteps)`, for each batch; the real tokens are contiguous.

    Example:
        >>> norms = np.array([[4.0, 0.0], [2.0, 1.0], [0.0, 3.0]])
        >>> masks = np.array([[True, True, False], [False, True, True]])
        >>> mean_by_lag([norms], [masks]).tolist()
        [2.5, 2.5]
    """
    lags = np.arange(max(map(len, norms)))
    rows, present = [], []
    for by_timestep, mask in zip(norms, masks, strict=True):
        last = mask.shape[1] - 1 - mask[:, ::-1].argmax(1)
        timesteps = np.clip(last[:, None] - lags, 0, None)
        rows.append(np.take_along_axis(by_timestep.T, timesteps, 1))
        present.append(lags < mask.sum(1)[:, None])
    rows, present = np.concatenate(rows), np.concatenate(present)  # (examples, lags)
    counts = present.sum(0)
    shared = counts >= max(1, len(rows) / 2)
    return np.where(present, rows, 0).sum(0)[shared] / counts[shared]


def _slope(norms: np.ndarray) -> float | None:
    """The least squares slope of the logarithm, down to where rounding matters."""
    if not len(norms):
        return None
    usable = np.isfinite(norms) & (norms > norms[0] * 10.0**-DECADES) & (norms > 0)
    end = len(norms) if usable.all() else int(usable.argmin())
    if end < 3:
        return None
    return float(np.polyfit(np.arange(end), np.log10(norms[:end]), 1)[0])
