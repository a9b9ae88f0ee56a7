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
    "carry",
    "join_words",
    "parts",
    "roll_words",
    "scatter_rows",
    "warm",
    "window",
]

_FRACTION = np.uint64((1 << 52) - 1)
_IMPLICIT = np.uint64(1 << 52)
_MASK32 = np.uint64(0xFFFFFFFF)
_BITS32 = np.uint64(32)
_ONES = np.uint32(0xFFFFFFFF)


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
def carry(limbs, words):  # type: ignore[no-untyped-def]  # compiled
    """Write limbs as words of two's complement; return the window they need.

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
    for c in range(cells):
        over = np.int64(0)
        for i in range(k):
            over += limbs[c, i]
            words[c, i] = np.uint32(over & np.int64(0xFFFFFFFF))
            over >>= np.int64(32)
        words[c, k] = np.uint32(over & np.int64(0xFFFFFFFF))
        words[c, k + 1] = np.uint32((over >> np.int64(32)) & np.int64(0xFFFFFFFF))
    return window(words)


@compiled
def join_words(out, filled, index, words, inner, first, negate):  # type: ignore[no-untyped-def]  # compiled
    """Add or subtract groups of cells of words, each group where `index` says.

    Parameters
    ----------
    out : uint32 array, shape (m * inner, K), changed in place
        Two's complement; what a sum needs beyond K words is lost.
    filled : bool array, shape (m,), changed in place
        Groups of `out` that hold something; the others are written, not added to.
    index : int64 array, shape (n,)
        A negative index drops the group.
    words : uint32 array, shape (n * inner, k), k > 0
        Two's complement.
    inner : int
        Cells of a group.
    first : int
        Word of `out` that the first word belongs to.
    negate : bool
        Subtract.

    Returns
    -------
    bool
        Whether every sum fits; else `out` means nothing.
    """
    fits = True
    flip = _ONES if negate else np.uint32(0)
    for i in range(index.size):
        g = index[i]
        if g < 0:
            continue
        add = filled[g] or negate
        for c in range(inner):
            row, cell = g * inner + c, i * inner + c
            if add:
                fits = _add_words(out, row, words, cell, first, flip) and fits
            else:
                _write_words(out, row, words, cell, first)
        filled[g] = True
    return fits


@inlined
def _write_words(out, row, words, cell, first):  # type: ignore[no-untyped-def]  # compiled
    k = words.shape[1]
    for w in range(k):
        out[row, first + w] = words[cell, w]
    if words[cell, k - 1] >> np.uint32(31):
        for w in range(first + k, out.shape[1]):
            out[row, w] = _ONES


@inlined
def _add_words(out, row, words, cell, first, flip):  # type: ignore[no-untyped-def]  # compiled
    """Add a cell, or its complement and one; whether the sum keeps its sign."""
    k, top = words.shape[1], out.shape[1] - 1
    fill = _ONES if words[cell, k - 1] >> np.uint32(31) else np.uint32(0)
    before = out[row, top] >> np.uint32(31)
    over = np.uint64(flip & np.uint32(1))
    for w in range(k):
        over += np.uint64(out[row, first + w]) + np.uint64(words[cell, w] ^ flip)
        out[row, first + w] = np.uint32(over & _MASK32)
        over >>= _BITS32
    for w in range(first + k, out.shape[1]):
        over += np.uint64(out[row, w]) + np.uint64(fill ^ flip)
        out[row, w] = np.uint32(over & _MASK32)
        over >>= _BITS32
    added = (fill ^ flip) >> np.uint32(31)
    return before != added or out[row, top] >> np.uint32(31) == before


@compiled
def roll_words(out, index, words, inner):  # type: ignore[no-untyped-def]  # compiled
    """Add many groups of cells of words into few groups of limbs.

    Parameters
    ----------
    out : int64 array, shape (m, inner * K), changed in place
    index : int64 array, shape (n,)
        A negative index drops the group.
    words : uint32 array, shape (n, inner * K)
        Two's complement; K words a cell.
    inner : int
        Cells of a group.
    """
    k = words.shape[1] // inner
    for i in range(index.size):
        if index[i] < 0:
            continue
        target, source = out[index[i]], words[i]
        for w in range(source.size):
            target[w] += np.int64(source[w])
        for w in range(k - 1, source.size, k):
            target[w] -= np.int64(source[w] >> np.uint32(31)) << np.int64(32)


@compiled
def window(words):  # type: ignore[no-untyped-def]  # compiled
    """Words first to last - 1 that hold every cell with its sign.

    Parameters
    ----------
    words : uint32 array, shape (cells, K)
        Two's complement.
    """
    cells, k = words.shape
    first, last = k, 0
    for c in range(cells):
        negative = k > 0 and words[c, k - 1] >> np.uint32(31) != 0
        fill = _ONES if negative else np.uint32(0)
        top = k
        while top > 0 and words[c, top - 1] == fill:
            top -= 1
        if top == 0 and not negative:
            continue
        if top == 0 or (words[c, top - 1] >> np.uint32(31) != 0) != negative:
            top += 1
        at = 0
        while at < min(first, top) and words[c, at] == 0:
            at += 1
        first, last = min(first, at), max(last, top)
    return first, last


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
    groups = np.zeros(1, dtype=np.int64)
    flat: NDArray[np.int64] = np.zeros((1, 200), dtype=np.int64)
    carry(flat, np.zeros((1, 202), dtype=np.uint32))
    scatter_rows(flat, groups, flat.copy())
    words = np.zeros((1, 1), dtype=np.uint32)
    join_words(words.copy(), np.zeros(1, dtype=np.bool_), groups, words, 1, 0, False)
    window(words)
    roll_words(flat, groups, np.zeros((1, 200), dtype=np.uint32), 200)
