"""Compiled arithmetic of single integers of many 32-bit words, with their signs.

An integer is a sign and a magnitude: words of 32 bits in a uint64 array, lowest first,
of which only those from `low` to `high` - 1 are written; both are 0 for zero.  A caller
allocates the arrays once and uses them for every cell.  Everything here becomes part of
its callers: that makes a covariance a third cheaper than calls.  Naive twin: Python's
integers, tests/stats/test_rounding.py.
"""

from __future__ import annotations

import numpy as np

from stats.compiled import inlined

__all__ = ["leading_zeros", "load", "multiply", "scale_and_subtract", "subtract"]

_MASK = np.uint64(0xFFFFFFFF)
_NONE, _ONE, _BITS = np.uint64(0), np.uint64(1), np.uint64(32)


@inlined
def leading_zeros(x):  # type: ignore[no-untyped-def]  # compiled
    """How many of the 64 bits of a uint64 that is not zero are above its first one."""
    found = np.uint64(0)
    for step in (32, 16, 8, 4, 2, 1):
        width = np.uint64(step)
        if x >> (np.uint64(64) - width) == _NONE:
            found += width
            x <<= width
    return found


@inlined
def _trimmed(out, low, high):  # type: ignore[no-untyped-def]  # compiled
    """The range without zero words at its ends."""
    while high > low and out[high - 1] == _NONE:
        high -= 1
    if high == low:
        return 0, 0
    while out[low] == _NONE:
        low += 1
    return low, high


@inlined
def _negate(out, low, high):  # type: ignore[no-untyped-def]  # compiled
    """Two's complement of the words of a range, in place."""
    carry = _ONE
    for k in range(low, high):
        word = (out[k] ^ _MASK) + carry
        out[k] = word & _MASK
        carry = word >> _BITS


@inlined
def load(out, words, row):  # type: ignore[no-untyped-def]  # compiled
    """Sign and magnitude of one cell of limbs.

    Parameters
    ----------
    out : uint64 array, shape (K,) or longer, changed in place
    words : uint32 array, shape (cells, K)
        Two's complement.
    row : int

    Returns
    -------
    negative : bool
    low, high : int
    """
    k = words.shape[1]
    for i in range(k):
        out[i] = np.uint64(words[row, i])
    negative = k > 0 and out[k - 1] >> np.uint64(31) != _NONE
    if negative:
        _negate(out, 0, k)
    low, high = _trimmed(out, 0, k)
    return negative, low, high


@inlined
def subtract(out, width, x, i, at_x, y, j, at_y):  # type: ignore[no-untyped-def]  # compiled
    """Sign and magnitude of cell i of `x` minus cell j of `y`.

    Parameters
    ----------
    out : uint64 array, shape (width,) or longer, changed in place
    width : int
        Words of the difference with its sign.
    x, y : uint32 arrays, shapes (cells, K)
        Two's complement.
    i, j : int
    at_x, at_y : int
        Word of `out` that their first words belong to.

    Returns
    -------
    negative : bool
    low, high : int
    """
    words, other = x.shape[1], y.shape[1]
    for k in range(at_x):
        out[k] = _NONE
    for k in range(words):
        out[at_x + k] = np.uint64(x[i, k])
    fill = _MASK if words > 0 and x[i, words - 1] >> np.uint32(31) else _NONE
    for k in range(at_x + words, width):
        out[k] = fill
    over = np.int64(0)
    for k in range(other):
        over += np.int64(out[at_y + k]) - np.int64(y[j, k])
        out[at_y + k] = np.uint64(over) & _MASK
        over >>= np.int64(32)
    if other > 0 and y[j, other - 1] >> np.uint32(31):
        over += 1  # what was taken as positive is 2^32 more than it is
    for k in range(at_y + other, width):
        over += np.int64(out[k])
        out[k] = np.uint64(over) & _MASK
        over >>= np.int64(32)
    negative = out[width - 1] >> np.uint64(31) != _NONE
    if negative:
        _negate(out, 0, width)
    low, high = _trimmed(out, 0, width)
    return negative, low, high


@inlined
def multiply(out, a, low_a, high_a, b, low_b, high_b):  # type: ignore[no-untyped-def]  # compiled
    """Magnitude of a product; returns its range, with zero words at the top at most.

    Parameters
    ----------
    out : uint64 array, shape (high_a + high_b,) or longer, changed in place
    a, b : uint64 arrays
        Magnitudes.
    low_a, high_a, low_b, high_b : int
    """
    if high_a == 0 or high_b == 0:
        return 0, 0
    carry, factor = _NONE, b[low_b]
    for i in range(low_a, high_a):
        carry += a[i] * factor
        out[i + low_b] = carry & _MASK
        carry >>= _BITS
    out[high_a + low_b] = carry
    for j in range(low_b + 1, high_b):
        carry, factor = _NONE, b[j]
        for i in range(low_a, high_a):
            carry += a[i] * factor + out[i + j]
            out[i + j] = carry & _MASK
            carry >>= _BITS
        out[high_a + j] = carry
    return low_a + low_b, high_a + high_b


@inlined
def scale_and_subtract(  # type: ignore[no-untyped-def]  # compiled
    out, factor, p, low_p, high_p, at_p, q, low_q, high_q, at_q, opposite
):
    """Sign and magnitude of factor * p - q.

    Parameters
    ----------
    out : uint64 array, long enough for the result and one word, changed in place
    factor : uint64
        Below 2^32.
    p, q : uint64 arrays
        Magnitudes.
    low_p, high_p, low_q, high_q : int
    at_p, at_q : int
        Word of `out` that the first words of `p` and `q` belong to.
    opposite : bool
        The signs of p and q differ: the magnitudes add up.

    Returns
    -------
    turned : bool
        The sign is not that of p (of -q where p is zero).
    low, high : int
    """
    low_p, high_p = low_p + at_p, high_p + at_p
    low_q, high_q = low_q + at_q, high_q + at_q
    start, stop = min(low_p, low_q), max(high_p, high_q) + 2
    if low_p == high_p:
        start, stop = low_q, high_q + 1
    elif low_q == high_q:
        start, stop = low_p, high_p + 1
    scaled, over = _NONE, np.int64(0)
    for k in range(start, stop):
        other = np.int64(0)
        if low_p <= k < high_p:
            scaled += factor * p[k - at_p]
        if low_q <= k < high_q:
            other = np.int64(q[k - at_q])
        over += np.int64(scaled & _MASK)
        over = over + other if opposite else over - other
        out[k] = np.uint64(over) & _MASK
        over >>= np.int64(32)
        scaled >>= _BITS
    if over < 0:
        _negate(out, start, stop)
    low, high = _trimmed(out, start, stop)
    return over < 0, low, high
