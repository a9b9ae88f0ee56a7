"""Sums of products of columns in float64: four columns times two at a time.

Four by two keeps eight sums in registers of 512 bits, and in pairs of 256 bits; four
by four is a fifth faster with the former and twice as slow with the latter.  The shape
changes no bits: every pair of columns has eight lanes of its own.
"""

from __future__ import annotations

import numpy as np

from stats import lanes
from stats.compiled import compiled

__all__ = ["add_dots"]


@compiled
def add_dots(columns, dots, d, n):  # type: ignore[no-untyped-def]  # compiled
    """Add Σ y_b y_c for b < c, row r to lane r mod 8.

    Parameters
    ----------
    columns : float64 array, shape (width, stride)
    dots : float64 array, shape (width, width, 8), changed in place
        Entries that are not b < c < d mean nothing.
    d : int
    n : int
        Rows, a multiple of 8.
    """
    flat, sums = columns.ravel(), dots.ravel()
    stride, wide = columns.shape[1], columns.shape[0]
    for b in range(0, d, 4):
        if b + 1 < d:
            _among_four(flat, sums, b, stride, wide, n)
        for c in range(b + 4, d, 2):
            _four_by_two(flat, sums, b, c, stride, wide, n)


@compiled
def _four_by_two(flat, sums, b, c, stride, wide, n):  # type: ignore[no-untyped-def]  # compiled
    zero = lanes.splat(np.float64(0.0))
    s0, s1, s2, s3 = zero, zero, zero, zero
    t0, t1, t2, t3 = zero, zero, zero, zero
    second, third, fourth = stride, 2 * stride, 3 * stride
    left, right = b * stride, c * stride
    for i in range(0, n, 8):
        p = lanes.load(flat, right + i)
        q = lanes.load(flat, right + second + i)
        y = lanes.load(flat, left + i)
        s0, t0 = lanes.fused(p, y, s0), lanes.fused(q, y, t0)
        y = lanes.load(flat, left + second + i)
        s1, t1 = lanes.fused(p, y, s1), lanes.fused(q, y, t1)
        y = lanes.load(flat, left + third + i)
        s2, t2 = lanes.fused(p, y, s2), lanes.fused(q, y, t2)
        y = lanes.load(flat, left + fourth + i)
        s3, t3 = lanes.fused(p, y, s3), lanes.fused(q, y, t3)
    at, line = 8 * (b * wide + c), 8 * wide
    lanes.store(sums, at, lanes.load(sums, at) + s0)
    lanes.store(sums, at + 8, lanes.load(sums, at + 8) + t0)
    at += line
    lanes.store(sums, at, lanes.load(sums, at) + s1)
    lanes.store(sums, at + 8, lanes.load(sums, at + 8) + t1)
    at += line
    lanes.store(sums, at, lanes.load(sums, at) + s2)
    lanes.store(sums, at + 8, lanes.load(sums, at + 8) + t2)
    at += line
    lanes.store(sums, at, lanes.load(sums, at) + s3)
    lanes.store(sums, at + 8, lanes.load(sums, at + 8) + t3)


@compiled
def _among_four(flat, sums, b, stride, wide, n):  # type: ignore[no-untyped-def]  # compiled
    """The six products of four neighbouring columns."""
    zero = lanes.splat(np.float64(0.0))
    s1, s2, s3, t2, t3, u3 = zero, zero, zero, zero, zero, zero
    second, third, fourth = stride, 2 * stride, 3 * stride
    left = b * stride
    for i in range(0, n, 8):
        p, q = lanes.load(flat, left + i), lanes.load(flat, left + second + i)
        r = lanes.load(flat, left + third + i)
        y = lanes.load(flat, left + fourth + i)
        s1, s2, s3 = lanes.fused(p, q, s1), lanes.fused(p, r, s2), lanes.fused(p, y, s3)
        t2, t3, u3 = lanes.fused(q, r, t2), lanes.fused(q, y, t3), lanes.fused(r, y, u3)
    at, line = 8 * (b * wide + b), 8 * wide
    lanes.store(sums, at + 8, lanes.load(sums, at + 8) + s1)
    lanes.store(sums, at + 16, lanes.load(sums, at + 16) + s2)
    lanes.store(sums, at + 24, lanes.load(sums, at + 24) + s3)
    at += line
    lanes.store(sums, at + 16, lanes.load(sums, at + 16) + t2)
    lanes.store(sums, at + 24, lanes.load(sums, at + 24) + t3)
    at += line
    lanes.store(sums, at + 24, lanes.load(sums, at + 24) + u3)
