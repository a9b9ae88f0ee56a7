"""Compiled sum of one long array: exact, at about the speed of a float sum.

A float64 σ with significand 1.5, far above every x of a block, makes ``t = σ + x``
round x to the grid ulp(σ), and ``bits(t) - bits(σ)`` is that multiple as an integer,
because all t share one exponent.  What was rounded away, ``x - (t - σ)``, is exact and
goes on to a σ that is 2^52 smaller.  Integer sums may be reordered, so the compiler
uses vector instructions.  Blocks that three levels do not hold, or that hold infinities
or NaN, are sorted into bins by sign and exponent, an integer sum each.

Source: Rump, Ogita & Oishi, Accurate floating-point summation part I (2008), section 3;
Demmel & Nguyen, Parallel reproducible summation (2015).  Naive twin:
tests/stats/test_exact_fast.py.  Nothing here may be compiled with fast-math.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
from numba.extending import intrinsic

from stats.kernels import add_single

__all__ = ["BLOCK", "RENEW", "add_flat"]

# Values per block: each is below 2^51 units, so a block is below 2^62.
BLOCK = 2048
# Blocks after which σ and the level are chosen anew, or extraction is tried again.
RENEW = 64

_HEADROOM = 3
_LEVELS = 3
_LARGEST = 2046
_SIGN_AND_EXPONENT = np.int64(-(1 << 52))
_FRACTION = np.uint64((1 << 52) - 1)
_IMPLICIT = np.uint64(1 << 52)
_HALF = np.uint64(26)
_LOW = np.uint64((1 << 26) - 1)
_BINS = 4096
_SIZE = np.int64((1 << 63) - 1)


def _reinterpret(_context, value):  # type: ignore[no-untyped-def]  # compiled
    """Same 64 bits: of a float64 as an int64, of an int64 as a float64."""
    result = nb.int64 if value == nb.float64 else nb.float64

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.bitcast(args[0], context.get_value_type(signature.return_type))

    return result(value), generate


_bits: Any = intrinsic(_reinterpret)


@nb.njit(cache=True, nogil=True, inline="always")
def _sigma(exponent):  # type: ignore[no-untyped-def]  # compiled
    """1.5 times the power of two with this biased exponent."""
    return _bits((np.int64(exponent) << 52) | np.int64(1 << 51))


@nb.njit(cache=True, nogil=True)
def _top(block):  # type: ignore[no-untyped-def]  # compiled
    """Largest biased exponent; 2047 when there is an infinity or NaN."""
    most = np.int64(0)
    for i in range(block.size):
        most = max(most, _bits(np.float64(block[i])) & _SIZE)
    return most >> 52


@nb.njit(cache=True, nogil=True)
def _denormals(block):  # type: ignore[no-untyped-def]  # compiled
    """Sum of values below 2^-1022, whose bits are integers; slow in floating point."""
    first, seen = np.int64(0), np.int64(0)
    for i in range(block.size):
        bits = _bits(np.float64(block[i]))
        size, sign = bits & _SIZE, bits >> 63
        first += (size ^ sign) - sign
        seen |= size
    return first, seen


@nb.njit(cache=True, nogil=True)
def _one_level(block, s1):  # type: ignore[no-untyped-def]  # compiled
    first, bad, rest = np.int64(0), np.int64(0), np.int64(0)
    b1 = _bits(s1)
    for i in range(block.size):
        x = np.float64(block[i])
        t = s1 + x
        bad |= _bits(t) ^ b1
        rest |= _bits(x - (t - s1))
        first += _bits(t)
    return first - block.size * b1, bad, rest


@nb.njit(cache=True, nogil=True)
def _two_levels(block, s1, s2):  # type: ignore[no-untyped-def]  # compiled
    first, second = np.int64(0), np.int64(0)
    bad, rest = np.int64(0), np.int64(0)
    b1 = _bits(s1)
    for i in range(block.size):
        x = np.float64(block[i])
        t = s1 + x
        q = x - (t - s1)
        u = s2 + q
        bad |= _bits(t) ^ b1
        rest |= _bits(q - (u - s2))
        first += _bits(t)
        second += _bits(u)
    return first - block.size * b1, second - block.size * _bits(s2), bad, rest


@nb.njit(cache=True, nogil=True)
def _three_levels(block, s1, s2, s3):  # type: ignore[no-untyped-def]  # compiled
    first, second, third = np.int64(0), np.int64(0), np.int64(0)
    bad, rest = np.int64(0), np.int64(0)
    b1 = _bits(s1)
    for i in range(block.size):
        x = np.float64(block[i])
        t = s1 + x
        q = x - (t - s1)
        u = s2 + q
        r = q - (u - s2)
        v = s3 + r
        bad |= _bits(t) ^ b1
        rest |= _bits(r - (v - s3))
        first += _bits(t)
        second += _bits(u)
        third += _bits(v)
    n = block.size
    return first - n * b1, second - n * _bits(s2), third - n * _bits(s3), bad, rest


@nb.njit(cache=True, nogil=True, inline="always")
def _flush(row, base, units, exponent):  # type: ignore[no-untyped-def]  # compiled
    """Add units of the grid of a σ with this biased exponent."""
    if units != 0:
        size = np.uint64(-units if units < 0 else units)
        add_single(row, base, size, exponent - 1, units < 0)


@nb.njit(cache=True, nogil=True)
def _extract(row, base, block, top, level):  # type: ignore[no-untyped-def]  # compiled
    """Add a block by extraction; False, False, and nothing added, when it does not fit.

    Returns
    -------
    inside : bool
        σ is above every value; else no level helps.
    done : bool
        The level left nothing over, and the block was added.
    """
    if top == _HEADROOM:
        first, seen = _denormals(block)
        small = seen >> 52 == 0
        if small:
            _flush(row, base, first, 1)
        return small, small
    e2 = max(top - 52, 1)
    e3 = max(e2 - 52, 1)
    second, third = np.int64(0), np.int64(0)
    s1, s2, s3 = _sigma(top), _sigma(e2), _sigma(e3)
    if level == 1:
        first, bad, rest = _one_level(block, s1)
    elif level == 2:
        first, second, bad, rest = _two_levels(block, s1, s2)
    else:
        first, second, third, bad, rest = _three_levels(block, s1, s2, s3)
    inside = (bad & _SIGN_AND_EXPONENT) == 0
    done = inside and (rest & _SIZE) == 0
    if done:
        _flush(row, base, first, top)
        _flush(row, base, second, e2)
        _flush(row, base, third, e3)
    return inside, done


@nb.njit(cache=True, nogil=True)
def _into_bins(bins, special, block):  # type: ignore[no-untyped-def]  # compiled
    """Add mantissas into a bin per sign and exponent; halves, so that none is full."""
    for i in range(block.size):
        bits = np.uint64(_bits(np.float64(block[i])))
        at = bits >> np.uint64(52)
        mantissa = bits & _FRACTION
        exponent = at & np.uint64(0x7FF)
        if exponent == 0x7FF:
            kind = 2 if mantissa != 0 else np.int64(at >> np.uint64(11))
            special[kind] += 1
            continue
        if exponent != 0:
            mantissa |= _IMPLICIT
        bins[at, 0] += np.int64(mantissa & _LOW)
        bins[at, 1] += np.int64(mantissa >> _HALF)


@nb.njit(cache=True, nogil=True)
def _flush_bins(row, base, bins):  # type: ignore[no-untyped-def]  # compiled
    for at in range(bins.shape[0]):
        exponent = max(at & 0x7FF, 1)
        for half in range(2):
            units = -bins[at, half] if at >> 11 else bins[at, half]
            _flush(row, base, units, exponent + 26 * half)


@nb.njit(cache=True, nogil=True)
def add_flat(row, base, special, x):  # type: ignore[no-untyped-def]  # compiled
    """Add a contiguous array into one cell.

    Parameters
    ----------
    row : int64 array, shape (K,), changed in place
        From `base` on wide enough for 2^62 times the largest float64.
    base : int
        Grid index of the first limb.
    special : int64 array, shape (3,), changed in place
        How many values are +inf, -inf and NaN.
    x : float64 or float32 array, shape (n,)

    Returns
    -------
    int
        How many blocks went into bins.
    """
    top, level, slow = np.int64(0), 1, 0
    bins = np.zeros((0, 2), dtype=np.int64)
    for number in range((x.size + BLOCK - 1) // BLOCK):
        block = x[number * BLOCK : (number + 1) * BLOCK]
        if number % RENEW == 0:
            top, level = np.int64(0), 1
        done = False
        while level <= _LEVELS and not done:
            inside = False
            if top > 0:
                inside, done = _extract(row, base, block, top, level)
            if not inside:
                needed = _top(block) + _HEADROOM
                if needed > _LARGEST or needed == top:  # no σ fits
                    break
                top = needed
            elif not done:
                level += 1
        if not done:
            if slow == 0:
                bins = np.zeros((_BINS, 2), dtype=np.int64)
            _into_bins(bins, special, block)
            slow += 1
    _flush_bins(row, base, bins)
    return slow
