"""Compiled inner loops: floats to integer limbs, exact sums and products of groups.

A finite float64 is ``m * 2**(s - 1074)`` with an integer ``|m| < 2**53`` and s >= 0.
Sums live on a grid of 32-bit limbs that starts at 2^-1074, sums of products on one
that starts at 2^-2148, so that adding is integer addition and has no rounding at all.
Nothing here may be compiled with fast-math.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stats.compiled import compiled, inlined
from stats.kernels_vector import bits

__all__ = [
    "add_product",
    "add_single",
    "add_values",
    "carry",
    "exponent_range",
    "parts",
    "scatter_rows",
    "scatter_words",
    "warm",
]

_FRACTION = np.uint64((1 << 52) - 1)
_IMPLICIT = np.uint64(1 << 52)
_MASK32 = np.uint64(0xFFFFFFFF)
_BITS32 = np.uint64(32)


@inlined
def _split(bits):  # type: ignore[no-untyped-def]  # compiled
    """Mantissa and grid position of a finite float64 from its bits."""
    exponent = np.int64((bits >> np.uint64(52)) & np.uint64(0x7FF))
    mantissa = bits & _FRACTION
    if exponent > 0:
        return mantissa | _IMPLICIT, exponent - 1
    return mantissa, np.int64(0)


@inlined
def parts(x):  # type: ignore[no-untyped-def]  # compiled
    """Mantissa, grid position and sign of a finite float64."""
    pattern = np.uint64(bits(x))
    m, s = _split(pattern)
    return m, s, (pattern >> np.uint64(63)) != 0


@inlined
def _add(row, at, digit, negative):  # type: ignore[no-untyped-def]  # compiled
    if digit != 0:
        if negative:
            row[at] -= np.int64(digit)
        else:
            row[at] += np.int64(digit)


@inlined
def add_single(row, base, m, s, negative):  # type: ignore[no-untyped-def]  # compiled
    """Add m * 2^s (m < 2^63) into a row of limbs whose first one is `base`."""
    shift = np.uint64(s & 31)
    at = (s >> 5) - base
    low = (m & _MASK32) << shift
    high = (m >> _BITS32) << shift
    _add(row, at, low & _MASK32, negative)
    high += low >> _BITS32
    _add(row, at + 1, high & _MASK32, negative)
    _add(row, at + 2, high >> _BITS32, negative)


@inlined
def add_product(row, base, a, b, s, negative):  # type: ignore[no-untyped-def]  # compiled
    """Add a * b * 2^s (106 bits) into a row of limbs whose first one is `base`."""
    shift = np.uint64(s & 31)
    at = (s >> 5) - base
    al, ah = a & _MASK32, a >> _BITS32
    bl, bh = b & _MASK32, b >> _BITS32
    ll = al * bl
    cross = ah * bl + al * bh + (ll >> _BITS32)
    hh = ah * bh + (cross >> _BITS32)
    d = (ll & _MASK32) << shift
    _add(row, at, d & _MASK32, negative)
    d = ((cross & _MASK32) << shift) + (d >> _BITS32)
    _add(row, at + 1, d & _MASK32, negative)
    d = ((hh & _MASK32) << shift) + (d >> _BITS32)
    _add(row, at + 2, d & _MASK32, negative)
    d = ((hh >> _BITS32) << shift) + (d >> _BITS32)
    _add(row, at + 3, d & _MASK32, negative)
    _add(row, at + 4, d >> _BITS32, negative)


@compiled
def exponent_range(bits):  # type: ignore[no-untyped-def]  # compiled
    """Lowest and highest grid position of the finite non-zero values; (0, -1) if none.

    Parameters
    ----------
    bits : uint64 array, shape (n,)
        Bit patterns of float64.
    """
    low, high = np.int64(1 << 40), np.int64(-1)
    for i in range(bits.size):
        exponent = np.int64((bits[i] >> np.uint64(52)) & np.uint64(0x7FF))
        if exponent == 0x7FF or (bits[i] << np.uint64(1)) == 0:
            continue
        s = max(exponent, np.int64(1)) - 1
        low = min(low, s)
        high = max(high, s)
    if high < 0:
        return np.int64(0), np.int64(-1)
    return low, high


@compiled
def add_values(limbs, base, special, bits):  # type: ignore[no-untyped-def]  # compiled
    """Add rows of values into one cell per column.

    Parameters
    ----------
    limbs : int64 array, shape (cells, K), changed in place
    base : int
        Grid index of the first limb.
    special : int64 array, shape (cells, 3), changed in place
        How many values are +inf, -inf and NaN.
    bits : uint64 array, shape (n, cells)
        Bit patterns of float64.
    """
    for row in range(bits.shape[0]):
        for cell in range(bits.shape[1]):
            b = bits[row, cell]
            negative = (b >> np.uint64(63)) != 0
            if ((b >> np.uint64(52)) & np.uint64(0x7FF)) != 0x7FF:
                m, s = _split(b)
                add_single(limbs[cell], base, m, s, negative)
            elif (b & _FRACTION) != 0:
                special[cell, 2] += 1
            else:
                special[cell, 1 if negative else 0] += 1


@compiled
def carry(limbs, words):  # type: ignore[no-untyped-def]  # compiled
    """Write limbs as words of two's complement; say which words are needed.

    Parameters
    ----------
    limbs : int64 array, shape (cells, K)
        Below 2^62 in size.
    words : uint32 array, shape (cells, K + 2), changed in place

    Returns
    -------
    first, last : int
        The window that holds every cell with its sign: words first to last - 1.
    """
    cells, k = limbs.shape
    first, last = k + 2, 0
    for c in range(cells):
        over = np.int64(0)
        for i in range(k + 2):
            if i < k:
                over += limbs[c, i]
            words[c, i] = np.uint32(over & np.int64(0xFFFFFFFF))
            over >>= np.int64(32)
        fill = np.uint32(over & np.int64(0xFFFFFFFF))
        top = k + 2
        while top > 0 and words[c, top - 1] == fill:
            top -= 1
        negative = top > 0 and (words[c, top - 1] >> np.uint32(31)) != 0
        if top > 0 and negative != (over < 0):
            top += 1
        elif top == 0 and over < 0:
            top = 1
        last = max(last, top)
        at = 0
        while at < min(first, top) and words[c, at] == 0:
            at += 1
        first = min(first, at) if top > 0 else first
    return first, last


@compiled
def scatter_words(out, index, words, inner, first, sign):  # type: ignore[no-untyped-def]  # compiled
    """Add or subtract groups of cells of words, each group where `index` says.

    Parameters
    ----------
    out : int64 array, shape (m * inner, K), changed in place
    index : int64 array, shape (n,)
        A negative index drops the group.
    words : uint32 array, shape (n * inner, k)
        Two's complement.
    inner : int
        Cells of a group.
    first : int
        Limb of `out` that the first word belongs to.
    sign : int
        1 or -1.
    """
    k = words.shape[1]
    for i in range(index.size):
        if index[i] < 0:
            continue
        for c in range(inner):
            row, cell = index[i] * inner + c, i * inner + c
            for w in range(k - 1):
                out[row, first + w] += sign * np.int64(words[cell, w])
            top = np.int64(np.int32(words[cell, k - 1]))
            out[row, first + k - 1] += sign * top


@compiled
def scatter_rows(out, index, rows):  # type: ignore[no-untyped-def]  # compiled
    """Add `rows[i]` into `out[index[i]]`; a negative index drops the row.

    Parameters
    ----------
    out : int64 array, shape (m, w), changed in place
    index : int64 array, shape (n,)
    rows : int64 array, shape (n, w)
    """
    for i in range(index.size):
        if index[i] >= 0:
            for w in range(rows.shape[1]):
                out[index[i], w] += rows[i, w]


def warm() -> None:
    """Compile every signature in use, or load it from the cache on disk."""
    ones = np.ones((1, 1)).view(np.uint64)
    groups = np.zeros(1, dtype=np.int64)
    flat: NDArray[np.int64] = np.zeros((1, 200), dtype=np.int64)
    exponent_range(ones.ravel())
    add_values(flat, 0, np.zeros((1, 3), dtype=np.int64), ones)
    carry(flat, np.zeros((1, 202), dtype=np.uint32))
    scatter_rows(flat, groups, flat.copy())
    scatter_words(flat, groups, np.zeros((1, 1), dtype=np.uint32), 1, 0, 1)
