"""p-values off a null pool, also beyond its largest score."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.calibration import TailCounts, bin_edges

__all__ = ["tail_p"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

# Null scores that carry the tail: at least so many, at most this share of the pool.
_LEAST, _MOST, _SHARE = 25, 400, 0.005


def tail_p(
    null: TailCounts, log_p: ArrayLike, groups: ArrayLike
) -> tuple[Floats, Bools]:
    """Calibrate scores by their pool, and by an exponential tail of -log p beyond it.

    Parameters
    ----------
    null : TailCounts
    log_p : array_like, shape (n,)
    groups : integer array_like, shape (n,)

    Returns
    -------
    p : float64 array, shape (n,)
        `TailCounts.calibrate` where at least 25 null scores are as extreme.  Further
        out (k / m) exp(-(x - u) / s): k of m null scores lie beyond u, s is their mean
        excess over u plus one standard error.  NaN as there.
    extrapolated : bool array, shape (n,)
        p rests on the shape of the tail: more extreme than every null score.

    Notes
    -----
    Ranks cannot go below 1 / (1 + m), so a small fleet could never find anything.  A
    generalised Pareto tail of -log p has shape 0 when the score's law and the real one
    both fall off as powers, or both exponentially in it; the estimated s absorbs a
    wrong rate.  Pools of fewer than 50 scores are not extrapolated.
    Source: Pickands, Annals of Statistics 3 (1975).
    """
    values = np.asarray(log_p, np.float64)
    codes = np.asarray(groups, np.int64)
    p = null.calibrate(values, codes)
    far = null.beyond(values, codes)
    edges = bin_edges()
    for pool in range(null.n_groups):
        counts = null.counts[pool]
        size = int(counts.sum())
        if size < 2 * _LEAST:
            continue
        u, k, s = _tail(counts, edges, size)
        x = -values
        # Ranks are kept where at least k null scores are as extreme as this one.
        beyond = (codes == pool) & (p * (1.0 + size) - 1.0 < min(k, _LEAST)) & (x > u)
        p[beyond] = (k / size) * np.exp(-(x[beyond] - u) / s)
    return p, far


def _tail(counts: Ints, edges: Floats, size: int) -> tuple[float, int, float]:
    """Threshold, null scores beyond it, and their mean excess with its error."""
    wanted = min(max(int(_SHARE * size), _LEAST), _MOST)
    above = np.cumsum(counts[::-1])[::-1]
    # The first bin with at most `wanted` scores from it on, but with some.
    first = int(np.argmax(above <= wanted))
    if above[first] < min(_LEAST, wanted):
        first = max(first - 1, 0)
    k = int(above[first])
    u = float(edges[first])
    # Upper edges: binning makes the tail heavier, never lighter.
    excess = float((counts[first:] * (edges[first + 1 :] - u)).sum()) / k
    return u, k, excess * (1.0 + 1.0 / np.sqrt(k))
