"""Compiled rounding of exact sums: quotients of integers to float64, nearest even.

The five highest words of a numerator, of 129 bits or more, are divided by two numbers
below 2^32 one after the other, ⌊⌊N/n⌋/m⌋ = ⌊N/(nm)⌋, which leaves 65 bits or more of
the quotient; whatever was left over anywhere sets a bit below them, so that the one
rounding sees every tie.  Larger divisors are left to Python's integers, and marked.
Naive twin: `stats.rounding.ratio`.
"""

from __future__ import annotations

import numpy as np

from stats.compiled import compiled
from stats.kernels_words import (
    leading_zeros,
    load,
    multiply,
    scale_and_subtract,
    subtract,
)

__all__ = ["round_covariances", "round_quotients", "warm"]

_MASK = np.uint64(0xFFFFFFFF)
_NONE, _ONE, _BITS, _ALL = np.uint64(0), np.uint64(1), np.uint64(32), np.uint64(64)
_NAN = np.uint64(0x7FF8 << 48)
_INFINITE = np.uint64(0x7FF << 52)
# Divisors from here on are not divided by in one step of 64 bits.
_LARGE = np.int64(1 << 32)


@compiled
def _word(words, low, k):  # type: ignore[no-untyped-def]  # compiled
    return words[k] if k >= low else _NONE


@compiled
def _pack(top, inexact, exponent, negative):  # type: ignore[no-untyped-def]  # compiled
    """Bits of the float64 nearest to top * 2^exponent; `top` has all of its 64 bits."""
    highest = exponent + 63
    sign = _ONE << np.uint64(63) if negative else _NONE
    if highest > 1023:
        return sign | _INFINITE
    if highest < -1075:
        return sign
    drop = np.uint64(11 + max(-1022 - highest, 0))
    kept = top >> drop if drop < _ALL else _NONE
    half = _ONE << (drop - _ONE)
    rest = top & ((half << _ONE) - _ONE)  # 2^64 - 1 where everything is dropped
    if rest > half or (rest == half and (inexact or kept & _ONE != _NONE)):
        kept += _ONE
    # The implicit bit, and a carry out of the fraction, count in the exponent.
    return sign | ((np.uint64(max(highest + 1022, 0)) << np.uint64(52)) + kept)


@compiled
def _divide(a, b, c, d, e, by):  # type: ignore[no-untyped-def]  # compiled
    """Five words by one: the quotient, highest word first, and the remainder."""
    first = a // by
    rest = ((a - first * by) << _BITS) | b
    second = rest // by
    rest = ((rest - second * by) << _BITS) | c
    third = rest // by
    rest = ((rest - third * by) << _BITS) | d
    fourth = rest // by
    rest = ((rest - fourth * by) << _BITS) | e
    fifth = rest // by
    return first, second, third, fourth, fifth, rest - fifth * by


@compiled
def _rounded(words, low, high, exponent, negative, first, second):  # type: ignore[no-untyped-def]  # compiled
    """Bits of the float64 nearest to a magnitude / (first * second) * 2^exponent."""
    if high == 0:
        return _NONE
    a, b = words[high - 1], _word(words, low, high - 2)
    c, d = _word(words, low, high - 3), _word(words, low, high - 4)
    e, left = _word(words, low, high - 5), _NONE
    if first != _ONE:
        a, b, c, d, e, left = _divide(a, b, c, d, e, first)
    if second != _ONE:
        a, b, c, d, e, more = _divide(a, b, c, d, e, second)
        left |= more
    place = exponent + 32 * (high - 5)
    top, middle, last = (a << _BITS) | b, (c << _BITS) | d, e << _BITS
    if top == _NONE:
        top, middle, last = middle, last, _NONE
    else:
        place += 64
    lead = leading_zeros(top)
    if lead != _NONE:
        top = (top << lead) | (middle >> (_ALL - lead))
    inexact = (middle << lead) | last | left != _NONE or low < high - 5
    return _pack(top, inexact, place - np.int64(lead) + 32, negative)


@compiled
def round_quotients(out, late, words, counts, exponent):  # type: ignore[no-untyped-def]  # compiled
    """Divide integers by counts.

    Parameters
    ----------
    out : uint64 array, shape (cells,), changed in place
        Bit patterns of float64; NaN where a count is not positive.
    late : bool array, shape (cells,), changed in place
        Set where a count is 2^32 or more and nothing was written.
    words : uint32 array, shape (cells, K)
        Two's complement, in units of 2^exponent.
    counts : int64 array, shape (cells,)
    exponent : int
    """
    value = np.empty(words.shape[1], dtype=np.uint64)
    for c in range(counts.size):
        n = counts[c]
        late[c] = n >= _LARGE
        if n <= 0:
            out[c] = _NAN
        elif n < _LARGE:
            negative, low, high = load(value, words, c)
            by = np.uint64(n)
            out[c] = _rounded(value, low, high, exponent, negative, by, _ONE)


@compiled
def round_covariances(  # type: ignore[no-untyped-def]  # compiled
    out, late, counts, ddof, sums, gaps, products, rows, places, exponent
):
    """(n Σxy - Σx Σy) / (n (n - ddof)) of pairs of features.

    Parameters
    ----------
    out : uint64 array, shape (pairs,), changed in place
        Bit patterns of float64; NaN for n = 0 and n <= ddof.
    late : bool array, shape (pairs,), changed in place
        Set where n or n - ddof is 2^32 or more and nothing was written.
    counts : int64 array, shape (pairs,)
    ddof : int
    sums, gaps, products : uint32 arrays, shapes (cells, K)
        Two's complement: whole sums, what to take from them where the other value is
        missing, and Σxy.
    rows : int64 array, shape (4, pairs)
        Cells of the sum and the gap of x, and of those of y.
    places : tuple of 5 int
        Words of Σx; the word in it of the first words of `sums` and `gaps`; the word
        in a numerator of the first words of Σxy and Σx Σy.
    exponent : int
        Exponent of two of a numerator's first bit.
    """
    width, at_x, at_gap, at_p, at_q = places
    one, two = np.empty(width, dtype=np.uint64), np.empty(width, dtype=np.uint64)
    square = np.empty(2 * width, dtype=np.uint64)
    own = np.empty(products.shape[1], dtype=np.uint64)
    room = max(at_p + products.shape[1], at_q + 2 * width) + 2
    top = np.empty(room, dtype=np.uint64)
    for c in range(counts.size):
        n, m = counts[c], counts[c] - ddof
        late[c] = n > 0 and m > 0 and max(n, m) >= _LARGE
        if n <= 0 or m <= 0:
            out[c] = _NAN
        elif not late[c]:
            x, gap_x, y, gap_y = rows[0, c], rows[1, c], rows[2, c], rows[3, c]
            minus, low, high = subtract(one, width, sums, x, at_x, gaps, gap_x, at_gap)
            other, start, stop = subtract(
                two, width, sums, y, at_x, gaps, gap_y, at_gap
            )
            low, high = multiply(square, one, low, high, two, start, stop)
            negative, start, stop = load(own, products, c)
            by, opposite = np.uint64(n), negative != (minus != other)
            turned, low, high = scale_and_subtract(
                top, by, own, start, stop, at_p, square, low, high, at_q, opposite
            )
            minus = negative != turned
            out[c] = _rounded(top, low, high, exponent, minus, by, np.uint64(m))


def warm() -> None:
    """Compile every signature in use, or load it from the cache on disk."""
    ones = np.ones(1, dtype=np.int64)
    bits, late = np.empty(1, dtype=np.uint64), np.empty(1, dtype=np.bool_)
    words, rows = np.ones((1, 1), dtype=np.uint32), np.zeros((4, 1), dtype=np.int64)
    round_quotients(bits, late, words, ones, 0)
    places = (2, 0, 0, 0, 0)
    round_covariances(bits, late, ones, 0, words, words, words, rows, places, 0)
