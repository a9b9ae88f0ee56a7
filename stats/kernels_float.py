"""Float sums and co-moments of the rows of a block about a fixed centre, tile by tile.

A tile is at most 512 rows of one group, column by column: y = x - centre, and 0 where
a value is missing.  Row r of a tile always goes to lane r mod 8, lanes and tiles are
added in one order: equal blocks give equal bits on every machine and in every memory
layout.  Naive twin: `GroupMoments`, which is exact.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stats import lanes
from stats.compiled import compiled, inlined
from stats.kernels_float_dots import add_dots
from stats.kernels_float_gaps import add_tile_sums
from stats.kernels_masks import count_bits, lanes_set
from stats.kernels_tile import Rows, copy
from stats.kernels_vector import greater, least, most, smaller

__all__ = ["FloatState", "Scratch", "add_block", "add_rows", "new_scratch"]

# Rows of a tile, and words of a bit for each: as many as lanes, see `shared_bits`.
# Other tiles give other bits: a change makes a new state version.
_ROWS, _WORDS = 512, 8
_ALL = np.uint64((1 << 64) - 1)
_SIZE = np.int64((1 << 63) - 1)
_INFINITE = np.int64(0x7FF << 52)


class FloatState(NamedTuple):
    """Sums of every group, changed in place; what they mean is in `FloatMoments`.

    Attributes
    ----------
    counts : int64 array, shape (g, d, d)
    sums, squares : float64 arrays, shape (g, d, d)
    products : float64 array, shape (g, d (d - 1) / 2)
    cubes, fourths : float64 arrays, shape (g, d), or (g, 0)
    low, high : float64 arrays, shape (g, d)
        Smallest and largest values; inf and -inf for nothing seen.
    infinite : int64 array, shape (g, d, 2)
    """

    counts: NDArray[np.int64]
    sums: NDArray[np.float64]
    squares: NDArray[np.float64]
    products: NDArray[np.float64]
    cubes: NDArray[np.float64]
    fourths: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    infinite: NDArray[np.int64]


class Scratch(NamedTuple):
    """Scratch space of one tile and of the sums of one group, reused.

    Attributes
    ----------
    raw, order, copied
        As in `stats.kernels_tile.Tile`.
    seen : uint64 array, shape (d, 8)
        One bit for every value that is neither infinite nor NaN.
    low, high : float64 arrays, shape (d,)
        Smallest and largest value of the tile.
    shifted : float64 array, shape (w, stride)
        Columns of y, and of zeros up to w, which is d rounded up to whole lanes.
    own : float64 array, shape (4, w, 8)
        Σ y, Σ y², Σ y³ and Σ y⁴ of the tile in lanes.
    counts : int64 array, shape (2, d + 1, w)
    sums, squares : float64 arrays, shape (2, d + 1, w)
        [0, j, i] How many rows of the group have j and i, Σ y_i and Σ y_i² over them;
        [0, d] the same of the tile, for any j; [1] for `kernels_float_gaps`.
    dots : float64 array, shape (w, w, 8)
        Σ y_b y_c of the group in lanes.
    """

    raw: NDArray[np.float64]
    order: NDArray[np.int64]
    copied: NDArray[np.int64]
    seen: NDArray[np.uint64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    shifted: NDArray[np.float64]
    own: NDArray[np.float64]
    counts: NDArray[np.int64]
    sums: NDArray[np.float64]
    squares: NDArray[np.float64]
    dots: NDArray[np.float64]


def new_scratch(d: int) -> Scratch:
    """Scratch space for d features."""
    wide = -(-d // lanes.LANES) * lanes.LANES
    # Columns a little longer than a power of two do not fight for the same cache lines.
    return Scratch(
        raw=np.zeros((1, d, _ROWS + 8)),
        order=np.zeros(1, dtype=np.int64),
        copied=np.zeros(1, dtype=np.int64),
        seen=np.zeros((d, _WORDS), dtype=np.uint64),
        low=np.zeros(d),
        high=np.zeros(d),
        shifted=np.zeros((wide, _ROWS + 8)),
        own=np.zeros((4, wide, lanes.LANES)),
        counts=np.zeros((2, d + 1, wide), dtype=np.int64),
        sums=np.zeros((2, d + 1, wide)),
        squares=np.zeros((2, d + 1, wide)),
        dots=np.zeros((wide, wide, lanes.LANES)),
    )


@compiled
def _shift(  # type: ignore[no-untyped-def]  # compiled
    x, order, first, row, n, center, shifted, own, seen, there, lowest, highest
):
    """Subtract the centre from columns of n rows, whole words, and measure them."""
    times, size = x.shape[2], lanes.splat(_SIZE)
    infinite, zero = lanes.splat(_INFINITE), lanes.splat(np.float64(0.0))
    sums, squares = own[0].ravel(), own[1].ravel()
    for j in range(center.size):
        target, middle, found = shifted[j], lanes.splat(center[j]), 0
        low, high = lanes.splat(np.float64(np.inf)), lanes.splat(np.float64(-np.inf))
        total, square = zero, zero
        place, t = first + row // times, row % times
        for start in range(0, n, 64):
            source, word = x[order[place], j], np.uint64(0)
            for i in range(0, 64, 8):
                value = lanes.load(source, t + i)
                finite = lanes.less(lanes.bits(value) & size, infinite)
                low, high = smaller(value, low), greater(value, high)
                word |= lanes_set(finite) << np.uint64(i)
                y = lanes.bits(lanes.bits(value - middle) & finite)
                total = total + y
                square = lanes.fused(y, y, square)
                lanes.store(target, start + i, y)
            seen[j, start >> 6] = word
            found += count_bits(word)
            t += 64
            if t == times:
                place, t = place + 1, 0
        lanes.store(sums, 8 * j, total)
        lanes.store(squares, 8 * j, square)
        there[j], lowest[j], highest[j] = found, least(low), most(high)


@compiled
def _raise(shifted, own, d, n):  # type: ignore[no-untyped-def]  # compiled
    """Sum third and fourth powers of the columns."""
    cubes, fourths = own[2].ravel(), own[3].ravel()
    zero = lanes.splat(np.float64(0.0))
    for j in range(d):
        column, third, fourth = shifted[j], zero, zero
        for i in range(0, n, 8):
            y = lanes.load(column, i)
            square = y * y
            third = lanes.fused(square, y, third)
            fourth = lanes.fused(square, square, fourth)
        lanes.store(cubes, 8 * j, third)
        lanes.store(fourths, 8 * j, fourth)


@inlined
def _fold(lane, at):  # type: ignore[no-untyped-def]  # compiled
    """Sum of eight lanes, in one order."""
    left = (lane[at] + lane[at + 1]) + (lane[at + 2] + lane[at + 3])
    right = (lane[at + 4] + lane[at + 5]) + (lane[at + 6] + lane[at + 7])
    return left + right


@compiled
def _note(scratch, rows, low, high, infinite):  # type: ignore[no-untyped-def]  # compiled
    """Enter ranges and infinities of a tile; arrays of its group."""
    lowest, highest = scratch.low, scratch.high
    for j in range(lowest.size):
        low[j] = min(low[j], lowest[j])
        high[j] = max(high[j], highest[j])
        if lowest[j] == -np.inf or highest[j] == np.inf:
            copy(scratch, rows)
            column = scratch.raw[0, j, : rows.n]
            for i in range(column.size):
                infinite[j, 0] += column[i] == np.inf
                infinite[j, 1] += column[i] == -np.inf


@compiled
def _add_higher(scratch, n, cubes, fourths):  # type: ignore[no-untyped-def]  # compiled
    _raise(scratch.shifted, scratch.own, cubes.size, n)
    third, fourth = scratch.own[2].ravel(), scratch.own[3].ravel()
    for j in range(cubes.size):
        cubes[j] += _fold(third, 8 * j)
        fourths[j] += _fold(fourth, 8 * j)


@compiled
def _add_tile(scratch, rows, center):  # type: ignore[no-untyped-def]  # compiled
    """Add everything but ranges and higher powers to the sums of the group."""
    n, d, own = (rows.n + 63) // 64 * 64, center.size, scratch.own
    seen, there, shifted = scratch.seen, scratch.counts[0, d], scratch.shifted
    scratch.copied[0] = 0
    if rows.whole:
        _shift(
            rows.x, rows.order, rows.first, rows.row, n, center, shifted, own,
            seen, there, scratch.low, scratch.high,
        )  # fmt: skip
    else:
        copy(scratch, rows)
        _shift(
            scratch.raw, scratch.order, 0, 0, n, center, shifted, own,
            seen, there, scratch.low, scratch.high,
        )  # fmt: skip
    totals, squares = scratch.sums[0, d], scratch.squares[0, d]
    first, second = own[0].ravel(), own[1].ravel()
    for j in range(d):
        totals[j] = _fold(first, 8 * j)
        squares[j] = _fold(second, 8 * j)
    last = _ALL >> np.uint64(n - rows.n)
    add_tile_sums(
        shifted, seen, scratch.counts, scratch.sums, scratch.squares, rows.n, last
    )  # fmt: skip
    add_dots(shifted, scratch.dots, d, (rows.n + 7) // 8 * 8)


@compiled
def _flush(scratch, g, state, d):  # type: ignore[no-untyped-def]  # compiled
    """Move the sums of a group to its place."""
    dots, products = scratch.dots.ravel(), state.products[g]
    counts, sums, squares = scratch.counts[0], scratch.sums[0], scratch.squares[0]
    count, total, square = state.counts[g], state.sums[g], state.squares[g]
    wide, k = counts.shape[1], 0
    for b in range(d):
        for c in range(b + 1, d):
            products[k] += _fold(dots, 8 * (b * wide + c))
            k += 1
        for c in range(d):
            count[b, c] += counts[b, c]
            total[b, c] += sums[b, c]
            square[b, c] += squares[b, c]
    dots[:] = 0.0
    counts[:] = 0
    sums[:] = 0.0
    squares[:] = 0.0


@compiled
def add_block(x, columns, order, runs, groups, center, state, scratch):  # type: ignore[no-untyped-def]  # compiled
    """Add rows of groups.

    Parameters
    ----------
    x : float array, shape (agents, d, times) if `columns`, else (agents, times, d)
    columns : bool
    order : int64 array
        Agents sorted by group.
    runs : int64 array, shape (m + 1,)
        Where each group starts in `order`.
    groups : int64 array, shape (m,)
    center : float64 array, shape (d,)
    state : FloatState
    scratch : Scratch
    """
    times, d = x.shape[2] if columns else x.shape[1], center.size
    whole, higher = columns and times % 64 == 0, state.cubes.shape[1] > 0
    for run in range(groups.size):
        g, first = groups[run], runs[run]
        n_rows = (runs[run + 1] - first) * times
        low, high, infinite = state.low[g], state.high[g], state.infinite[g]
        for row in range(0, n_rows, _ROWS):
            rows = Rows(x, columns, whole, order, first, row, min(_ROWS, n_rows - row))
            _add_tile(scratch, rows, center)
            _note(scratch, rows, low, high, infinite)
            if higher:
                n = (rows.n + 7) // 8 * 8
                _add_higher(scratch, n, state.cubes[g], state.fourths[g])
        _flush(scratch, g, state, d)


@compiled
def add_rows(out, index, rows):  # type: ignore[no-untyped-def]  # compiled
    """Add `rows[i]` into `out[index[i]]` in the order of i; -1 drops the row.

    Parameters
    ----------
    out : int64 or float64 array, shape (m, w), changed in place
    index : int64 array, shape (n,)
    rows : array, shape (n, w)
    """
    for i in range(index.size):
        if index[i] >= 0:
            target, source = out[index[i]], rows[i]
            for w in range(source.size):
                target[w] += source[w]
