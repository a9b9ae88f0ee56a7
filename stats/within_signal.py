"""What sources have in common because they look at the same agents, and what is left.

Ratios of every source are squashed to (-1, 1) about their median.  If sources err
independently and the truth has two states, the covariance of two of them is a product
g_s g_t, whatever their laws: that is what the agents explain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["CommonSignal", "common_signal", "moved_together"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ROUNDS = 30
# Agents handled at once.
_BLOCK = 65_536
# A source is at most this much signal.
_MOST = 0.98


@dataclass(frozen=True, slots=True, eq=False)
class CommonSignal:
    """Covariances of squashed ratios, and the part that a common signal explains.

    Attributes
    ----------
    shared : int64 array, shape (s, s)
        Agents both spoke about.
    covariance, error : float64 arrays, shape (s, s)
        Over these, and the standard error; NaN without two.
    gain : float64 array, shape (s,)
        Covariance of s and t explained by the signal is ``gain[s] * gain[t]``.
    own : float64 array, shape (s,)
        Variance of a source that the signal does not explain.
    """

    shared: Ints
    covariance: Floats
    error: Floats
    gain: Floats
    own: Floats


def common_signal(table: Floats) -> CommonSignal:
    """Fit one common signal to a table of ratios.

    Parameters
    ----------
    table : float64 array, shape (agents, sources)
        Finite or NaN.

    Notes
    -----
    ``Σ |c_st - g_s g_t|`` over pairs, by agents both spoke about, is made small by
    weighted medians, one source at a time: a few pairs that do not fit the product are
    left out, as outliers of a median are.
    """
    z = _squashed(table)
    shared, covariance, error = _moments(z)
    weight = np.sqrt(shared.astype(np.float64))
    np.fill_diagonal(weight, 0.0)
    known = np.where(np.isnan(covariance), 0.0, covariance)
    weight = np.where(np.isnan(covariance), 0.0, weight)
    variance = np.diag(known)
    gain = _gains(known, error, weight, np.sqrt(_MOST * variance))
    return CommonSignal(shared, covariance, error, gain, variance - gain**2)


def moved_together(
    signal: CommonSignal, first: Ints, second: Ints, *, fewest: int, model_error: float
) -> tuple[Floats, Floats]:
    """Correlation beside the signal, and its score, standard normal or smaller.

    Parameters
    ----------
    signal : CommonSignal
    first, second : int64 arrays, shape (pairs,)
    fewest : int
        Shared agents below which a pair is not tested.
    model_error : float
        Correlation that the model may get wrong; added to the standard error.

    Returns
    -------
    correlation, score : float64 arrays, shape (pairs,)
        NaN where not tested: too few shared agents, fewer than five sources, or a
        source that always says the same.
    """
    at = (first, second)
    explained = signal.gain[first] * signal.gain[second]
    scale = np.sqrt(signal.own[first] * signal.own[second])
    tested = (signal.shared[at] >= fewest) & (scale > 0) & (len(signal.gain) >= 5)
    excess = np.where(tested, signal.covariance[at] - explained, np.nan)
    scale = np.where(tested, scale, np.nan)
    error = np.hypot(signal.error[at], model_error * scale)
    return np.clip(excess / scale, -1.0, 1.0), excess / error


def _squashed(table: Floats) -> Floats:
    """Hyperbolic tangent of half the robust scores of every source; NaN stays."""
    z = np.full(table.shape, np.nan)
    for s in range(table.shape[1]):
        said = ~np.isnan(table[:, s])
        x = table[said, s]
        if len(x):
            away = x - np.median(x)
            scale = 1.4826 * np.median(np.abs(away))
            scale = scale if scale > 0 else np.abs(away).mean()
            z[said, s] = np.tanh(away / (2.0 * scale)) if scale > 0 else 0.0
    return z


def _moments(z: Floats) -> tuple[Ints, Floats, Floats]:
    """Shared agents, covariance and its standard error for every pair."""
    s = z.shape[1]
    n, one, two, second, mixed, fourth = (np.zeros((s, s)) for _ in range(6))
    for start in range(0, len(z), _BLOCK):
        part = z[start : start + _BLOCK]
        said = (~np.isnan(part)).astype(np.float64)
        value = np.nan_to_num(part)
        square = value**2
        n += said.T @ said
        one += value.T @ said
        second += square.T @ said
        two += value.T @ value
        mixed += square.T @ value
        fourth += square.T @ square
    count = np.where(n >= 2, n, np.nan)
    a, b = one / count, one.T / count
    covariance = two / count - a * b
    # Σ (x - a)² (y - b)² over n, from raw moments; values are at most 1 in size.
    spread = fourth - 2 * b * mixed - 2 * a * mixed.T + b**2 * second + a**2 * second.T
    spread = spread / count + 4 * a * b * two / count - 3 * (a * b) ** 2
    error = np.sqrt(np.maximum(spread - covariance**2, 0.0) / count)
    return n.astype(np.int64), covariance, error


def _gains(covariance: Floats, error: Floats, weight: Floats, most: Floats) -> Floats:
    """Gains that make the weighted absolute misfit of pairs small.

    No source counts more for the others than the median of them: two that move
    together without any signal would become the signal.
    """
    typical = np.array([_median(c, w) for c, w in zip(covariance, weight, strict=True)])
    noise = float(np.median(error[weight > 0])) if (weight > 0).any() else np.inf
    level = float(np.median(typical)) if len(typical) else 0.0
    if max(level, noise) <= 0:
        return np.zeros_like(typical)
    gain: Floats = np.clip(typical / np.sqrt(max(level, noise)), -most, most)
    for _ in range(_ROUNDS if level > noise else 0):
        before = gain.copy()
        lever = np.minimum(np.abs(gain), np.median(np.abs(gain)))
        for s in range(len(gain)):
            use = (weight[s] > 0) & (gain != 0)
            if use.any():
                ratio = covariance[s, use] / gain[use]
                found = _median(ratio, weight[s, use] * lever[use])
                gain[s] = np.clip(found, -most[s], most[s])
        if np.abs(gain - before).max() <= 1e-9:
            break
    return gain


def _median(x: Floats, weight: Floats) -> float:
    """Weighted median; the mean of the two middle ones of an even number."""
    some = weight > 0
    if not some.any():
        return 0.0
    order = np.argsort(x[some], kind="stable")
    value, part = x[some][order], np.cumsum(weight[some][order])
    half = part[-1] / 2.0
    low = np.searchsorted(part, half * (1.0 - 1e-12))
    high = np.searchsorted(part, half * (1.0 + 1e-12))
    high = min(high, len(value) - 1)
    return float((value[low] + value[high]) / 2.0)
