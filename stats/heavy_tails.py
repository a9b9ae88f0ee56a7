"""Heavier tails than normal, learnt from a baseline: multivariate t of mixed degrees.

A squared distance under the normal law has log p; under a multivariate t law of nu
degrees of freedom the same distance has a larger one.  The map between the two depends
on rows, features and nu only, so it serves every law, also after shrinkage.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from stats.tails import log_f_tail, new_row_log_p

__all__ = ["DEGREES", "heavy_log_p", "tail_weights"]

Floats = NDArray[np.float64]

#: Degrees of freedom that are mixed; the first one is the normal law.
DEGREES = np.array([np.inf, 32.0, 16.0, 10.0, 8.0, 6.0, 4.0, 3.0])
# Prior probability that a baseline is normal; the others share the rest.
_PRIOR = 0.5
# Rows beyond which a sample covariance counts as known, and directions per fit.
_ROWS, _DIRECTIONS = 2_000, 8
_BODY = np.concatenate([np.geomspace(1e-4, 1.0, 15), np.linspace(1.2, 20.0, 40)])


def heavy_log_p(log_p: ArrayLike, n: int, d: int, weights: ArrayLike) -> Floats:
    """Log p under a mixture of t laws, from log p under the normal law.

    Parameters
    ----------
    log_p : array_like
        By the law of normal rows; NaN stays NaN, -inf stays -inf.
    n, d : int
        Baseline rows and features; n > d.
    weights : array_like, shape (8,)
        Probability of each of `DEGREES`.

    Returns
    -------
    float64 array, <= 0
        Rising with log_p, finite where it is.

    Notes
    -----
    d² = z²/g · u'S⁻¹u (1 + 1/n) with z² chi-square, g chi-square / nu, u a direction
    and S the covariance of n rows of the same law: given S and u it is p u'S⁻¹u
    F(p, nu).  S and u are simulated (fixed seed), the F tail is exact, so the tail is
    smooth and ends nowhere.  n counts as 2,000 at most, and to two digits above 200.
    Source: the F law of a multivariate t, Kotz, Nadarajah, Multivariate t
    Distributions (2004).
    """
    values = np.asarray(log_p, np.float64)
    mixing = np.asarray(weights, np.float64)
    if mixing[0] >= 1.0:
        return values
    nodes, tails = _table(_rounded(n, d), d)
    with np.errstate(divide="ignore"):
        mixed = special.logsumexp(tails + np.log(mixing)[:, None], axis=0)
    x, y = np.log(-nodes), np.log(-mixed)
    finite = np.isfinite(values) & (values < 0)
    at = np.log(-np.where(finite, values, -1.0))
    inside = -np.exp(np.interp(at, x, y))
    low = at < x[0]
    inside = np.where(low, values * (mixed[0] / nodes[0]), inside)
    slope = (mixed[-1] - mixed[-2]) / (nodes[-1] - nodes[-2])
    far = mixed[-1] + slope * (values - nodes[-1])
    out = np.where(at > x[-1], far, inside)
    return np.where(finite, np.minimum(out, 0.0), values)


def tail_weights(left_out_log_p: ArrayLike, n: int, d: int) -> Floats:
    """How probable each of `DEGREES` is, from rows left out of their own baseline.

    Parameters
    ----------
    left_out_log_p : array_like, shape (m,)
        Log p of each baseline row by the normal law of the other n - 1; NaN is missing.
    n, d : int
        Baseline rows and features.

    Returns
    -------
    float64 array, shape (8,)
        Sums to 1.  All on the normal law for fewer than 10 rows or n < d + 5.

    Notes
    -----
    Posterior of nu with half of the prior on the normal law; the likelihood counts
    the log p in the cells of the table, rows taken as independent.
    """
    values = np.asarray(left_out_log_p, np.float64)
    values = values[~np.isnan(values)]
    normal: Floats = (np.arange(len(DEGREES)) == 0).astype(np.float64)
    if len(values) < 10 or n < d + 5:
        return normal
    nodes, tails = _table(_rounded(n, d), d)
    p = np.exp(tails)
    p = np.concatenate([np.ones((len(p), 1)), p, np.zeros((len(p), 1))], axis=1)
    cell = np.maximum(p[:, :-1] - p[:, 1:], 1e-300)
    counts = np.bincount(np.searchsorted(-nodes, -values), minlength=cell.shape[1])
    prior = np.full(len(DEGREES), (1.0 - _PRIOR) / (len(DEGREES) - 1))
    prior[0] = _PRIOR
    found: Floats = special.softmax(np.log(cell) @ counts + np.log(prior))
    return found


def _rounded(n: int, d: int) -> int:
    if n <= 200:
        return n
    step = 10 ** (len(str(n)) - 2)
    return int(max(min(round(n / step) * step, _ROWS), d + 5))


@lru_cache(maxsize=64)
def _table(n: int, d: int) -> tuple[Floats, Floats]:
    """Falling log p by the normal law, and by each of `DEGREES`: (k,), (8, k)."""
    half, dof = d / 2.0, n - d
    a = special.betainccinv(half, dof / 2.0, np.exp(-_BODY))
    body = a / (1.0 - a) * (n * n - 1.0) / n
    d2 = np.concatenate([body, body[-1] * np.geomspace(1.3, 1e12, 25)])
    nodes = new_row_log_p(d2, d, n)
    tails = [nodes]
    for degrees, stretch in zip(DEGREES[1:], _stretches(n, d)[1:], strict=True):
        each = log_f_tail(d2 / d / stretch[:, None], d, degrees)
        tails.append(special.logsumexp(each, axis=0) - np.log(len(stretch)))
    return nodes, np.array(tails)


def _stretches(n: int, d: int) -> Floats:
    """u'S⁻¹u (1 + 1/n) in fits of n rows of each law, shape (8, fits * 8)."""
    rng = np.random.default_rng(0)
    fits = int(np.clip(60_000 // n, 60, 300))
    out = np.empty((len(DEGREES), fits, _DIRECTIONS))
    for fit in range(fits):
        z, quantile = rng.standard_normal((n, d)), rng.random(n)
        u = rng.standard_normal((_DIRECTIONS, d))
        u /= np.linalg.norm(u, axis=1, keepdims=True)
        for k, degrees in enumerate(DEGREES[1:], start=1):
            g = special.chdtri(degrees, quantile) / degrees
            x = z / np.sqrt(g)[:, None]
            x -= x.mean(axis=0)
            s = x.T @ x / (n - 1)
            out[k, fit] = (u * np.linalg.solve(s, u.T).T).sum(axis=1)
    found: Floats = out.reshape(len(DEGREES), -1) * (1.0 + 1.0 / n)
    return found
