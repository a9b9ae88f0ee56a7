"""Exact sums and co-moments of the rows of a block, tile by tile, into limbs.

Source: integer reading of extraction, Demmel & Nguyen (2015); products by the fused
multiply-add, Boldo & Muller (2005).  Naive twin: `add_row`, which takes every value
apart; tests/stats/test_kernels_moments.py compares the two, and both with fractions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stats.compiled import compiled
from stats.kernels import add_product, add_single, parts
from stats.kernels_fit import fit, leave_out
from stats.kernels_gaps import add_gaps
from stats.kernels_products import add_products, flush
from stats.kernels_tile import (
    LOWEST,
    ROWS,
    UNIT,
    Rows,
    copy,
)
from stats.kernels_vector import bits

__all__ = ["DONE", "GAPS", "WINDOW", "State", "add_block", "add_row"]

# Why `add_block` came back: everything is in, limbs are missing, gaps are missing.
DONE, WINDOW, GAPS = 0, 1, 2

# Fewer rows of a group than this are taken apart value by value.
_SHORT = 16
_ONE = np.uint64(1)
_SIZE = np.int64((1 << 63) - 1)
_INFINITE = np.int64(0x7FF << 52)
_FAR = np.int64(1 << 40)


class State(NamedTuple):
    """Limbs and counters of every group, changed in place.

    Attributes
    ----------
    base : int64 array, shape (2,)
        Grid index of the first limb of sums and of products.
    sums : int64 array, shape (g, d, K)
    products : int64 array, shape (g, p, L)
    gaps : int64 array, shape (g, d, d, K), or g = 0 while nothing was missing
        Σ x_i over the rows where j is missing.
    squares : int64 array, shape (g, d, d, L), or g = 0
    counts : int64 array, shape (g, d, d) or (g, d, 1)
    low, high : float64 arrays, shape (g, d)
        Smallest and largest values; inf and -inf for nothing seen.
    infinite : int64 array, shape (g, d, 2)
    here : int64 array, shape (d,)
        Scratch space.
    """

    base: NDArray[np.int64]
    sums: NDArray[np.int64]
    products: NDArray[np.int64]
    gaps: NDArray[np.int64]
    squares: NDArray[np.int64]
    counts: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    infinite: NDArray[np.int64]
    here: NDArray[np.int64]


@compiled
def add_row(raw, r, g, state, pairs):  # type: ignore[no-untyped-def]  # compiled
    """Add row r of raw (d, n), value by value."""
    d, base, second = raw.shape[0], state.base[0], state.base[1]
    here = state.here
    for i in range(d):
        here[i] = np.int64((bits(raw[i, r]) & _SIZE) < _INFINITE)
    k = 0
    for i in range(d):
        if not here[i]:
            k += d - i if pairs else 1
            continue
        m, s, negative = parts(raw[i, r])
        add_single(state.sums[g, i], base, m, s, negative)
        if not pairs:
            state.counts[g, i, 0] += 1
            add_product(state.products[g, k], second, m, m, s + s, False)
            k += 1
            continue
        for j in range(i, d):
            if here[j]:
                other, t, sign = parts(raw[j, r])
                row = state.products[g, k]
                add_product(row, second, m, other, s + t, sign != negative)
            k += 1
        for j in range(d):
            if here[j]:
                state.counts[g, i, j] += 1
            else:
                add_single(state.gaps[g, i, j], base, m, s, negative)
                row = state.squares[g, i, j]
                add_product(row, second, m, m, s + s, False)


@compiled
def _lowest(raw, n, counted, every):  # type: ignore[no-untyped-def]  # compiled
    """Lowest grid position of the values of rows that are taken apart."""
    low = _FAR
    for r in range(n):
        if every or not (counted[r // 64] >> np.uint64(r % 64)) & _ONE:
            for j in range(raw.shape[0]):
                size = bits(raw[j, r]) & _SIZE
                if 0 < size < _INFINITE:
                    low = min(low, max(size >> np.int64(52), np.int64(1)) - 1)
    return low


@compiled
def _window(tile, pending, n, apart, every, need):  # type: ignore[no-untyped-def]  # compiled
    """Write the grid positions that sums of this tile touch into need[1:3]."""
    low, high = _FAR, np.int64(-1)
    for j in range(tile.needed.size):
        if tile.needed[j] >= LOWEST:
            high = max(high, tile.needed[j] + 1074)
    if not every:
        for c in range(pending.used[0]):
            e = pending.exponent[c]
            if tile.needed[pending.owner[c]] >= LOWEST:
                low = min(low, e + 1074 + UNIT - 1)
                high = max(high, e + 1074)
    if apart:
        low = min(low, _lowest(tile.raw[0], n, tile.counted, every))
    if low > high:
        low, high = np.int64(0), np.int64(-1)
    need[1], need[2] = max(low, np.int64(0)), high


@compiled
def _fits_window(state, need):  # type: ignore[no-untyped-def]  # compiled
    low, high = need[1], need[2]
    if high < low:
        return True
    first, second = state.base[0], state.base[1]
    return (
        (low >> 5) >= first
        and (high >> 5) + 3 <= first + state.sums.shape[2]
        and ((2 * low) >> 5) >= second
        and ((2 * high) >> 5) + 5 <= second + state.products.shape[2]
    )


@compiled
def _note(tile, rows, g, state):  # type: ignore[no-untyped-def]  # compiled
    """Enter ranges and infinities of a tile."""
    for j in range(tile.needed.size):
        state.low[g, j] = min(state.low[g, j], tile.low[j])
        state.high[g, j] = max(state.high[g, j], tile.high[j])
        if tile.high[j] == np.inf or tile.low[j] == -np.inf:
            copy(tile, rows)
            for i in range(rows.n):
                state.infinite[g, j, 0] += tile.raw[0, j, i] == np.inf
                state.infinite[g, j, 1] += tile.raw[0, j, i] == -np.inf


@compiled
def _add_tile(tile, pending, rows, g, state, pairs, need):  # type: ignore[no-untyped-def]  # compiled
    """Add a filled tile; not, and say why, when room is missing."""
    n = rows.n
    tile.copied[0] = 0
    if n < _SHORT or not rows.whole:
        copy(tile, rows)
    every = not fit(tile, pending, rows, g, state, pairs) or n < _SHORT
    gappy = tile.seen.min() < n
    apart = n if every else 0
    if every:
        copy(tile, rows)
    elif tile.off.max():
        apart = leave_out(tile, pending, n)
    _window(tile, pending, n, apart, every, need)
    if not _fits_window(state, need):
        return WINDOW
    if gappy and pairs and state.gaps.shape[0] == 0:
        return GAPS
    _note(tile, rows, g, state)
    for r in range(n if apart else 0):
        if every or not (tile.counted[r // 64] >> np.uint64(r % 64)) & _ONE:
            add_row(tile.raw[0], r, g, state, pairs)
    if not every:
        _add_columns(tile, pending, n, pairs)
        if pairs:
            add_gaps(pending, tile, g, state, n, n - apart)
    return DONE


@compiled
def _add_columns(tile, pending, n, pairs):  # type: ignore[no-untyped-def]  # compiled
    """Add the scaled columns to what is pending."""
    used = pending.used[0]
    for j in range(tile.seen.size):
        pending.seen[j] += tile.seen[j]
    for c in range(used):
        pending.sums[c] += tile.total[c]
    rows = (n + 63) // 64 * 64
    if used % 2:
        tile.scaled[used, :rows] = 0.0
    add_products(pending, tile.scaled, rows, pairs)
    pending.used[1] += 1


@compiled
def add_block(x, columns, order, runs, groups, need, state, tile, pending, pairs):  # type: ignore[no-untyped-def]  # compiled
    """Add rows of groups, from where an earlier call stopped.

    Parameters
    ----------
    x : float array, shape (agents, d, times) if `columns`, else (agents, times, d)
    columns : bool
    order : int64 array
        Agents sorted by group.
    runs : int64 array, shape (m + 1,)
        Where each group starts in `order`.
    groups : int64 array, shape (m,)
    need : int64 array, shape (5,), changed in place
        [0] unused; [1], [2] lowest and highest grid position wanted for sums;
        [3], [4] run and row to go on from.
    state : State
    tile : Tile
    pending : Pending
        Empty at the start, and empty again when done.
    pairs : bool

    Returns
    -------
    int
        DONE; WINDOW when limbs from need[1] to need[2] are wanted; GAPS when the arrays
        of gaps are.  Nothing is pending then, and nothing is added twice.
    """
    times = x.shape[2] if columns else x.shape[1]
    whole = columns and times % 64 == 0
    for run in range(need[3], groups.size):
        g, first = groups[run], runs[run]
        rows = (runs[run + 1] - first) * times
        for row in range(need[4], rows, ROWS):
            n = min(ROWS, rows - row)
            part = Rows(x, columns, whole, order, first, row, n)
            found = _add_tile(tile, pending, part, g, state, pairs, need)
            if found != DONE:
                need[3], need[4] = run, row
                if pending.used[1]:
                    flush(pending, g, state, pairs)
                pending.used[0] = 0
                return found
        need[4] = 0
        if pending.used[0]:
            flush(pending, g, state, pairs)
    return DONE
