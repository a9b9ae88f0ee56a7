"""What values did before, and what they could be: ranges that are no intervals."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.summary import InvalidInput

__all__ = ["floats", "miss_rate", "usual_range", "worst_case_mean"]

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


def worst_case_mean(
    arrived_mean: ArrayLike,
    arrived_share: ArrayLike,
    lower: ArrayLike,
    upper: ArrayLike,
) -> tuple[Floats, Floats]:
    """Bounds of the mean over everybody, whatever the missing part holds.

    Parameters
    ----------
    arrived_mean : array_like
        Mean of the part that arrived; not used where nothing arrived.
    arrived_share : array_like
        Its share of the whole, in [0, 1].
    lower, upper : array_like
        Declared range of the feature, never estimated; ±inf when there is none.

    Returns
    -------
    lower, upper : float64 arrays
        Share · mean + (1 - share) · bound; the mean itself where everything arrived.

    Raises
    ------
    InvalidInput
        When a share lies outside [0, 1].

    Notes
    -----
    Source: Manski, American Economic Review 80 (1990).  No assumption on the missing.
    """
    mean, share, low, high = floats(arrived_mean, arrived_share, lower, upper)
    if np.any((share < 0) | (share > 1)):
        raise InvalidInput(
            f"worst_case_mean: arrived_share runs from {share.min()} to {share.max()}. "
            "Give shares in [0, 1]."
        )
    known = np.where(share > 0, share * mean, 0.0)
    missing = np.where(share < 1, 1.0 - share, 1.0)
    return (
        known + np.where(share < 1, missing * low, 0.0),
        known + np.where(share < 1, missing * high, 0.0),
    )


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
