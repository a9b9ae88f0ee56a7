"""What values did before: ranges that are no intervals."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.summary import InvalidInput

__all__ = ["floats", "miss_rate", "usual_range"]

Floats = NDArray[np.float64]

# Nights below which a range of usual values is not stated.
MIN_NIGHTS = 14


def usual_range(
    values: ArrayLike, level: float = 0.95
) -> tuple[Floats, Floats, Floats]:
    """Middle part of what was seen before, night by night.

    Parameters
    ----------
    values : array_like, shape (T, ...)
        One entry per night along the first axis; NaN and infinities are missing.
    level : float
        Share of nights inside, in (0, 1).

    Returns
    -------
    lower, median, upper : float64 arrays, shape (...)
        Sample quantiles (linear between order statistics); NaN below 14 nights.

    Raises
    ------
    InvalidInput
        When the level is not in (0, 1).

    Notes
    -----
    It describes the past and is no test: among T past nights about (1 - level) T lie
    outside.
    """
    alpha = miss_rate(level, "usual_range")
    data = np.asarray(values, np.float64)
    ordered = np.sort(np.where(np.isfinite(data), data, np.nan), axis=0)
    n = np.isfinite(data).sum(axis=0)

    def quantile(q: float) -> Floats:
        if not len(ordered):
            return np.full(data.shape[1:], np.nan)
        place = q * np.maximum(n - 1, 0)
        below = np.floor(place).astype(np.int64)
        above = np.minimum(below + 1, np.maximum(n - 1, 0))
        low = np.take_along_axis(ordered, below[None], axis=0)[0]
        high = np.take_along_axis(ordered, above[None], axis=0)[0]
        found = low + (place - below) * (high - low)
        return np.where(n >= MIN_NIGHTS, found, np.nan)

    return quantile(alpha / 2.0), quantile(0.5), quantile(1.0 - alpha / 2.0)


def miss_rate(level: float, where: str) -> float:
    """Return 1 - level.

    Raises
    ------
    InvalidInput
        When the level is not in (0, 1).
    """
    if not 0.0 < level < 1.0:
        raise InvalidInput(
            f"{where}: level {level} is not in (0, 1). Give 0.95 for 95 %."
        )
    return 1.0 - level


def floats(*values: ArrayLike) -> tuple[Floats, ...]:
    """Broadcast values against each other as float64."""
    return tuple(np.broadcast_arrays(*(np.asarray(v, np.float64) for v in values)))
