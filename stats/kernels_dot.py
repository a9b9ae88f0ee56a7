"""Compiled dot product without rounding: each product as two float64, summed exactly.

``p = x y`` rounded and ``e = fma(x, y, -p)`` add up to the product, as long as the last
bit of the product is not below the smallest float64 and p is far from overflow.  Other
products, and those of infinities and NaN, go value by value into limbs of their own.

Source: Dekker (1971) with a fused multiply-add; Ogita, Rump & Oishi, Accurate sum and
dot product (2005).  Naive twin: tests/stats/test_exact_dot.py.  Nothing here may be
compiled with fast-math.
"""

from __future__ import annotations

import numpy as np

from stats.compiled import compiled
from stats.kernels import add_product, parts
from stats.kernels_bins import flush_bins, scalar_bits
from stats.kernels_sum import BLOCK, RENEW, add_block
from stats.lanes import (
    LANES,
    bits,
    fused,
    less,
    load,
    prefetch,
    splat,
    store,
    union,
    value_at,
)

__all__ = ["PRODUCT_LIMBS", "add_dot"]

# Limbs of 32 bits from 2^-2148 to beyond the square of the largest float64.
PRODUCT_LIMBS = 140

# Biased exponents between which p and e are exact: from 2^-969 on the last of 106 bits
# is at least 2^-1074, and above 2^1020 there is no σ.
_LOW = np.int64(54 << 52)
_HIGH = np.int64((2043 << 52) - 1)
_SIZE = np.int64((1 << 63) - 1)
_AHEAD = 384


@compiled
def _multiply(x, y, start, stop, products, errors):  # type: ignore[no-untyped-def]  # compiled
    """Products and their rounding errors; False when some are not exact."""
    sizes, one, all_bits = splat(_SIZE), splat(np.int64(1)), splat(np.int64(-1))
    low, high, zero = splat(_LOW), splat(_HIGH), splat(0.0)
    odd = splat(np.int64(0))
    for i in range(start, stop, LANES):
        prefetch(x, i + _AHEAD)
        prefetch(y, i + _AHEAD)
        a, b = load(x, i), load(y, i)
        p = a * b
        store(products, i - start, p)
        store(errors, i - start, fused(a, b, zero - p))
        size = bits(p) & sizes
        nothing = less(bits(a) & sizes, one) | less(bits(b) & sizes, one)
        odd = odd | (less(size, low) & (nothing ^ all_bits)) | less(high, size)
    return union(odd) == 0


@compiled
def _add_odd(wide, special, a, b, always):  # type: ignore[no-untyped-def]  # compiled
    """Add a product, unless two float64 hold it and it is not wanted always."""
    p = a * b
    size = scalar_bits(p) & _SIZE
    if not (np.isfinite(a) and np.isfinite(b)):
        special[2 if np.isnan(p) else np.int64(p < 0)] += 1
        return True
    if not always and (a == 0 or b == 0 or _LOW <= size <= _HIGH):
        return False
    m, s, negative = parts(a)
    n, t, other = parts(b)
    add_product(wide, 0, m, n, s + t, negative != other)
    return True


@compiled
def _take_odd(wide, special, x, y, start, stop, products, errors):  # type: ignore[no-untyped-def]  # compiled
    """Add products that two float64 may not hold, and set those to zero."""
    for i in range(start, stop):
        if _add_odd(wide, special, value_at(x, i), value_at(y, i), False):
            products[i - start] = 0.0
            errors[i - start] = 0.0


@compiled
def add_dot(row, wide, special, bins, x, y, rounded):  # type: ignore[no-untyped-def]  # compiled
    """Add the products of two contiguous arrays.

    Parameters
    ----------
    row : int64 array, shape (ALL_LIMBS,), changed in place
    wide : int64 array, shape (PRODUCT_LIMBS,), changed in place
        Products beyond the range of `row`, from 2^-2148 on.
    special : int64 array, shape (3,), changed in place
        How many products are +inf, -inf and NaN.
    bins : int64 array, shape BINS
        All zero, before and after.
    x, y : float64 or float32 arrays, shape (n,)
    rounded : bool
        Products may have rounding errors: float64 has them, float32 has not.

    Returns
    -------
    int
        How many blocks held products that went value by value.
    """
    products, errors, scratch = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    state, second = np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64)
    whole, odd = x.size - x.size % LANES, 0
    for number in range((whole + BLOCK - 1) // BLOCK):
        start = number * BLOCK
        stop = min(start + BLOCK, whole)
        if number % RENEW == 0:
            state[0], state[1], second[0], second[1] = 0, 1, 0, 1
        if not _multiply(x, y, start, stop, products, errors):
            _take_odd(wide, special, x, y, start, stop, products, errors)
            odd += 1
        add_block(row, special, bins, scratch, products, 0, stop - start, state)
        if rounded:
            add_block(row, special, bins, scratch, errors, 0, stop - start, second)
    for i in range(whole, x.size):
        _add_odd(wide, special, value_at(x, i), value_at(y, i), True)
    if state[2] + second[2] > 0:
        flush_bins(row, bins)
    return odd
