"""How many independent rows dependent ones are worth."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.ranges import floats

__all__ = ["effective_n", "effective_n_repeats", "effective_n_serial"]

Floats = NDArray[np.float64]


def effective_n(variance: ArrayLike, error: ArrayLike) -> Floats:
    """Independent rows that would give a mean the standard error it has.

    Parameters
    ----------
    variance : array_like
        Of a row.
    error : array_like
        Standard error of the mean, from clusters.

    Returns
    -------
    float64 array
        variance / error²; NaN where the error is 0 or NaN.

    Notes
    -----
    Source: Kish, Survey Sampling (1965), the design effect is n over this.

    Examples
    --------
    >>> float(effective_n(4.0, 0.25))
    64.0
    """
    spread, deviation = floats(variance, error)
    worth: Floats = spread / np.where(deviation > 0, deviation, np.nan) ** 2
    return worth


def effective_n_repeats(n: ArrayLike, size: ArrayLike, rho: ArrayLike) -> Floats:
    """Effective rows when they repeat within agents.

    Parameters
    ----------
    n : array_like
        Rows.
    size : array_like
        Rows of an agent; where agents differ Σ m² / Σ m, not their mean.
    rho : array_like
        Correlation of two rows of one agent.

    Returns
    -------
    float64 array
        n / (1 + (m - 1) ρ).

    Notes
    -----
    Source: Kish, Survey Sampling (1965), section 5.4.
    """
    rows, m, r = floats(n, size, rho)
    worth: Floats = rows / np.maximum(1.0 + (m - 1.0) * r, 1.0 / np.maximum(m, 1.0))
    return worth


def effective_n_serial(n: ArrayLike, memory: ArrayLike) -> Floats:
    """Effective nights for a mean when nights follow an AR(1) process.

    Parameters
    ----------
    n : array_like
        Nights in a row.
    memory : array_like
        Coefficient φ in (-1, 1).

    Returns
    -------
    float64 array
        n over (1+φ)/(1-φ) - 2φ (1-φⁿ) / (n (1-φ)²): exact at any n, and
        n (1-φ)/(1+φ) for many nights.  NaN for n < 1 or φ out of range.

    Examples
    --------
    >>> float(effective_n_serial(10_000, 0.6).round(0))
    2500.0
    """
    nights, phi = floats(n, memory)
    good = (nights >= 1) & (np.abs(phi) < 1)
    count, c = np.where(good, nights, 1.0), np.where(good, phi, 0.0)
    inflation = (1.0 + c) / (1.0 - c)
    inflation = inflation - 2.0 * c * (1.0 - c**count) / (count * (1.0 - c) ** 2)
    return np.where(good, count / inflation, np.nan)
