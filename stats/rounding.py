"""From exact integers to float64: every quotient is rounded once, to nearest even."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["over_root", "quotients", "ratio"]


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
    numerators: Sequence[int], denominators: NDArray[np.int64], exponent: int
) -> NDArray[np.float64]:
    """Element-wise `ratio`; NaN where the denominator is not positive.

    Parameters
    ----------
    numerators : sequence of int, length n
    denominators : int64 array, shape (n,)
    exponent : int

    Returns
    -------
    float64 array, shape (n,)
    """
    out = np.full(len(numerators), np.nan)
    for i, (top, bottom) in enumerate(
        zip(numerators, denominators.tolist(), strict=True)
    ):
        if bottom > 0:
            out[i] = ratio(top, bottom, exponent)
    return out
