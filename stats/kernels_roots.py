"""Compiled rounding of exact correlations: an integer over a root, to nearest even.

N / √(uv) of exact integers is worked out in pairs of float64, from the 106 highest bits
of each, with a relative error below 2^-98.  Where all numbers within 2^-90 of that have
one nearest float64, that is the answer; the others, one in 2^36 and exact ties, and
results that may be subnormal, are left to Python's integers, and marked.

Source: Dekker, A floating-point technique for extending the available precision (1971);
Ziv's test of what was rounded (1991).  Naive twin: `stats.rounding.over_root`.  Nothing
here may be compiled with fast-math.
"""

from __future__ import annotations

import math

import numpy as np

from stats.compiled import compiled, inlined
from stats.kernels_words import (
    leading_zeros,
    load,
    multiply,
    scale_and_subtract,
    subtract,
)

__all__ = ["round_correlations", "warm"]

_NONE, _BITS, _ALL = np.uint64(0), np.uint64(32), np.uint64(64)
# Counts from here on do not fit a word.
_LARGE = np.int64(1 << 32)
_SPLIT = 134217729.0  # 2^27 + 1
_ERROR = 2.0**-90
# Below 2^-1000 results are close to the subnormal range; none is above 1.
_SMALL = -1000


@inlined
def _word(words, low, k):  # type: ignore[no-untyped-def]  # compiled
    return words[k] if k >= low else _NONE


@inlined
def _leading(words, low, high):  # type: ignore[no-untyped-def]  # compiled
    """Two float64 and an exponent: (x + y) 2^e, 1 <= x < 2, of a positive magnitude."""
    top = (words[high - 1] << _BITS) | _word(words, low, high - 2)
    last = _word(words, low, high - 3) << _BITS | _word(words, low, high - 4)
    lead = leading_zeros(top)
    if lead != _NONE:
        more = _word(words, low, high - 5) << _BITS
        top = (top << lead) | (last >> (_ALL - lead))
        last = (last << lead) | (more >> (_ALL - lead))
    x = np.float64(top >> np.uint64(11)) * 2.0**-52
    rest = ((top & np.uint64(0x7FF)) << np.uint64(42)) | (last >> np.uint64(22))
    return x, np.float64(rest) * 2.0**-105, 32 * high - 1 - np.int64(lead)


@inlined
def _product(a, b):  # type: ignore[no-untyped-def]  # compiled
    """A product and its rounding error."""
    p = a * b
    t = _SPLIT * a
    a_high = t - (t - a)
    t = _SPLIT * b
    b_high = t - (t - b)
    a_low, b_low = a - a_high, b - b_high
    return p, a_low * b_low - (
        ((p - a_high * b_high) - a_low * b_high) - a_high * b_low
    )


@inlined
def _over_root(x, y, w, z):  # type: ignore[no-untyped-def]  # compiled
    """(x + y) / √(w + z), for numbers near one, as two float64."""
    root = math.sqrt(w)
    p, e = _product(root, root)
    more = (((w - p) - e) + z) / (2.0 * root)
    quotient = x / root
    p, e = _product(quotient, root)
    return quotient, ((((x - p) - e) + y) - quotient * more) / root


@inlined
def _decided(top, u, v):  # type: ignore[no-untyped-def]  # compiled
    """The float64 nearest to N / √(uv), all positive; 0 where that is not certain."""
    x, y, exponent = top
    w, z = _product(u[0], v[0])
    z += u[0] * v[1] + u[1] * v[0]
    power = u[2] + v[2]
    if power % 2 != 0:
        w, z, power = 2.0 * w, 2.0 * z, power - 1
    high, low = _over_root(x, y, w + z, z - ((w + z) - w))
    error = _ERROR * high
    upper, lower = high + (low + error), high + (low - error)
    exponent -= power // 2
    if upper != lower or exponent < _SMALL:
        return 0.0
    return math.ldexp(upper, exponent)


@compiled
def _variance(top, n, minus, own, first, last, at_s, square, one, low, high, at_q):  # type: ignore[no-untyped-def]  # compiled
    """The two float64 and exponent of n Σx² - (Σx)²; zeros where not positive."""
    low, high = multiply(square, one, low, high, one, low, high)
    turned, low, high = scale_and_subtract(
        top, n, own, first, last, at_s, square, low, high, at_q, minus
    )
    if minus or turned or high == 0:
        return 0.0, 0.0, np.int64(0)
    return _leading(top, low, high)


@compiled
def round_correlations(  # type: ignore[no-untyped-def]  # compiled
    out, late, counts, sums, gaps, products, own, squares, rows, places, second
):
    """(n Σxy - Σx Σy) / √((n Σx² - (Σx)²) (n Σy² - (Σy)²)) of pairs of features.

    Parameters
    ----------
    out : float64 array, shape (pairs,), changed in place
        NaN where a feature is constant.
    late : bool array, shape (pairs,), changed in place
        Set where nothing was decided.
    counts : int64 array, shape (pairs,)
    sums, gaps, products, own, squares : uint32 arrays, shapes (cells, K)
        Two's complement: Σx and Σx², whole and what to take from them where the other
        value is missing, and Σxy.
    rows : int64 array, shape (4, pairs)
        Cells of the sum and the gap of x, and of those of y.
    places : tuple of 5 int
        As in `round_covariances`.
    second : tuple of 4 int
        Words of Σx²; the word in it of the first words of `own` and `squares`; the word
        in a numerator of its own first one.
    """
    width, at_x, at_gap, at_p, at_q = places
    wide, at_own, at_sq, at_s = second
    one, two = np.empty(width, dtype=np.uint64), np.empty(width, dtype=np.uint64)
    square = np.empty(2 * width, dtype=np.uint64)
    part = np.empty(max(products.shape[1], wide), dtype=np.uint64)
    room = max(at_p + products.shape[1], at_s + wide, at_q + 2 * width) + 2
    top = np.empty(room, dtype=np.uint64)
    for c in range(counts.size):
        n = counts[c]
        late[c] = n >= _LARGE
        out[c] = np.nan
        if n <= 0 or late[c]:
            continue
        x, gap_x, y, gap_y = rows[0, c], rows[1, c], rows[2, c], rows[3, c]
        minus, low, high = subtract(one, width, sums, x, at_x, gaps, gap_x, at_gap)
        other, start, stop = subtract(two, width, sums, y, at_x, gaps, gap_y, at_gap)
        by = np.uint64(n)
        less, first, last = subtract(part, wide, own, x, at_own, squares, gap_x, at_sq)
        u = _variance(
            top, by, less, part, first, last, at_s, square, one, low, high, at_q
        )
        less, first, last = subtract(part, wide, own, y, at_own, squares, gap_y, at_sq)
        v = _variance(
            top, by, less, part, first, last, at_s, square, two, start, stop, at_q
        )
        if u[0] == 0.0 or v[0] == 0.0:
            continue
        low, high = multiply(square, one, low, high, two, start, stop)
        negative, first, last = load(part, products, c)
        opposite = negative != (minus != other)
        turned, low, high = scale_and_subtract(
            top, by, part, first, last, at_p, square, low, high, at_q, opposite
        )
        out[c] = 0.0
        if high != 0:
            found = _decided(_leading(top, low, high), u, v)
            out[c] = -found if negative != turned else found
            late[c] = found == 0.0


def warm() -> None:
    """Compile every signature in use, or load it from the cache on disk."""
    ones = np.ones(1, dtype=np.int64)
    out, late = np.empty(1), np.empty(1, dtype=np.bool_)
    words, rows = np.ones((1, 1), dtype=np.uint32), np.zeros((4, 1), dtype=np.int64)
    cells = (words, words, words, words, words)
    places, second = (2, 0, 0, 0, 0), (2, 0, 0, 0)
    round_correlations(out, late, ones, *cells, rows, places, second)
