"""Scale the columns of a tile to one grid, and measure them in the same pass."""

from __future__ import annotations

import numpy as np

from stats import lanes
from stats.compiled import compiled, inlined
from stats.kernels_masks import count_bits, lanes_set
from stats.kernels_tile import LOWEST, UNIT, copy, count_rows
from stats.kernels_vector import bits, from_bits, greater, least, most, smaller

__all__ = ["SPLIT", "count_off", "power", "scale", "split"]

# Binades that a split moves the low part up by.
SPLIT = -UNIT

_SIGMA = 1.5 * 2.0 ** (52 + UNIT)
_SIZE = np.int64((1 << 63) - 1)
_INFINITE = np.int64(0x7FF << 52)


@inlined
def power(exponent):  # type: ignore[no-untyped-def]  # compiled
    """Two to this exponent, which lies in the normal range of float64."""
    return from_bits((np.int64(exponent) + 1023) << np.int64(52))


@compiled
def scale(tile, rows, exponents):  # type: ignore[no-untyped-def]  # compiled
    """Scale every column j by 2^-exponents[j] and measure it; results go into the tile.

    Sum and scaled values of a column mean nothing when it turns out to need more.
    """
    n = (rows.n + 63) // 64 * 64
    if rows.whole:
        _scale(
            rows.x, rows.order, rows.first, rows.row, n, exponents, tile.scaled,
            tile.total, tile.off, tile.there, tile.seen, tile.low, tile.high,
        )  # fmt: skip
    else:
        _scale(
            tile.raw, tile.order, 0, 0, n, exponents, tile.scaled,
            tile.total, tile.off, tile.there, tile.seen, tile.low, tile.high,
        )  # fmt: skip
    count_rows(tile.counted, rows.n)
    for j in range(tile.seen.size):
        low, high = tile.low[j], tile.high[j]
        largest = max(abs(low), abs(high)) if low <= high else 0.0
        if largest == np.inf:
            copy(tile, rows)
            largest = _largest(tile.raw[0, j, : rows.n])
        exponent = max((bits(largest) >> np.int64(52)) - 1022, np.int64(LOWEST))
        tile.needed[j] = exponent if largest > 0.0 else np.int64(LOWEST - 1)


@compiled
def _largest(column):  # type: ignore[no-untyped-def]  # compiled
    """Largest size of the finite values."""
    largest = 0.0
    for i in range(column.size):
        size = abs(column[i])
        if largest < size < np.inf:
            largest = size
    return largest


@compiled
def _scale(  # type: ignore[no-untyped-def]  # compiled
    x, order, first, row, n, exponents, scaled,
    totals, off, words, seen, lowest, highest,
):  # fmt: skip
    """Scale and measure columns of n rows, whole words; arrays, for speed."""
    times, size = x.shape[2], lanes.splat(_SIZE)
    sigma, infinite = lanes.splat(np.float64(_SIGMA)), lanes.splat(_INFINITE)
    for j in range(off.size):
        target, e = scaled[j], exponents[j]
        down, up = lanes.splat(power(-e)), lanes.splat(power(e))
        low, high = lanes.splat(np.float64(np.inf)), lanes.splat(np.float64(-np.inf))
        total = lanes.splat(np.int64(0))
        rest, count = total, np.int64(0)
        place, t = first + row // times, row % times
        for start in range(0, n, 64):
            source, word = x[order[place], j], np.uint64(0)
            for i in range(0, 64, 8):
                value = lanes.load(source, t + i)
                there = lanes.less(lanes.bits(value) & size, infinite)
                low, high = smaller(value, low), greater(value, high)
                word |= lanes_set(there) << np.uint64(i)
                value = lanes.bits(lanes.bits(value) & there)
                y = value * down
                moved = sigma + y
                back = (moved - sigma) * up
                total = total + lanes.bits(moved)
                rest = rest | (lanes.bits(back) ^ lanes.bits(value))
                lanes.store(target, start + i, y)
            words[j, start // 64] = word
            count += count_bits(word)
            t += 64
            if t == times:
                place, t = place + 1, 0
        totals[j] = lanes.total(total) - n * bits(_SIGMA)
        off[j] = np.int64((lanes.union(rest) & _SIZE) != 0)
        seen[j] = count
        lowest[j], highest[j] = least(low), most(high)


@compiled
def count_off(tile, j, n, e):  # type: ignore[no-untyped-def]  # compiled
    """How many values of column j, scaled by 2^-e, are finer than the grid."""
    values, off = tile.raw[0, j, :n], 0
    for i in range(n):
        if np.isfinite(values[i]):
            back = (_SIGMA + values[i] * power(-e)) - _SIGMA
            off += back * power(e) != values[i]
    return off


@compiled
def split(tile, j, c, n, e):  # type: ignore[no-untyped-def]  # compiled
    """Scale column j, which is measured and copied; its low part becomes column c."""
    high, low = tile.scaled[j], tile.scaled[c]
    values, down, up, lift = tile.raw[0, j], power(-e), power(e), power(SPLIT)
    n = (n + 63) // 64 * 64
    first, second, off = np.int64(0), np.int64(0), np.int64(0)
    for i in range(n):
        size = bits(values[i]) & _SIZE
        x = np.float64(0.0) if size >= _INFINITE else values[i]
        y = x * down
        t = _SIGMA + y
        top = t - _SIGMA
        rest = (y - top) * lift
        u = _SIGMA + rest
        bottom = u - _SIGMA
        first += bits(t)
        second += bits(u)
        off += np.int64((bottom != rest) | (y * up != x))
        high[i] = top
        low[i] = bottom
    start = n * bits(_SIGMA)
    tile.total[j], tile.total[c], tile.off[j] = first - start, second - start, off
