"""From exact integers to float64: every quotient is rounded once, to nearest even."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stats.exact_input import readable
from stats.kernels_rounding import round_quotients
from stats.limbs import Limbs

__all__ = ["over_counts", "over_root", "quotients", "ratio"]


def ratio(numerator: int, denominator: int, exponent: int) -> float:
    """Return numerator / denominator * 2^exponent, correctly rounded.

    Parameters
    ----------
    numerator, denominator : int
        The denominator is positive.
    exponent : int

    Returns
    -------
    float
        Infinity with the sign of the numerator when the value is too large.

    Notes
    -----
    Python's division of integers rounds once, also into the subnormal range.
    """
    if exponent >= 0:
        top, bottom = numerator << exponent, denominator
    else:
        top, bottom = numerator, denominator << -exponent
    try:
        return top / bottom
    except OverflowError:
        return math.inf if numerator > 0 else -math.inf


def over_root(numerator: int, square: int) -> float:
    """Return numerator / sqrt(square), correctly rounded.

    Parameters
    ----------
    numerator, square : int
        The square is positive.

    Notes
    -----
    The integer root keeps at least 62 bits; a last bit that is set when anything was
    left over makes every tie visible to the one rounding that follows.
    """
    top = numerator * numerator
    places = max(64 + (square.bit_length() - top.bit_length()) // 2, 0)
    quotient, rest = divmod(top << (2 * places), square)
    root = math.isqrt(quotient)
    inexact = rest != 0 or root * root != quotient
    rounded = ratio(2 * root + inexact, 1, -places - 1)
    return -rounded if numerator < 0 else rounded


def quotients(
    numerators: Sequence[int], denominators: Sequence[int], exponent: int
) -> NDArray[np.float64]:
    """Element-wise `ratio`; NaN where the denominator is not positive.

    Parameters
    ----------
    numerators, denominators : sequences of int, length n
    exponent : int

    Returns
    -------
    float64 array, shape (n,)
    """
    pairs = zip(numerators, denominators, strict=True)
    found = [ratio(a, int(b), exponent) if b > 0 else math.nan for a, b in pairs]
    return np.array(found, dtype=np.float64)


def over_counts(
    limbs: Limbs, counts: NDArray[np.int64], unit: int
) -> NDArray[np.float64]:
    """Every cell over its count, correctly rounded; NaN where that is not positive.

    Parameters
    ----------
    limbs : Limbs
    counts : int64 array, shape (cells,)
    unit : int
        Exponent of two of bit 0 of grid limb 0.

    Returns
    -------
    float64 array, shape (cells,)

    Notes
    -----
    Compiled; counts of 2^32 and more are divided by as Python integers.  Naive twin:
    `quotients`.
    """
    out = np.empty(limbs.cells)
    late = np.empty(limbs.cells, dtype=np.bool_)
    words, n = readable(limbs.words, np.uint32), readable(counts, np.int64)
    exponent = unit + 32 * limbs.base
    round_quotients(out.view(np.uint64), late, words, n, exponent)
    if late.any():
        rest = Limbs(limbs.words[late], limbs.base).integers()
        out[late] = quotients(rest, counts[late].tolist(), exponent)
    return out
