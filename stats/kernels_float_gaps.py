"""Sums of a tile over the rows that two features share.

Where few rows miss a feature, what they hold is taken from the sums of all rows; where
few rows have it, those are summed.  So the sums over a feature that is seldom there are
not the difference of two large numbers.
"""

from __future__ import annotations

import numpy as np

from stats import lanes
from stats.compiled import compiled
from stats.kernels_masks import load_across, lowest_bit, shared_bits

__all__ = ["add_tile_sums"]

_ONE = np.uint64(1)


@compiled
def add_tile_sums(shifted, seen, count, sums, squares, n, last):  # type: ignore[no-untyped-def]  # compiled
    """Add how many rows of a tile have i and j, and Σ y_i and Σ y_i² over them.

    Parameters
    ----------
    shifted : float64 array, shape (w, stride)
        Columns y_i, zero where a value is missing.
    seen : uint64 array, shape (d, 8), changed in place
        One bit for every value that is there; none behind the last row.
    count : int64 array, shape (2, d + 1, w), changed in place
        [0, j, i] is added to; [0, d] holds how many rows of the tile have i; [1] is
        scratch space.
    sums, squares : float64 arrays, shape (2, d + 1, w), changed in place
        As `count`; [0, d] holds Σ y_i and Σ y_i² of the tile.
    n : int
        Rows.
    last : uint64
        Rows of the last word.
    """
    d = seen.shape[0]
    there = count[0, d]
    if there[:d].min() < n:
        words = (n + 63) // 64
        seen[:, words:] = 0
        _count_pairs(seen.ravel(), there, count[1].ravel(), d)
        _list_rows(seen, there, n, words, last)
        # The last row of the scratch space is free.
        found, one, two = count[1, d], sums[1].ravel(), squares[1].ravel()
        _sum_listed(shifted, seen, found, one, two, words)
    _add(there, count.ravel(), sums.ravel(), squares.ravel(), n, d)


@compiled
def _count_pairs(seen, there, count, d):  # type: ignore[no-untyped-def]  # compiled
    """How many rows have both, of every pair."""
    wide = there.size
    for j in range(d):
        for i in range(j, d):
            both = shared_bits(seen, 8 * j, 8 * i)
            count[j * wide + i] = both
            count[i * wide + j] = both


@compiled
def _list_rows(seen, there, n, words, last):  # type: ignore[no-untyped-def]  # compiled
    """Make words those of the rows to sum: where j is missing, or if fewer, there."""
    for j in range(seen.shape[0]):
        if 2 * there[j] >= n:
            for w in range(words):
                seen[j, w] = ~seen[j, w]
            seen[j, words - 1] &= last


@compiled
def _sum_listed(shifted, listed, found, sums, squares, words):  # type: ignore[no-untyped-def]  # compiled
    """Σ y_i and Σ y_i² over the listed rows of every j; `found` is scratch space."""
    d, (wide, stride), flat = listed.shape[0], shifted.shape, shifted.ravel()
    sums[:], squares[:] = 0.0, 0.0
    for w in range(words):
        union = np.uint64(0)
        for j in range(d):
            union |= listed[j, w]
        while union:
            bit = lowest_bit(union)
            union &= union - _ONE
            # Where each j with this row keeps its sums, without a branch to guess.
            n = np.int64(0)
            for j in range(d):
                found[n] = j * wide
                n += np.int64((listed[j, w] >> bit) & _ONE)
            first = 64 * w + np.int64(bit)
            for k in range(0, wide, 8):
                y = load_across(flat, first + k * stride, stride)
                for m in range(n):
                    at = found[m] + k
                    square = lanes.fused(y, y, lanes.load(squares, at))
                    lanes.store(sums, at, lanes.load(sums, at) + y)
                    lanes.store(squares, at, square)


@compiled
def _add(there, count, sums, squares, n, d):  # type: ignore[no-untyped-def]  # compiled
    """Add the tile to the sums of the group."""
    wide = there.size
    own, zero = d * wide, lanes.splat(np.int64(0))
    listed = own + wide
    for j in range(d):
        for k in range(0, wide, 8):
            at = j * wide + k
            seen = lanes.load(there, k)
            total, square = lanes.load(sums, own + k), lanes.load(squares, own + k)
            if there[j] < n:
                seen = lanes.load(count, listed + at)
                one = lanes.load(sums, listed + at)
                two = lanes.load(squares, listed + at)
                if 2 * there[j] < n:
                    total, square = one, two
                else:
                    # Without a common row what is left of the sums is rounding.
                    both = lanes.less(zero, seen)
                    total = lanes.bits(lanes.bits(total - one) & both)
                    square = lanes.bits(lanes.bits(square - two) & both)
            lanes.store(count, at, lanes.load(count, at) + seen)
            lanes.store(sums, at, lanes.load(sums, at) + total)
            lanes.store(squares, at, lanes.load(squares, at) + square)
