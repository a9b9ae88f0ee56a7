"""Other exact inner loops for co-moments, measured and not used.

Each takes the scaled columns of a tile, |y| < 1, and gives for every pair of columns
integers whose weighted sum is the exact Σ y_i y_j of what its grid holds.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from stats.kernels_products import _dot
from stats.kernels_vector import bits, fma

_ONE = 3.0  # units of 2^-51
_TWO = 1.5 * 2.0**-51  # units of 2^-103
_THREE = 1.5 * 2.0**-103


@nb.njit(cache=True, nogil=True)
def one_level(y, n, out):  # type: ignore[no-untyped-def]
    """Columns on the grid 2^-25: one fused step, integers of bit patterns."""
    k = 0
    for i in range(y.shape[0]):
        a = y[i, :n]
        for j in range(i, y.shape[0]):
            b, high = y[j, :n], np.int64(0)
            for r in range(a.size):
                high += bits(fma(a[r], b[r], _ONE))
            out[k, 0] = high - n * bits(_ONE)
            k += 1


@nb.njit(cache=True, nogil=True)
def two_levels(y, n, out):  # type: ignore[no-untyped-def]
    """Columns on the grid 2^-51: what the first level rounds off goes to a second."""
    k = 0
    for i in range(y.shape[0]):
        a = y[i, :n]
        for j in range(i, y.shape[0]):
            b, high, low = y[j, :n], np.int64(0), np.int64(0)
            for r in range(a.size):
                t = fma(a[r], b[r], _ONE)
                high += bits(t)
                low += bits(_TWO + fma(a[r], b[r], _ONE - t))
            out[k, 0] = high - n * bits(_ONE)
            out[k, 1] = low - n * bits(_TWO)
            k += 1


@nb.njit(cache=True, nogil=True)
def two_levels_in_lanes(y, n, out):  # type: ignore[no-untyped-def]
    """The same in units of 2^-43 and 2^-87, eight rows at a time, one pair a loop."""
    k = 0
    for i in range(y.shape[0]):
        for j in range(i, y.shape[0]):
            out[k, 0], out[k, 1] = _dot(y[i], y[j], n)
            k += 1


@nb.njit(cache=True, nogil=True)
def whole_numbers(y, n, out):  # type: ignore[no-untyped-def]
    """Columns as int32 on the grid 2^-25: products and sums of integers."""
    k = 0
    for i in range(y.shape[0]):
        a = y[i, :n]
        for j in range(i, y.shape[0]):
            b, total = y[j, :n], np.int64(0)
            for r in range(a.size):
                total += np.int64(a[r]) * np.int64(b[r])
            out[k, 0] = total
            k += 1


@nb.njit(cache=True, nogil=True)
def error_free(y, n, out):  # type: ignore[no-untyped-def]
    """Any 53 bits: a product and its rounding error, each into levels of their own."""
    k = 0
    for i in range(y.shape[0]):
        a = y[i, :n]
        for j in range(i, y.shape[0]):
            b = y[j, :n]
            first, second, third = np.int64(0), np.int64(0), np.int64(0)
            for r in range(a.size):
                p = a[r] * b[r]
                e = fma(a[r], b[r], -p)
                t = _ONE + p
                u = _TWO + (p - (t - _ONE))
                v = _TWO + e
                first += bits(t)
                second += bits(u) + bits(v)
                third += bits(_THREE + (e - (v - _TWO)))
            out[k, 0] = first - n * bits(_ONE)
            out[k, 1] = second - 2 * n * bits(_TWO)
            out[k, 2] = third - n * bits(_THREE)
            k += 1
