"""Standardise series row by row, add them to their groups, correlate chosen pairs.

A row is read once from memory; the passes over it stay in cache.  Equal rows give equal
bits in every function here.  Naive twins: tests/stats/test_series_sums.py and
tests/stats/test_top_pairs.py.
"""

from __future__ import annotations

import math

import numpy as np

from stats.compiled import compiled
from stats.lanes import LANES, fused, load, splat, store, value_at

__all__ = ["CONSTANT", "UNSEEN", "add_series", "correlate_pairs", "scale_rows", "warm"]

# What `_standardise` returns in place of a number of observed steps.
UNSEEN, CONSTANT = 0, -1

# Sums of squares in between lose nothing to underflow, and have not overflowed.
_LEAST, _MOST = 1e-280, 1e280
# Half ranges in between have such sums of squares for any length.
_NARROW, _WIDE = 1e-135, 1e135


@compiled
def _center(x, r, out, lane):  # type: ignore[no-untyped-def]  # compiled
    """Write row r less its mean to `out`; return Σ of its squares.

    NaN or infinite when the row has gaps or does not fit; 0 when it is constant or
    nearly so.  The first value is subtracted first: the mean of what is left is not
    large beside the spread, wherever the series lies.
    """
    steps = x.shape[1]
    start, whole = r * steps, steps // LANES * LANES
    if steps == 0:
        return 0.0
    first = value_at(x, start)
    shift, total = splat(first), splat(0.0)
    for t in range(0, whole, LANES):
        d = load(x, start + t) - shift
        total = total + d
        store(out, t, d)
    store(lane, 0, total)
    rest = lane[:LANES].sum()
    for t in range(whole, steps):
        out[t] = value_at(x, start + t) - first
        rest += out[t]
    mean = rest / steps
    shift, total = splat(mean), splat(0.0)
    for t in range(0, whole, LANES):
        d = load(out, t) - shift
        total = fused(d, d, total)
        store(out, t, d)
    store(lane, 0, total)
    rest = lane[:LANES].sum()
    for t in range(whole, steps):
        out[t] -= mean
        rest += out[t] * out[t]
    return rest


@compiled
def _standardise_gaps(x, r, out, seen):  # type: ignore[no-untyped-def]  # compiled
    """`_standardise` for rows with gaps, constant rows, and rows of any magnitude."""
    steps = x.shape[1]
    n, low, high = 0, np.inf, -np.inf
    for t in range(steps):
        value = np.float64(x[r, t])
        seen[t] = math.isfinite(value)
        out[t] = value if seen[t] else 0.0
        if seen[t]:
            n += 1
            low, high = min(low, value), max(high, value)
    if n == 0 or low == high:
        out[:steps] = 0.0
        seen[:steps] = False
        return UNSEEN if n == 0 else CONSTANT
    half = high / 2.0 - low / 2.0
    power = 0
    if not _NARROW < half < _WIDE:
        power = -math.frexp(half if half > 0 else high - low)[1]
    # In two steps: 2^power itself may not be a float.
    one, two = math.ldexp(1.0, power // 2), math.ldexp(1.0, power - power // 2)
    first, total, square = low * one * two, 0.0, 0.0
    for t in range(steps):
        if seen[t]:
            out[t] = out[t] * one * two - first
            total += out[t]
    for t in range(steps):
        if seen[t]:
            out[t] -= total / n
            square += out[t] * out[t]
    for t in range(steps):
        out[t] *= math.sqrt(n / square)
    return n


@compiled
def _standardise(x, r, out, seen, lane):  # type: ignore[no-untyped-def]  # compiled
    """Write row r to `out`: mean 0 and sd 1 (ddof 0) over its own steps, 0 elsewhere.

    Returns how many steps are observed, or UNSEEN or CONSTANT; `seen` tells which, and
    is not written when all are.
    """
    steps = x.shape[1]
    square = _center(x, r, out, lane)
    if not _LEAST < square < _MOST:
        return _standardise_gaps(x, r, out, seen)
    scale = math.sqrt(steps / square)
    for t in range(steps):
        out[t] *= scale
    return steps


@compiled
def add_series(x, codes, sums, steps, counts):  # type: ignore[no-untyped-def]  # compiled
    """Add the series of a block to their groups.

    Parameters
    ----------
    x : float32 or float64 array in C order, shape (n, T)
    codes : int64 array, shape (n,)
        In [0, g), or negative for a series that does not count.
    sums : float64 array, shape (g, T)
        Changed in place, as the next two are.
    steps : int64 array, shape (g, T)
    counts : int64 array, shape (g, 3)
        Series that vary, that are constant, and that have no value.
    """
    width = x.shape[1]
    out, lane = np.empty(width + LANES), np.empty(LANES)
    seen = np.empty(width, dtype=np.bool_)
    whole, complete = width // LANES * LANES, np.zeros(sums.shape[0], dtype=np.int64)
    for r in range(x.shape[0]):
        g = codes[r]
        if g < 0:
            continue
        n = _standardise(x, r, out, seen, lane)
        if n <= 0:
            counts[g, 2 if n == UNSEEN else 1] += 1
            continue
        counts[g, 0] += 1
        start = g * width
        for t in range(0, whole, LANES):
            store(sums, start + t, load(sums, start + t) + load(out, t))
        for t in range(whole, width):
            sums[g, t] += out[t]
        if n == width:
            complete[g] += 1
        else:
            for t in range(width):
                steps[g, t] += seen[t]
    for g in range(sums.shape[0]):
        for t in range(width):
            steps[g, t] += complete[g]


@compiled
def scale_rows(x, out, n):  # type: ignore[no-untyped-def]  # compiled
    """Standardise rows into float32, divided by the root of T.

    Parameters
    ----------
    x : float32 or float64 array in C order, shape (m, T)
    out : float32 array, shape (m, T)
        Filled, zero where missing: a product of two complete rows is their correlation.
    n : int64 array, shape (m,)
        Filled with the number of observed steps, or UNSEEN or CONSTANT.
    """
    width = x.shape[1]
    row, lane = np.empty(width + LANES), np.empty(LANES)
    seen = np.empty(width, dtype=np.bool_)
    scale = 1.0 / math.sqrt(max(width, 1))
    for r in range(x.shape[0]):
        n[r] = _standardise(x, r, row, seen, lane)
        for t in range(width):
            out[r, t] = np.float32(row[t] * scale)


@compiled
def correlate_pairs(x, i, j, least, r):  # type: ignore[no-untyped-def]  # compiled
    """Correlate rows i and j of x over the steps that both have, each on its own scale.

    Parameters
    ----------
    x : float32 or float64 array in C order, shape (n, T)
    i, j : int64 arrays, shape (k,)
        Fastest where equal i follow each other.
    least : int
        Steps that a pair must share, at least 1.
    r : float64 array, shape (k,)
        Filled: Σ y_i y_j over the number of steps that both have; NaN for too few.
    """
    width = x.shape[1]
    one, two = np.empty(width + LANES), np.empty(width + LANES)
    seen = np.empty((2, width), dtype=np.bool_)
    lane, last, n_one = np.empty(LANES), -1, 0
    for k in range(i.size):
        if i[k] != last:
            last = i[k]
            n_one = _standardise(x, last, one, seen[0], lane)
        n_two = _standardise(x, j[k], two, seen[1], lane)
        total, both = 0.0, min(n_one, n_two)
        for t in range(width):
            total += one[t] * two[t]
        if max(n_one, n_two) < width:
            both = 0
            for t in range(width):
                both += seen[0, t] and seen[1, t]
        r[k] = total / both if both >= least else np.nan


def warm() -> None:
    """Compile every signature in use, or load it from the cache on disk."""
    index = np.zeros(1, dtype=np.int64)
    for dtype in (np.float32, np.float64):
        x = np.ones((1, 2), dtype=dtype)
        x.flags.writeable = False
        state = np.zeros((1, 2)), np.zeros((1, 2), np.int64), np.zeros((1, 3), np.int64)
        add_series(x, index, *state)
        scale_rows(x, np.zeros((1, 2), np.float32), index.copy())
        correlate_pairs(x, index, index, 1, np.zeros(1))
