"""Logistic regression of truth on log-likelihood ratios, with the prior as offset."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["fit_line", "fit_slopes"]

Floats = NDArray[np.float64]

_STEPS = 60
# A normal prior this wide about intercept 0 and slope 1 is felt only where labels
# separate perfectly.
_WIDE = 10.0
# Probabilities are told apart up to here; a ratio of 1e300 says no more than this.
_LARGEST = 1e6


def fit_line(
    x: Floats, y: Floats, offset: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Intercept and slope of log-odds on x, and their standard deviations.

    Parameters
    ----------
    x : float64 array, shape (n,)
    y : float64 array, shape (n,)
        In [0, 1].
    offset : float
        Log-odds that are added to the line.

    Notes
    -----
    Newton's method with halved steps on a concave posterior; the prior is normal with
    sd 10 about (0, 1).
    """
    z = np.clip(x, -_LARGEST, _LARGEST)
    at = np.array([0.0, 1.0])
    best = _fit(at, z, y, offset)
    precision = np.eye(2) / _WIDE**2
    for _ in range(_STEPS):
        p = special.expit(at[0] + at[1] * z + offset)
        w, gap = p * (1.0 - p), y - p
        gradient = np.array([gap.sum(), gap @ z]) - (at - [0.0, 1.0]) / _WIDE**2
        cross = w @ z
        precision = np.array([[w.sum(), cross], [cross, w @ z**2]])
        precision = precision + np.eye(2) / _WIDE**2
        step = np.linalg.solve(precision, gradient)
        now = _fit(at + step, z, y, offset)
        while now < best and np.abs(step).max() > 1e-14:
            step = step / 2.0
            now = _fit(at + step, z, y, offset)
        at, best = at + step, now
        if np.abs(step).max() <= 1e-10 * (1.0 + np.abs(at).max()):
            break
    sd = np.sqrt(np.diag(np.linalg.inv(precision)))
    return (float(at[0]), float(at[1])), (float(sd[0]), float(sd[1]))


def _fit(at: Floats, x: Floats, y: Floats, offset: float) -> float:
    """Log posterior of a line, up to a constant."""
    score = at[0] + at[1] * x + offset
    value = (y * score - np.logaddexp(0.0, score)).sum()
    return float(value - ((at - [0.0, 1.0]) ** 2).sum() / (2.0 * _WIDE**2))


def fit_slopes(
    x: Floats, y: Floats, offset: Floats | float, *, sd: float
) -> tuple[Floats, Floats]:
    """Slope per column, shrunk to 1, and the standard deviation of each.

    Parameters
    ----------
    x : float64 array, shape (n, s)
        Ratios of each source; NaN where it said nothing.
    y : float64 array, shape (n,) or (n, s)
        In [0, 1]: truth, or how probable it is.
    offset : float64 array that broadcasts with y
        Log-odds without the column.
    sd : float
        Of the normal prior of each slope about 1.

    Returns
    -------
    slope, sd : float64 arrays, shape (s,)

    Notes
    -----
    The log posterior is concave in each slope: bisected between -64 and 64 on its
    derivative until Newton's step stays inside, so that outliers cannot throw it.
    """
    said = ~np.isnan(x)
    z = np.where(said, np.clip(x, -_LARGEST, _LARGEST), 0.0)
    truth = y if y.ndim == 2 else y[:, None]
    low, high = np.full(x.shape[1], -64.0), np.full(x.shape[1], 64.0)
    at = np.ones(x.shape[1])
    precision = np.full(x.shape[1], 1.0 / sd**2)
    for _ in range(_STEPS):
        p = special.expit(z * at + offset)
        gradient = ((truth - p) * z).sum(axis=0) - (at - 1.0) / sd**2
        precision = (p * (1.0 - p) * z**2).sum(axis=0) + 1.0 / sd**2
        low, high = np.where(gradient >= 0, at, low), np.where(gradient <= 0, at, high)
        target = at + gradient / precision
        inside = (target > low) & (target < high)
        target = np.where(inside, target, (low + high) / 2.0)
        moved = np.abs(target - at).max(initial=0.0)
        at = target
        if moved <= 1e-9:
            break
    return at, 1.0 / np.sqrt(precision)
