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
from stats.kernels import add_single
from stats.kernels_tile import UNIT
from stats.kernels_vector import bits

__all__ = ["REST", "SIGMA", "Pending", "add_products", "flush", "new_pending"]

# Exponent of two of the unit of what is left of a product after units of 2^-43.
LOW_UNIT = -87
# Grid position of bit 0 of units of the columns, for sums and for products.
_SUM = 1074 + UNIT
_HIGH, _LOW = 2148 + UNIT, 2148 + LOW_UNIT
SIGMA = 1.5 * 2.0 ** (52 + UNIT)
REST = 1.5 * 2.0 ** (52 + LOW_UNIT)
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
    both : int64 array, shape (d, d)
        Rows that have i and j.
    gaps : int64 array, shape (3, d, W), W a multiple of 8
        Over the rows where j (second axis) is missing: Σ y_i, and Σ y_i² in units of
        2^-43 and 2^-87.
    places : int64 array, shape (d + 1,)
        Scratch space.
    """

    used: NDArray[np.int64]
    owner: NDArray[np.int64]
    exponent: NDArray[np.int64]
    seen: NDArray[np.int64]
    sums: NDArray[np.int64]
    high: NDArray[np.int64]
    low: NDArray[np.int64]
    both: NDArray[np.int64]
    gaps: NDArray[np.int64]
    places: NDArray[np.int64]


def new_pending(d: int) -> Pending:
    """Nothing pending for d features."""
    wide = 2 * d + 8

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
        both=zeros(d, d),
        gaps=zeros(3, d, (d + 7) // 8 * 8),
        places=zeros(d + 1),
    )


@compiled
def _dot(x, y, n):  # type: ignore[no-untyped-def]  # compiled
    """Σ x y over n rows, a multiple of 8, in units of 2^-43 and 2^-87."""
    sigma, rest = lanes.splat(np.float64(SIGMA)), lanes.splat(np.float64(REST))
    high = lanes.splat(np.int64(0))
    low = high
    for i in range(0, n, 8):
        a, b = lanes.load(x, i), lanes.load(y, i)
        t = lanes.fused(a, b, sigma)
        high = high + lanes.bits(t)
        low = low + lanes.bits(rest + lanes.fused(a, b, sigma - t))
    return lanes.total(high) - n * bits(SIGMA), lanes.total(low) - n * bits(REST)


@compiled
def _four_dots(high, low, scaled, b, c, n):  # type: ignore[no-untyped-def]  # compiled
    """Add Σ y_b y_c, and those of the columns behind b and c.

    Per lane a float h starts at 1.5 * 2^9 and a rest l at 1.5 * 2^-35; both stay in
    their binade for 256 rows, so h moves in whole units of 2^-43 and l in whole units
    of 2^-87, nothing is rounded away, and the difference of two bit patterns is the
    integer that was added.
    """
    w, x, y, z = scaled[b], scaled[b + 1], scaled[c], scaled[c + 1]
    sigma, rest = lanes.splat(np.float64(SIGMA)), lanes.splat(np.float64(REST))
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
            continue
        whole = True
        for c in range(d, pending.used[0]):
            whole = whole and pending.owner[c] != i
        e = pending.exponent[i]
        for j in range(d):
            state.counts[g, i, j] += pending.both[i, j]
            if whole and pending.both[i, j] < pending.seen[i]:
                target = state.squares[g, i, j]
                single, high = pending.gaps[0, j, i], pending.gaps[1, j, i]
                _enter(state.gaps[g, i, j], state.base[0], single, e + _SUM)
                _enter(target, state.base[1], high, 2 * e + _HIGH)
                _enter(target, state.base[1], pending.gaps[2, j, i], 2 * e + _LOW)
    pending.seen[:] = 0
    pending.both[:] = 0
    pending.gaps[:] = 0
