"""Match what agents did lately with steps and ramps of every length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = [
    "Matches",
    "Templates",
    "bounded_nights",
    "log_normal_tail",
    "match",
    "normal_score",
    "serial_matrix",
    "templates",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

# Sums over at least so many nights bound each night at this quantile of its length.
_BOUNDED_FROM, _BOUND = 3, 0.9
# Degrees of freedom that their sums are taken to have at least.
_BOUNDED_DOF = 50.0


@dataclass(frozen=True, slots=True, eq=False)
class Templates:
    """Shapes of a change over the last D nights.

    Attributes
    ----------
    weights : float64 array, shape (k, D)
        Steps of 1, 2, … W nights, then ramps that end at 1 tonight.
    lengths : int64 array, shape (k,)
    steps : int
        How many of them are steps.
    bounded : bool array, shape (k,)
        Whether single nights are pulled in before they are summed.
    effective : float64 array, shape (k,)
        Nights that a sum is as good as: heavy tails of single nights average out.
    """

    weights: Floats
    lengths: Ints
    steps: int
    bounded: Bools
    effective: Floats

    def dof(self, tail: Floats) -> Floats:
        """Degrees of freedom of the F law of each sum, shape (m, k).

        Parameters
        ----------
        tail : float64 array, shape (m,)
            Of the multivariate t that single nights follow; the excess kurtosis of a
            sum falls with its effective nights.
        """
        least = np.where(self.bounded, _BOUNDED_DOF, 4.0)
        found: Floats = least + (tail[:, None] - 4.0) * self.effective
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """How well each template fits each agent.

    Attributes
    ----------
    f : float64 array, shape (m, k)
        Mean square of the fitted change per feature, in units of its variance; NaN
        where nothing was seen.
    features : int64 array, shape (m, k)
    score : float64 array, shape (m, k)
        Normal score of `f`: equal scores are equally rare; -inf where f is NaN.
    sums : float64 array, shape (m, k, d)
        Weighted sums of whitened nights, as they are.
    length : float64 array, shape (m, k)
        Squared length of the sums as they are, in units of their variance.
    gain : float64 array, shape (m, k)
        Twice the log-likelihood gained by a change of that shape in normal nights that
        are correlated in time; 0 where f is NaN.
    mass : float64 array, shape (m, k)
        Σ weight² over what was seen: sums / mass is the fitted change at weight 1.
    """

    f: Floats
    features: Ints
    score: Floats
    sums: Floats
    length: Floats
    gain: Floats
    mass: Floats


def templates(window: int, drift: int) -> Templates:
    """Steps of up to `window` nights, and ramps of up to `drift`.

    Parameters
    ----------
    window, drift : int
        drift >= window >= 1.

    Notes
    -----
    From 3 nights on, a night counts with at most the length that 90 % of normal nights
    stay below.  Without that bound single wild nights decide how large a sum has to be:
    at t8 nights, p = 8 and 7 nights, a shift of 2 sd is found in 27 % instead of 71 %
    at a level of 1/4000 (simulated).
    """
    ramps = sorted({n for n in (5, 7, 10, 14, 21, drift) if 5 <= n <= drift})
    weights = np.zeros((window + len(ramps), drift))
    for i in range(window):
        weights[i, drift - 1 - i :] = 1.0
    for i, n in enumerate(ramps):
        weights[window + i, drift - n :] = np.arange(1, n + 1) / n
    lengths = np.array([*range(1, window + 1), *ramps], dtype=np.int64)
    bounded = lengths >= _BOUNDED_FROM
    effective = (weights**2).sum(axis=1) ** 2 / (weights**4).sum(axis=1)
    return Templates(weights, lengths, window, bounded, effective)


def bounded_nights(y: Floats, p: NDArray[np.generic], tail: Floats) -> Floats:
    """Nights no longer than 90 % of normal ones, at variance 1 per feature again.

    Parameters
    ----------
    y : float64 array, shape (m, D, d)
        Whitened nights.
    p : integer array, shape (m, D)
        Features behind each.
    tail : float64 array, shape (m,)
        Degrees of freedom of the multivariate t whose variance is restored.
    """
    every = np.arange(y.shape[2] + 1)
    most = special.chdtri(np.maximum(every, 1), 1.0 - _BOUND)
    known, which = np.unique(tail, return_inverse=True)
    share = most / (most + known[:, None] - 2.0)
    low, high = every / 2.0 + 1.0, known[:, None] / 2.0
    inside = special.betainc(low, high - 1.0, share)
    beyond = 1.0 - special.betainc(np.maximum(low - 1.0, 0.5), high, share)
    variance = inside + most * beyond / np.maximum(every, 1)
    square = np.einsum("mtd,mtd->mt", y, y)
    limit = most[p]
    pull = np.sqrt(limit / np.maximum(square, limit) / variance[which[:, None], p])
    found: Floats = y * pull[..., None]
    return found


def serial_matrix(nights: int, share: Floats, decay: Floats) -> Floats:
    """Autocorrelations between different nights, 0 on the diagonal, (g, D, D)."""
    lag = np.abs(np.subtract.outer(np.arange(nights), np.arange(nights)))
    found: Floats = share[:, None, None] * decay[:, None, None] ** lag
    return np.where(lag > 0, found, 0.0)


def match(
    y: Floats,
    seen: Bools,
    shapes: Templates,
    serial: Floats,
    doubt: Floats,
    tail: Floats,
    *,
    gains: bool = True,
) -> Matches:
    """Fit every template to every agent.

    Parameters
    ----------
    y : float64 array, shape (m, D, d)
        Whitened nights, 0 where absent.
    seen : bool array, shape (m, D, d)
        Features behind them.
    shapes : Templates
    serial : float64 array, shape (m, D, D)
        From `serial_matrix`, by agent.
    doubt : float64 array, shape (m,)
        Share of a night's variance that is the error of the centre: the same error on
        every night.
    tail : float64 array, shape (m,)
        Degrees of freedom of the multivariate t that single nights follow.
    gains : bool
        False leaves `gain` at 0: a null pool does not ask for kinds.

    Notes
    -----
    With s the weights and q the share of features seen on a night, the weighted sum
    has variance (Σ s²q + sq' G sq)(1 - doubt) + (Σ sq)² doubt per feature.
    """
    s, count = shapes.weights, seen.sum(axis=2).astype(np.float64)
    support = (s > 0).astype(np.float32)
    there = np.matmul(support, seen.astype(np.float32)) > 0
    features = there.sum(axis=2)
    sums = np.matmul(s, y)
    parts = np.matmul(s, bounded_nights(y, seen.sum(axis=2), tail))
    parts = np.square(np.where(shapes.bounded[:, None], parts, sums))
    most = np.maximum(features, 1)
    mass = (count @ (s**2).T) / most
    total = (count @ s.T) / most
    weighted = s * count[:, None]
    across = (np.matmul(weighted, serial) * weighted).sum(axis=2) / most**2
    variance = (mass + across) * (1.0 - doubt)[:, None] + total**2 * doubt[:, None]
    some = features > 0
    square = parts @ np.ones(parts.shape[2])
    f = np.where(some, square / np.where(some, variance * features, 1.0), np.nan)
    score = np.where(some, normal_score(f, features, shapes.dof(tail)), -np.inf)
    gain = np.zeros(f.shape)
    if gains:
        gain = np.where(some, _gain(y, count > 0, s, serial), 0.0)
    length = np.square(sums) @ np.ones(sums.shape[2])
    length = np.where(some, length / np.where(some, variance, 1.0), 0.0)
    return Matches(f, features, score, sums, length, gain, mass)


def _gain(y: Floats, here: Bools, s: Floats, serial: Floats) -> Floats:
    """Generalised least squares: |sᵀ Γ⁻¹ y|² / sᵀ Γ⁻¹ s over the nights seen."""
    d = y.shape[1]
    both = here[:, :, None] & here[:, None, :]
    inverse = np.linalg.inv(np.where(both, serial, 0.0) + np.eye(d))
    seen = s * here[:, None]
    towards = np.matmul(seen, inverse)
    norm = (towards * seen).sum(axis=2)
    square = np.square(np.matmul(towards, y)).sum(axis=2)
    found: Floats = np.divide(square, norm, out=np.zeros(norm.shape), where=norm > 0)
    return found


def normal_score(f: Floats, p: NDArray[np.generic], dof: Floats | float) -> Floats:
    """Normal score of an F(p, dof) value; close, cheap and monotone.

    Notes
    -----
    Source: Paulson, Annals of Math. Statistics 13 (1942): cube roots of chi-squares
    are nearly normal.
    """
    a = 2.0 / (9.0 * np.maximum(p, 1))
    b = 2.0 / (9.0 * np.asarray(dof, np.float64))
    root = np.cbrt(np.where(np.isnan(f), 1.0, f))
    found: Floats = ((1.0 - b) * root - (1.0 - a)) / np.sqrt(a + b * root**2)
    return found


def log_normal_tail(score: Floats) -> Floats:
    """Natural logarithm of P(N(0, 1) > score)."""
    found: Floats = special.log_ndtr(-score)
    return found
