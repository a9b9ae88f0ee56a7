"""Compiled sums of values that lie too far apart for a few levels: bins by exponent.

A bin per sign and exponent adds up mantissas as integers, in two halves so that none
is ever full.  Four tables take turns, because adding to a bin that was just written
waits for the write.  Naive twin: tests/stats/test_exact_fast.py.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
from numba.extending import intrinsic

from stats.compiled import compiled, inlined
from stats.lanes import LANES, prefetch, value_at

__all__ = [
    "BINS",
    "add_one",
    "clean",
    "fill_bins",
    "flush",
    "flush_bins",
    "scalar_bits",
    "sigma",
]

# Tables, sign and exponent, low and high half of the mantissa.
BINS = (4, 4096, 2)

_FRACTION = np.uint64((1 << 52) - 1)
_IMPLICIT = np.uint64(1 << 52)
_EXPONENT = np.uint64(0x7FF)
_HALF = np.uint64(26)
_LOW = np.uint64((1 << 26) - 1)
_MASK32 = np.int64((1 << 32) - 1)
_SIZE = np.int64((1 << 63) - 1)
_INFINITY = np.int64(0x7FF << 52)


def _reinterpret(_context, value):  # type: ignore[no-untyped-def]  # compiled
    """Same 64 bits: of a float64 as an int64, of an int64 as a float64."""
    result = nb.int64 if value == nb.float64 else nb.float64

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.bitcast(args[0], context.get_value_type(signature.return_type))

    return result(value), generate


scalar_bits: Any = intrinsic(_reinterpret)


@inlined
def sigma(exponent):  # type: ignore[no-untyped-def]  # compiled
    """1.5 times the power of two with this biased exponent."""
    return scalar_bits((np.int64(exponent) << 52) | np.int64(1 << 51))


@inlined
def flush(row, units, exponent):  # type: ignore[no-untyped-def]  # compiled
    """Add units (below 2^62 in size) of 2^(exponent - 1) into the limbs of one cell.

    Without a branch: the signs of block sums are random, and a wrong guess costs as
    much as fifty values.
    """
    at, shift = (exponent - 1) >> 5, (exponent - 1) & 31
    low = (units & _MASK32) << shift
    high = ((units >> 32) << shift) + (low >> 32)
    row[at] += low & _MASK32
    row[at + 1] += high & _MASK32
    row[at + 2] += high >> 32


@compiled
def add_one(row, special, value):  # type: ignore[no-untyped-def]  # compiled
    """Add one value: the element path."""
    bits = scalar_bits(np.float64(value))
    exponent, mantissa = (bits >> 52) & 0x7FF, bits & ((1 << 52) - 1)
    if exponent == 0x7FF:
        special[2 if mantissa != 0 else np.int64(bits < 0)] += 1
        return
    if exponent != 0:
        mantissa |= 1 << 52
    flush(row, -mantissa if bits < 0 else mantissa, max(exponent, 1))


@compiled
def clean(x, start, stop, out, special):  # type: ignore[no-untyped-def]  # compiled
    """Copy x[start:stop] with zeros for infinities and NaN, which are counted.

    Returns
    -------
    int
        Largest biased exponent of the finite values.
    """
    most, plus, minus, nan = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    for i in range(stop - start):
        value = value_at(x, start + i)
        bits = scalar_bits(value)
        size = bits & _SIZE
        finite = size < _INFINITY
        out[i] = value if finite else 0.0
        most = max(most, size if finite else np.int64(0))
        plus += bits == _INFINITY
        minus += (size == _INFINITY) & (bits < 0)
        nan += size > _INFINITY
    special[0] += plus
    special[1] += minus
    special[2] += nan
    return most >> 52


@compiled
def fill_bins(bins, x, start, stop):  # type: ignore[no-untyped-def]  # compiled
    """Add mantissas of x[start:stop], a multiple of 4 values.

    Returns
    -------
    bool
        Every value was finite; else the others are in no bin, and not counted.
    """
    quarter = (stop - start) // 4
    for i in range(quarter):
        if i % LANES == 0:
            for table in range(4):
                prefetch(x, stop + i + table * quarter)
        for table in range(4):
            bits = np.uint64(scalar_bits(value_at(x, start + i + table * quarter)))
            at = bits >> np.uint64(52)
            mantissa = bits & _FRACTION
            if at & _EXPONENT:
                mantissa |= _IMPLICIT
            bins[table, at, 0] += np.int64(mantissa & _LOW)
            bins[table, at, 1] += np.int64(mantissa >> _HALF)
    finite = True
    for table in range(4):
        for largest in (0x7FF, 0xFFF):
            finite = finite and bins[table, largest, 1] == 0
            bins[table, largest, 0] = 0
            bins[table, largest, 1] = 0
    return finite


@compiled
def flush_bins(row, bins):  # type: ignore[no-untyped-def]  # compiled
    """Add up all bins into the limbs of one cell, and empty them."""
    for at in range(bins.shape[1]):
        exponent = max(at & 0x7FF, 1)
        for half in range(2):
            units = np.int64(0)
            for table in range(bins.shape[0]):
                units += bins[table, at, half]
                bins[table, at, half] = 0
            flush(row, -units if at >> 11 else units, exponent + 26 * half)
