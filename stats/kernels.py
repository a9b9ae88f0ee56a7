"""Compiled inner loops: floats to integer limbs, exact sums and products of groups.

A finite float64 is ``m * 2**(s - 1074)`` with an integer ``|m| < 2**53`` and s >= 0.
Sums live on a grid of 32-bit limbs that starts at 2^-1074, sums of products on one
that starts at 2^-2148, so that adding is integer addition and has no rounding at all.
Nothing here may be compiled with fast-math.
"""

from __future__ import annotations

import numba as nb
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "add_moments",
    "add_single",
    "add_values",
    "carry",
    "exponent_range",
    "scatter_rows",
    "warm",
]

_FRACTION = np.uint64((1 << 52) - 1)
_IMPLICIT = np.uint64(1 << 52)
_MASK32 = np.uint64(0xFFFFFFFF)
_BITS32 = np.uint64(32)


@nb.njit(cache=True, nogil=True, inline="always")
def _split(bits):  # type: ignore[no-untyped-def]  # compiled
    """Mantissa and grid position of a finite float64 from its bits."""
    exponent = np.int64((bits >> np.uint64(52)) & np.uint64(0x7FF))
    mantissa = bits & _FRACTION
    if exponent > 0:
        return mantissa | _IMPLICIT, exponent - 1
    return mantissa, np.int64(0)


@nb.njit(cache=True, nogil=True, inline="always")
def _add(row, at, digit, negative):  # type: ignore[no-untyped-def]  # compiled
    if digit != 0:
        if negative:
            row[at] -= np.int64(digit)
        else:
            row[at] += np.int64(digit)


@nb.njit(cache=True, nogil=True, inline="always")
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


@nb.njit(cache=True, nogil=True, inline="always")
def _add_product(row, base, a, b, s, negative):  # type: ignore[no-untyped-def]  # compiled
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


@nb.njit(cache=True, nogil=True)
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


@nb.njit(cache=True, nogil=True)
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


@nb.njit(cache=True, nogil=True)
def add_moments(  # type: ignore[no-untyped-def]  # compiled
    bits, groups, sums, sum_base, products, product_base, gaps, squares, counts, pairs
):
    """Add rows into exact sums and co-moments of their groups.

    Parameters
    ----------
    bits : uint64 array, shape (n, d)
        Bit patterns of float64; non-finite is missing.
    groups : int64 array, shape (n,)
        Negative means the row is not counted.
    sums : int64 array, shape (g, d, K), changed in place
        Σ x_i.
    sum_base, product_base : int
        Grid index of the first limb of sums and of products.
    products : int64 array, shape (g, p, L), changed in place
        Σ x_i x_j for i <= j (p = d (d + 1) / 2), or Σ x_i² (p = d) without pairs.
    gaps : int64 array, shape (g, d, d, K), changed in place
        Σ x_i over the rows where j is missing; unused without pairs.
    squares : int64 array, shape (g, d, d, L), changed in place
        Σ x_i² over the rows where j is missing; unused without pairs.
    counts : int64 array, shape (g, d, d) or (g, d, 1) without pairs
        Rows where i and j are present.
    pairs : bool
    """
    n, d = bits.shape
    mantissa = np.empty(d, dtype=np.uint64)
    place = np.empty(d, dtype=np.int64)
    negative = np.empty(d, dtype=np.bool_)
    present = np.empty(d, dtype=np.bool_)
    for row in range(n):
        g = groups[row]
        if g < 0:
            continue
        complete = True
        for i in range(d):
            b = bits[row, i]
            present[i] = ((b >> np.uint64(52)) & np.uint64(0x7FF)) != 0x7FF
            complete = complete and present[i]
            mantissa[i], place[i] = _split(b)
            negative[i] = (b >> np.uint64(63)) != 0
        k = 0
        for i in range(d):
            if not present[i]:
                k += d - i if pairs else 1
                continue
            m, s = mantissa[i], place[i]
            add_single(sums[g, i], sum_base, m, s, negative[i])
            if not pairs:
                counts[g, i, 0] += 1
                _add_product(products[g, k], product_base, m, m, s + s, False)
                k += 1
                continue
            for j in range(i, d):
                if present[j]:
                    sign = negative[i] != negative[j]
                    other, t = mantissa[j], s + place[j]
                    _add_product(products[g, k], product_base, m, other, t, sign)
                k += 1
            for j in range(d):
                if present[j]:
                    counts[g, i, j] += 1
                elif not complete:
                    add_single(gaps[g, i, j], sum_base, m, s, negative[i])
                    _add_product(squares[g, i, j], product_base, m, m, s + s, False)


@nb.njit(cache=True, nogil=True)
def carry(limbs):  # type: ignore[no-untyped-def]  # compiled
    """Bring all limbs but the last into [0, 2^32), in place; the last keeps the sign.

    Parameters
    ----------
    limbs : int64 array, shape (cells, K)
    """
    cells, k = limbs.shape
    for c in range(cells):
        for i in range(k - 1):
            over = limbs[c, i] >> np.int64(32)
            limbs[c, i] -= over << np.int64(32)
            limbs[c, i + 1] += over


@nb.njit(cache=True, nogil=True)
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
    bits = np.ones((1, 1)).view(np.uint64)
    groups = np.zeros(1, dtype=np.int64)
    wide = np.zeros((1, 1, 200), dtype=np.int64)
    deep = np.zeros((1, 1, 1, 200), dtype=np.int64)
    counts = np.zeros((1, 1, 1), dtype=np.int64)
    flat: NDArray[np.int64] = np.zeros((1, 200), dtype=np.int64)
    exponent_range(bits.ravel())
    add_values(flat, 0, np.zeros((1, 3), dtype=np.int64), bits)
    for pairs in (True, False):
        add_moments(bits, groups, wide, 0, wide, 0, deep, deep, counts, pairs)
    carry(flat)
    scatter_rows(flat, groups, flat.copy())
