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
# No slope is known better.
_CLOSE = 1e-7
# Slopes to start from, between bounds, and rows that choose among them.
_STARTS = np.array([-64.0, -8.0, -1.0, 0.0, 0.03, 0.1, 0.3, 1.0, 3.0, 64.0])
_ROWS = 20_000


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
    x: Floats, belief: Floats, offset: Floats | float, *, sd: float
) -> tuple[Floats, Floats]:
    """Slope per column, shrunk to 1, and the standard deviation of each.

    Parameters
    ----------
    x : float64 array, shape (n, s)
        Ratios of each source; NaN where it said nothing.
    belief : float64 array that broadcasts with x
        Log-likelihood ratio of all that is known besides; +inf and -inf where the
        truth is known.
    offset : float64 array that broadcasts with x
        Log-odds without either.
    sd : float
        Of the normal prior of each slope about 1.

    Returns
    -------
    slope, sd : float64 arrays, shape (s,)

    Notes
    -----
    Maximises the probability of what is known besides, given x: Σ log(p R + 1 - p), R
    the ratio of the belief, p = expit(slope x + offset).  Regression on beliefs as if
    they were truths would give slopes too small.  Who claims the impossible of
    everybody leaves a plateau at 1: the search starts from the best of a few slopes
    and stays between its neighbours, by bisection wherever Newton's step leaves them.
    """
    said = ~np.isnan(x)
    z = np.where(said, np.clip(x, -_LARGEST, _LARGEST), 0.0)
    best = _best_start(z, belief, offset, sd)
    low, at, high = (_STARTS[best + shift] for shift in (0, 1, 2))
    precision = np.full(x.shape[1], 1.0 / sd**2)
    for _ in range(_STEPS):
        score = z * at + offset
        p, told = special.expit(score), special.expit(score + belief)
        gradient = ((told - p) * z).sum(axis=0) - (at - 1.0) / sd**2
        bend = ((p * (1.0 - p) - told * (1.0 - told)) * z**2).sum(axis=0)
        precision = np.maximum(bend, 0.0) + 1.0 / sd**2
        low, high = np.where(gradient >= 0, at, low), np.where(gradient <= 0, at, high)
        target = at + gradient / precision
        inside = (target > low) & (target < high)
        target = np.where(inside, target, (low + high) / 2.0)
        moved = np.abs(target - at).max(initial=0.0)
        at = target
        if moved <= _CLOSE:
            break
    return at, 1.0 / np.sqrt(precision)


def _best_start(
    z: Floats, belief: Floats, offset: Floats | float, sd: float
) -> NDArray[np.int64]:
    """Place of the best slope of every column among those to start from.

    Judged by every k-th row, so that there are some 20,000.
    """
    every = max(len(z) // _ROWS, 1)
    part, given = z[::every], np.broadcast_to(belief, z.shape)[::every]
    value = np.empty((len(_STARTS) - 2, z.shape[1]))
    for k, slope in enumerate(_STARTS[1:-1]):
        score = part * slope + offset
        # log(p R + 1 - p) without its maximum over p, which is finite for any belief.
        told = np.logaddexp(score + np.minimum(given, 0.0), -np.maximum(given, 0.0))
        value[k] = (told - np.logaddexp(0.0, score)).sum(axis=0) * every
        value[k] -= (slope - 1.0) ** 2 / (2.0 * sd**2)
    found: NDArray[np.int64] = value.argmax(axis=0)
    return found
