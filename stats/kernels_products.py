"""Sums and co-moments of a tile as whole numbers, and how they enter the limbs.

Between tiles of one group the sums stay 64-bit integers in units of their columns;
they enter the limbs when the group ends, a scale changes, or they might overflow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stats import lanes
from stats.compiled import compiled, inlined
from stats.kernels import add_product, add_single, parts
from stats.kernels_tile import UNIT
from stats.kernels_vector import bits, fma

__all__ = ["Pending", "add_gaps", "add_products", "flush", "new_pending"]

# Exponent of two of the unit of what is left of a product after units of 2^-43.
LOW_UNIT = -87
# Grid position of bit 0 of units of the columns, for sums and for products.
_SUM = 1074 + UNIT
_HIGH, _LOW = 2148 + UNIT, 2148 + LOW_UNIT
_SIGMA = 1.5 * 2.0 ** (52 + UNIT)
_REST = 1.5 * 2.0 ** (52 + LOW_UNIT)
_ONE = np.uint64(1)


class Pending(NamedTuple):
    """Integer sums of the tiles since the last flush.

    Columns c are the d features, then the low parts of split ones; `owner[c]` is the
    feature and `exponent[c]` the scale of a column.

    Attributes
    ----------
    used : int64 array, shape (2,)
        Columns in use, and tiles added.
    owner, exponent : int64 arrays, shape (C,)
    seen : int64 array, shape (d,)
        Finite values per feature.
    sums : int64 array, shape (C,)
        Σ y in units of 2^-43.
    high, low : int64 arrays, shape (C, C)
        Σ y_b y_c for b <= c in units of 2^-43 and 2^-87, to be added.
    gaps : int64 array, shape (d, 4 d)
        Over the rows where j (first axis) is missing: how many have i, Σ y_i, and
        Σ y_i² in units of 2^-43 and 2^-87, one after the other.
    values : float64 array, shape (d,)
    parts : int64 array, shape (4 d,)
        Scratch space: a row, and what it adds to `gaps`.
    """

    used: NDArray[np.int64]
    owner: NDArray[np.int64]
    exponent: NDArray[np.int64]
    seen: NDArray[np.int64]
    sums: NDArray[np.int64]
    high: NDArray[np.int64]
    low: NDArray[np.int64]
    gaps: NDArray[np.int64]
    values: NDArray[np.float64]
    parts: NDArray[np.int64]


def new_pending(d: int) -> Pending:
    """Nothing pending for d features."""
    wide = 2 * d + 2

    def zeros(*shape: int) -> NDArray[np.int64]:
        return np.zeros(shape, dtype=np.int64)

    return Pending(
        used=zeros(2),
        owner=zeros(wide),
        exponent=zeros(wide),
        seen=zeros(d),
        sums=zeros(wide),
        high=zeros(wide, wide),
        low=zeros(wide, wide),
        gaps=zeros(d, 4 * d),
        values=np.zeros(d),
        parts=zeros(4 * d),
    )


@compiled
def _dot(x, y, n):  # type: ignore[no-untyped-def]  # compiled
    """Σ x y over n rows, a multiple of 8, in units of 2^-43 and 2^-87."""
    sigma, rest = lanes.splat(np.float64(_SIGMA)), lanes.splat(np.float64(_REST))
    high = lanes.splat(np.int64(0))
    low = high
    for i in range(0, n, 8):
        a, b = lanes.load(x, i), lanes.load(y, i)
        t = lanes.fused(a, b, sigma)
        high = high + lanes.bits(t)
        low = low + lanes.bits(rest + lanes.fused(a, b, sigma - t))
    return lanes.total(high) - n * bits(_SIGMA), lanes.total(low) - n * bits(_REST)


@compiled
def _four_dots(high, low, scaled, b, c, n):  # type: ignore[no-untyped-def]  # compiled
    """Add Σ y_b y_c, and those of the columns behind b and c.

    Per lane a float h starts at 1.5 * 2^9 and a rest l at 1.5 * 2^-35; both stay in
    their binade for 256 rows, so h moves in whole units of 2^-43 and l in whole units
    of 2^-87, nothing is rounded away, and the difference of two bit patterns is the
    integer that was added.
    """
    w, x, y, z = scaled[b], scaled[b + 1], scaled[c], scaled[c + 1]
    sigma, rest = lanes.splat(np.float64(_SIGMA)), lanes.splat(np.float64(_REST))
    h0, h1, h2, h3 = sigma, sigma, sigma, sigma
    l0, l1, l2, l3 = rest, rest, rest, rest
    for i in range(0, n, 8):
        p, q = lanes.load(w, i), lanes.load(x, i)
        r, s = lanes.load(y, i), lanes.load(z, i)
        n0, n1 = lanes.fused(p, r, h0), lanes.fused(p, s, h1)
        n2, n3 = lanes.fused(q, r, h2), lanes.fused(q, s, h3)
        l0, l1 = l0 + lanes.fused(p, r, h0 - n0), l1 + lanes.fused(p, s, h1 - n1)
        l2, l3 = l2 + lanes.fused(q, r, h2 - n2), l3 + lanes.fused(q, s, h3 - n3)
        h0, h1, h2, h3 = n0, n1, n2, n3
    start, below = lanes.bits(sigma), lanes.bits(rest)
    high[b, c] += lanes.total(lanes.bits(h0) - start)
    high[b, c + 1] += lanes.total(lanes.bits(h1) - start)
    high[b + 1, c] += lanes.total(lanes.bits(h2) - start)
    high[b + 1, c + 1] += lanes.total(lanes.bits(h3) - start)
    low[b, c] += lanes.total(lanes.bits(l0) - below)
    low[b, c + 1] += lanes.total(lanes.bits(l1) - below)
    low[b + 1, c] += lanes.total(lanes.bits(l2) - below)
    low[b + 1, c + 1] += lanes.total(lanes.bits(l3) - below)


@compiled
def add_products(pending, scaled, n, pairs):  # type: ignore[no-untyped-def]  # compiled
    """Add the products of the columns of a tile.

    Parameters
    ----------
    pending : Pending, changed in place
    scaled : float64 array, shape (C, stride)
        Columns; zero in rows that do not count, and in a column that makes the number
        of columns even.
    n : int
        Rows, a multiple of 8, at most 2,048.
    pairs : bool
        All pairs of columns, or those of one feature.
    """
    used = pending.used[0]
    if pairs:
        for b in range(0, used, 2):
            for c in range(b, used, 2):
                _four_dots(pending.high, pending.low, scaled, b, c, n)
        return
    for c in range(used):
        for b in range(c + 1):
            if pending.owner[b] == pending.owner[c]:
                high, low = _dot(scaled[b], scaled[c], n)
                pending.high[b, c] += high
                pending.low[b, c] += low


@compiled
def add_gaps(pending, tile, g, state, n):  # type: ignore[no-untyped-def]  # compiled
    """Sum what is there in the rows where something is missing.

    Split columns enter the limbs at once, value by value; the others wait.
    """
    _add_gaps(pending.gaps, pending.parts, pending.values, tile.scaled, tile.missing, n)
    for c in range(tile.gone.size, pending.used[0]):
        _add_split_gaps(pending.owner[c], tile.raw[0], tile.missing, g, state, n)


@compiled
def _add_gaps(gaps, adds, values, scaled, missing, n):  # type: ignore[no-untyped-def]  # compiled
    d = values.size
    start, rest = bits(_SIGMA), bits(_REST)
    for w in range((n + 63) // 64):
        word = np.uint64(0)
        for j in range(d):
            word |= missing[j, w]
        while word:
            bit = np.uint64(_trailing(word))
            word &= word - _ONE
            row = 64 * w + np.int64(bit)
            for i in range(d):
                values[i] = scaled[i, row]
                adds[i] = np.int64(_ONE - ((missing[i, w] >> bit) & _ONE))
            for i in range(d):
                y = values[i]
                t = fma(y, y, _SIGMA)
                adds[d + i] = bits(_SIGMA + y) - start
                adds[2 * d + i] = bits(t) - start
                adds[3 * d + i] = bits(_REST + fma(y, y, _SIGMA - t)) - rest
            for j in range(d):
                if adds[j] == 0:
                    for k in range(adds.size):
                        gaps[j, k] += adds[k]


@compiled
def _add_split_gaps(i, raw, missing, g, state, n):  # type: ignore[no-untyped-def]  # compiled
    """Add feature i where another is missing, value by value."""
    base, second = state.base[0], state.base[1]
    for j in range(raw.shape[0]):
        for w in range((n + 63) // 64):
            word = missing[j, w] & ~missing[i, w]
            while word:
                row = 64 * w + _trailing(word)
                word &= word - _ONE
                m, s, negative = parts(raw[i, row])
                add_single(state.gaps[g, i, j], base, m, s, negative)
                add_product(state.squares[g, i, j], second, m, m, s + s, False)


@inlined
def _trailing(word):  # type: ignore[no-untyped-def]  # compiled
    """Position of the lowest set bit."""
    count = 0
    while not word & np.uint64(0xFF):
        word >>= np.uint64(8)
        count += 8
    while not word & _ONE:
        word >>= _ONE
        count += 1
    return count


@inlined
def _enter(row, base, units, place):  # type: ignore[no-untyped-def]  # compiled
    if units != 0:
        size = np.uint64(-units if units < 0 else units)
        add_single(row, base, size, place, units < 0)


@compiled
def flush(pending, g, state, pairs):  # type: ignore[no-untyped-def]  # compiled
    """Move everything pending into the limbs of group g."""
    d, used = pending.seen.size, pending.used[0]
    base, second = state.base[0], state.base[1]
    pending.high[used:] = 0
    pending.low[used:] = 0
    for c in range(used):
        own, e = pending.owner[c], pending.exponent[c]
        _enter(state.sums[g, own], base, pending.sums[c], e + _SUM)
        pending.sums[c] = 0
        for b in range(c + 1):
            i, j = pending.owner[b], own
            if i == j or pairs:
                twice = 1 if i == j and b != c else 0
                low, high = min(i, j), max(i, j)
                k = low * d - low * (low - 1) // 2 + high - low if pairs else i
                row = state.products[g, k]
                place = e + pending.exponent[b] + twice
                _enter(row, second, pending.high[b, c], place + _HIGH)
                _enter(row, second, pending.low[b, c], place + _LOW)
            pending.high[b, c] = 0
            pending.low[b, c] = 0
    _flush_counts(pending, g, state, pairs)
    pending.used[0] = 0
    pending.used[1] = 0


@compiled
def _flush_counts(pending, g, state, pairs):  # type: ignore[no-untyped-def]  # compiled
    d = pending.seen.size
    for i in range(d):
        if not pairs:
            state.counts[g, i, 0] += pending.seen[i]
            pending.seen[i] = 0
            continue
        whole = True
        for c in range(d, pending.used[0]):
            whole = whole and pending.owner[c] != i
        e = pending.exponent[i]
        for j in range(d):
            gaps = pending.gaps[j]
            state.counts[g, i, j] += pending.seen[i] - gaps[i]
            if gaps[i] and whole:
                target = state.squares[g, i, j]
                _enter(state.gaps[g, i, j], state.base[0], gaps[d + i], e + _SUM)
                _enter(target, state.base[1], gaps[2 * d + i], 2 * e + _HIGH)
                _enter(target, state.base[1], gaps[3 * d + i], 2 * e + _LOW)
        pending.seen[i] = 0
    pending.gaps[:] = 0
