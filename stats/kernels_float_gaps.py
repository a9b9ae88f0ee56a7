"""Sums of a tile over the rows that two features share.

Where few rows miss a feature, what they hold is taken from the sums of all rows; where
few rows have it, those are summed.  So the sums of a pair that hardly ever meets are
not the difference of two large numbers.
"""

from __future__ import annotations

import numpy as np

from stats import lanes
from stats.compiled import compiled
from stats.kernels_masks import lowest_bit

__all__ = ["add_tile_sums"]

_ONE, _ALL = np.uint64(1), np.uint64((1 << 64) - 1)


@compiled
def add_tile_sums(shifted, missing, count, sums, squares, n, last):  # type: ignore[no-untyped-def]  # compiled
    """Add how many rows of a tile have i and j, and Σ y_i and Σ y_i² over them.

    Parameters
    ----------
    shifted : float64 array, shape (w, stride)
        Columns y_i, zero where a value is missing.
    missing : uint64 array, shape (d, words), changed in place
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
    d = missing.shape[0]
    there = count[0, d]
    if there[:d].min() < n:
        words = (n + 63) // 64
        _list_rows(missing, there, n, words, last)
        _sum_listed(
            shifted, missing, there, count[1].ravel(), sums[1].ravel(),
            squares[1].ravel(), n, words,
        )  # fmt: skip
    _add(there, count.ravel(), sums.ravel(), squares.ravel(), n, d)


@compiled
def _list_rows(missing, there, n, words, last):  # type: ignore[no-untyped-def]  # compiled
    """Make words those of the rows to sum: missing ones, or if fewer, the others."""
    for j in range(missing.shape[0]):
        if 2 * there[j] < n:
            for w in range(words):
                missing[j, w] = ~missing[j, w]
        missing[j, words - 1] &= last


@compiled
def _sum_listed(shifted, listed, there, count, sums, squares, n, words):  # type: ignore[no-untyped-def]  # compiled
    """Σ y_i, Σ y_i² and how many i over the listed rows of every j; last, one row."""
    d, wide = listed.shape[0], there.size
    row = d * wide
    count[:row], sums[:row], squares[:row] = 0, 0.0, 0.0
    for w in range(words):
        union = np.uint64(0)
        for j in range(d):
            union |= listed[j, w]
        while union:
            bit = lowest_bit(union)
            union &= union - _ONE
            r = 64 * w + np.int64(bit)
            for i in range(d):
                y = shifted[i, r]
                sums[row + i] = y
                squares[row + i] = y * y
                found = np.int64((listed[i, w] >> bit) & _ONE)
                count[row + i] = found if 2 * there[i] < n else 1 - found
            for j in range(d):
                if (listed[j, w] >> bit) & _ONE:
                    for k in range(0, wide, 8):
                        at, here = j * wide + k, row + k
                        total = lanes.load(sums, at) + lanes.load(sums, here)
                        square = lanes.load(squares, at) + lanes.load(squares, here)
                        seen = lanes.load(count, at) + lanes.load(count, here)
                        lanes.store(sums, at, total)
                        lanes.store(squares, at, square)
                        lanes.store(count, at, seen)


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
                some = lanes.load(count, listed + at)
                one, two = (
                    lanes.load(sums, listed + at),
                    lanes.load(squares, listed + at),
                )
                if 2 * there[j] < n:
                    seen, total, square = some, one, two
                else:
                    # Without a common row what is left of the sums is rounding.
                    seen = seen - some
                    both = lanes.less(zero, seen)
                    total = lanes.bits(lanes.bits(total - one) & both)
                    square = lanes.bits(lanes.bits(square - two) & both)
            lanes.store(count, at, lanes.load(count, at) + seen)
            lanes.store(sums, at, lanes.load(sums, at) + total)
            lanes.store(squares, at, lanes.load(squares, at) + square)
