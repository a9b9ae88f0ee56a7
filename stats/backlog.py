"""A backlog of nights by site, and the variance that is left until they are here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.summary import InvalidInput

__all__ = [
    "Backlog",
    "RemainingVariance",
    "after_last",
    "between_ends",
    "nearest_delivered",
    "nightly_volatility",
    "remaining_variance",
]


@dataclass(frozen=True, slots=True)
class RemainingVariance:
    """Variance of the two means that comes from nights that are not delivered."""

    current: float
    window: float


@dataclass(frozen=True, slots=True, eq=False)
class Backlog:
    """Nights of a window, by site: what is here, and what could be sent.

    Attributes
    ----------
    mass : float64 array, shape (s,)
        Share of each site in the mean, 0 or more.
    volatility : float64 array, shape (s,)
        Variance that the mean of a site gains per night, 0 or more.
    delivered : bool array, shape (s, b)
        Nights oldest first; the last is the newest; at least one.
    nbytes : float64 array, shape (s, b)
        Bytes that a night costs; 0 where none is on offer.

    Raises
    ------
    InvalidInput
        For shapes that do not fit, negative, infinite or missing numbers, and bytes
        asked for a night that is delivered.
    """

    mass: NDArray[np.float64]
    volatility: NDArray[np.float64]
    delivered: NDArray[np.bool_]
    nbytes: NDArray[np.float64]

    def __post_init__(self) -> None:
        good = self.delivered.ndim == 2 and self.delivered.shape[1] > 0
        sites = self.delivered.shape[:1] if good else (-1,)
        shapes = (self.mass.shape, self.volatility.shape, self.nbytes.shape)
        if shapes != (sites, sites, self.delivered.shape):
            raise InvalidInput(
                f"Backlog: mass, volatility and nbytes have the shapes {shapes}, "
                f"delivered has {self.delivered.shape}. Give (s,), (s,) and (s, b)."
            )
        for name in ("mass", "volatility", "nbytes"):
            values = getattr(self, name)
            bad = ~(np.isfinite(values) & (values >= 0))
            if bad.any():
                raise InvalidInput(
                    f"Backlog: {name} holds {values[bad][0]}, expected finite numbers "
                    "of 0 or more. Give 0 for what is unknown."
                )
        if (self.delivered & (self.nbytes > 0)).any():
            raise InvalidInput(
                "Backlog: bytes are asked for a night that is delivered. "
                "Offer missing nights only."
            )

    @property
    def n(self) -> int:
        """Nights on offer."""
        return int(np.count_nonzero(self.nbytes))

    def __repr__(self) -> str:
        sites, nights = self.delivered.shape
        return (
            f"Backlog: n={self.n:_} | sites={sites} | nights={nights} | "
            f"bytes={int(self.nbytes.sum()):_}"
        )


def nightly_volatility(
    means: ArrayLike, sampling_variance: ArrayLike
) -> NDArray[np.float64]:
    """Variance that the mean of a site gains per night, apart from its sampling noise.

    Parameters
    ----------
    means : float64 array, shape (s, h)
        Nightly means; NaN is a night without one.
    sampling_variance : float64 array, shape (s,)
        Variance of a nightly mean about the truth of that night: σ²/n.

    Returns
    -------
    float64 array, shape (s,)
        Mean squared change between neighbouring nights that are both there, less twice
        the sampling variance; never below 0, NaN without such a pair.

    Examples
    --------
    >>> nightly_volatility([[1.0, 3.0, 3.0, np.nan, 5.0]], [0.25])
    array([1.5])
    """
    y = np.asarray(means, dtype=np.float64)
    noise = np.asarray(sampling_variance, dtype=np.float64)
    if y.ndim != 2 or noise.shape != y.shape[:1]:
        raise InvalidInput(
            f"nightly_volatility: means have the shape {y.shape}, sampling_variance "
            f"{noise.shape}. Give (s, h) and (s,)."
        )
    squared = np.diff(y, axis=1) ** 2
    pairs = np.isfinite(squared).sum(axis=1)
    total = np.nansum(squared, axis=1)
    found = np.full(len(y), np.nan)
    np.divide(total, pairs, out=found, where=pairs > 0)
    return np.maximum(found - 2 * noise, 0.0)


def remaining_variance(backlog: Backlog) -> RemainingVariance:
    """Variance of the newest and of the window mean for what is not delivered.

    Notes
    -----
    The mean of a site walks at random with variance q² per night.  A gap of L nights
    between delivered ones adds w² q² L (L + 1) (L + 2) / 12 to the variance of the sum
    of the window (Brownian bridge at whole nights); a gap at its end adds
    w² q² (L³/3 + L²/2 + L/6), and w² q² L to that of the newest night.  The sum is
    divided by the square of the number of nights.  The night before the window counts
    as known.  Source: covariances of a random walk, min(i, j) and min(i, j) - i j /
    (L + 1), summed.  Naive twin: tests/stats/test_transfer.py.
    """
    current, window = _lost(backlog)
    return RemainingVariance(float(current.sum()), float(window.sum()))


def between_ends(gap: NDArray[np.int64]) -> NDArray[np.float64]:
    """Variance of the sum over a gap whose both ends are known, for q² = 1."""
    length = gap.astype(np.float64)
    return length * (length + 1) * (length + 2) / 12


def after_last(gap: NDArray[np.int64]) -> NDArray[np.float64]:
    """Variance of the sum over a gap after the last known night, for q² = 1."""
    length = gap.astype(np.float64)
    return length**3 / 3 + length**2 / 2 + length / 6


def nearest_delivered(
    here: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Nearest delivered night at or before, and at or after, each night."""
    nights = here.shape[1]
    place = np.arange(nights, dtype=np.int64)
    before = np.maximum.accumulate(np.where(here, place, -1), axis=1)
    after = np.minimum.accumulate(np.where(here, place, nights)[:, ::-1], axis=1)
    return before, after[:, ::-1]


def _lost(backlog: Backlog) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Variance of both means by site."""
    here = backlog.delivered
    nights = here.shape[1]
    before, after = nearest_delivered(here)
    first = ~here & (before == np.arange(nights) - 1)  # of each gap
    gap = after - before - 1
    sums = np.where(after == nights, after_last(gap), between_ends(gap))
    weight = backlog.mass**2 * backlog.volatility
    tail = (nights - 1 - before[:, -1]).astype(np.float64)
    return weight * tail, weight * (sums * first).sum(axis=1) / nights**2
