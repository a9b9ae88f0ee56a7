"""Bounds of a mean that hold whatever the missing part was."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from stats.ranges import floats, miss_rate
from stats.summary import InvalidInput

__all__ = ["worst_case_mean"]

Floats = NDArray[np.float64]


def worst_case_mean(
    arrived_mean: ArrayLike,
    arrived_share: ArrayLike,
    lower: ArrayLike,
    upper: ArrayLike,
    *,
    error: ArrayLike = 0.0,
    level: float = 0.95,
) -> tuple[Floats, Floats]:
    """Bounds of the mean over everybody, whatever the missing part holds.

    Parameters
    ----------
    arrived_mean : array_like
        Mean of the part that arrived; not used where nothing arrived.
    arrived_share : array_like
        Its share of the whole, in [0, 1].
    lower, upper : array_like
        Declared range of the missing part's mean, never estimated; ±inf for none.
    error : array_like
        Standard error of ``share · mean``; 0 bounds what the arrived rows say alone.
    level : float
        Confidence level in (0, 1), used where the error is not 0.

    Returns
    -------
    lower, upper : float64 arrays
        Share · mean + (1 - share) · bound, widened by c standard errors; infinite
        where there is no range, NaN where a mean that is needed is NaN.

    Raises
    ------
    InvalidInput
        When a share lies outside [0, 1] or the level outside (0, 1).

    Notes
    -----
    Source: Manski, American Economic Review 80 (1990): no assumption on the missing.
    c solves Φ(c + width / error) - Φ(-c) = level, so that the true mean, not the whole
    region, is covered with that probability: Imbens & Manski, Econometrica 72 (2004).
    It runs from the two-sided quantile (no width) to the one-sided one.

    Examples
    --------
    >>> low, high = worst_case_mean(6.0, 0.75, 0.0, 20.0)
    >>> float(low), float(high)
    (4.5, 9.5)
    """
    alpha = miss_rate(level, "worst_case_mean")
    mean, share, low, high, spread = floats(
        arrived_mean, arrived_share, lower, upper, error
    )
    if np.any((share < 0) | (share > 1)):
        raise InvalidInput(
            f"worst_case_mean: arrived_share runs from {share.min()} to {share.max()}. "
            "Give shares in [0, 1]."
        )
    known = np.where(share > 0, share * mean, 0.0)
    missing = np.where(share < 1, 1.0 - share, 1.0)
    bottom = known + np.where(share < 1, missing * low, 0.0)
    top = known + np.where(share < 1, missing * high, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        half = spread * _critical((top - bottom) / spread, alpha)
    half = np.where(spread > 0, half, 0.0 * spread)
    return bottom - half, top + half


def _critical(width: Floats, alpha: float) -> Floats:
    """Solve Φ(c + width) - Φ(-c) = 1 - alpha for c by halving the interval."""
    low = np.full(width.shape, -special.ndtri(alpha))
    high = np.full(width.shape, -special.ndtri(alpha / 2.0))
    for _ in range(50):
        middle = (low + high) / 2.0
        short = special.ndtr(middle + width) - special.ndtr(-middle) < 1.0 - alpha
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return high
