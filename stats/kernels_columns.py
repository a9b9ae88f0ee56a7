"""Compiled sums of the columns of an array: eight columns at a time, two levels.

Every column has a σ of its own.  A tile of a column that two levels do not hold, or
with a value above σ, is copied out and summed by passes.  Naive twin:
tests/stats/test_exact_columns.py.  Nothing here may be compiled with fast-math.
"""

from __future__ import annotations

import numpy as np

from stats.compiled import compiled
from stats.kernels_bins import add_one, clean, flush, scalar_bits, sigma
from stats.kernels_sum import (
    ALL_PASSES,
    BLOCK,
    HEADROOM,
    LARGEST,
    add_clean,
)
from stats.lanes import LANES, bits, larger, load, prefetch, splat, store, value_at

__all__ = ["add_columns", "add_elements"]

# Values of a tile, which stays in the cache while its columns are summed, and its
# fewest rows.
_TILE = 1 << 14
_MIN_ROWS = 32
_SIGN_AND_EXPONENT = np.int64(-(1 << 52))
_SIZE = np.int64((1 << 63) - 1)


@compiled
def _find_tops(x, start, stop, width, tops, cell, out):  # type: ignore[no-untyped-def]  # compiled
    """Biased exponents of σ for eight columns; HEADROOM where none is large enough."""
    sizes, most = splat(_SIZE), splat(np.int64(0))
    for i in range(start, stop, width):
        most = larger(most, bits(load(x, i)) & sizes)
    store(out, 0, most)
    for lane in range(LANES):
        top = (out[lane] >> 52) + HEADROOM
        tops[cell + lane] = top if top <= LARGEST else HEADROOM


@compiled
def _eight(x, start, stop, width, tops, cell, ahead, out):  # type: ignore[no-untyped-def]  # compiled
    """Two levels of eight columns; their units, and what σ did not hold, in `out`."""
    for lane in range(LANES):
        top = tops[cell + lane]
        out[lane] = scalar_bits(sigma(top))
        out[LANES + lane] = scalar_bits(sigma(max(top - 52, 1)))
    bits1, bits2 = load(out, 0), load(out, LANES)
    sigma1, sigma2 = bits(bits1), bits(bits2)
    first = second = bad = rest = splat(np.int64(0))
    for i in range(start, stop, width):
        prefetch(x, ahead)
        ahead += LANES
        v = load(x, i)
        t = sigma1 + v
        q = v - (t - sigma1)
        u = sigma2 + q
        bad = bad | (bits(t) ^ bits1)
        rest = rest | bits(q - (u - sigma2))
        first = first + (bits(t) - bits1)
        second = second + (bits(u) - bits2)
    store(out, 0, first)
    store(out, LANES, second)
    store(out, 2 * LANES, bad)
    store(out, 3 * LANES, rest)


@compiled
def _alone(row, special, x, start, stop, width, column, scratch):  # type: ignore[no-untyped-def]  # compiled
    """Add a tile of one column; returns the biased exponent of its σ."""
    n = 0
    for i in range(start, stop, width):
        column[n] = value_at(x, i)
        n += 1
    while n % LANES != 0:
        column[n] = 0.0
        n += 1
    top = clean(column, 0, n, scratch, special) + HEADROOM
    if top <= LARGEST:
        add_clean(row, scratch, n, top, ALL_PASSES)
        return top
    for i in range(n):
        add_one(row, special, scratch[i])
    return HEADROOM


@compiled
def add_columns(limbs, special, x, width, begin):  # type: ignore[no-untyped-def]  # compiled
    """Add columns of a contiguous array into one cell each.

    Parameters
    ----------
    limbs : int64 array, shape (cells, ALL_LIMBS), changed in place
    special : int64 array, shape (cells, 3), changed in place
        How many values are +inf, -inf and NaN.
    x : float64 or float32 array, shape (n * width,)
        Rows of `width` values, at least LANES.
    width : int
    begin : int
        Column of the first cell; there are at least LANES cells.

    Returns
    -------
    int
        How many tiles of a column were copied out.
    """
    cells, rows = limbs.shape[0], x.size // width
    height = max(min(_TILE // cells, BLOCK), _MIN_ROWS)
    tops = np.empty(cells, dtype=np.int64)
    out = np.empty(4 * LANES, dtype=np.int64)
    column, scratch = np.empty(BLOCK), np.empty(BLOCK)
    apart = 0
    for upper in range(0, rows, height):
        lower = min(upper + height, rows)
        for done in range(0, cells, LANES):
            cell = min(done, cells - LANES)
            start, stop = upper * width + begin + cell, lower * width
            if upper == 0:
                _find_tops(x, start, stop, width, tops, cell, out)
            ahead = lower * width + done * (lower - upper)
            _eight(x, start, stop, width, tops, cell, ahead, out)
            for lane in range(done - cell, LANES):
                c, top = cell + lane, tops[cell + lane]
                bad = out[2 * LANES + lane] & _SIGN_AND_EXPONENT
                if bad != 0 or out[3 * LANES + lane] & _SIZE != 0:
                    apart += 1
                    tops[c] = _alone(
                        limbs[c],
                        special[c],
                        x,
                        start + lane,
                        stop,
                        width,
                        column,
                        scratch,
                    )
                else:
                    flush(limbs[c], out[lane], top)
                    flush(limbs[c], out[LANES + lane], max(top - 52, 1))
    return apart


@compiled
def add_elements(limbs, special, x):  # type: ignore[no-untyped-def]  # compiled
    """Add rows of values into one cell per column, value by value.

    Parameters
    ----------
    limbs : int64 array, shape (cells, ALL_LIMBS), changed in place
    special : int64 array, shape (cells, 3), changed in place
    x : float64 or float32 array, shape (n * cells,)
    """
    cells = limbs.shape[0]
    for i in range(x.size):
        add_one(limbs[i % cells], special[i % cells], x[i])
