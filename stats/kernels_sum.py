"""Compiled sum of one long array: exact, and faster than a float sum.

A float64 σ with significand 1.5, far above every x of a block, makes ``t = σ + x``
round x to the grid ulp(σ), and ``bits(t) - bits(σ)`` is that multiple as an integer,
because all t share one exponent.  What was rounded away, ``x - (t - σ)``, is exact and
goes on to a σ that is 2^52 smaller.  Integer sums may be reordered, so that eight
lanes work at a time.  Blocks that eight levels do not hold are sorted into bins.

Source: Rump, Ogita & Oishi, Accurate floating-point summation part I (2008), section 3;
Demmel & Nguyen, Parallel reproducible summation (2015).  Naive twin:
tests/stats/test_exact_fast.py.  Nothing here may be compiled with fast-math.
"""

from __future__ import annotations

import numpy as np

from stats.compiled import compiled
from stats.kernels_bins import (
    add_one,
    clean,
    fill_bins,
    flush,
    flush_bins,
    scalar_bits,
    sigma,
)
from stats.lanes import LANES, bits, load, prefetch, splat, store, total, union

__all__ = [
    "ALL_LIMBS",
    "ALL_PASSES",
    "BLOCK",
    "HEADROOM",
    "LARGEST",
    "RENEW",
    "add_block",
    "add_clean",
    "add_flat",
    "add_passes",
    "add_rows",
]

# Values per block: each is below 2^51 units, so a block is below 2^62.
BLOCK = 2048
# Blocks after which σ and the level are chosen anew, or extraction is tried again.
RENEW = 64
# Grid limbs up to 2^64 times the largest float64.
ALL_LIMBS = 70

# Biased exponents from the largest value to its σ, and of the largest σ.
HEADROOM = 3
LARGEST = 2046
# Passes that any finite block is through with.
ALL_PASSES = 21
_SIGN_AND_EXPONENT = np.int64(-(1 << 52))
_SIZE = np.int64((1 << 63) - 1)
# Passes of two levels each over a block, before what is left goes into bins.
_PASSES = 4
# What a block needs: one level, two, passes over its rest, or bins.
_ONE, _TWO, _DEEP, _WIDE = 1, 2, 3, 4
# Values from here to where memory is asked for: farther than processors look ahead.
_AHEAD = 384


@compiled
def _one_level(x, start, stop, s1):  # type: ignore[no-untyped-def]  # compiled
    """Units of s1, bits where σ was left, and bits of what is left over."""
    sigma1 = splat(s1)
    bits1 = bits(sigma1)
    first = bad = rest = splat(np.int64(0))
    for i in range(start, stop, LANES):
        prefetch(x, i + _AHEAD)
        v = load(x, i)
        t = sigma1 + v
        bad = bad | (bits(t) ^ bits1)
        rest = rest | bits(v - (t - sigma1))
        first = first + bits(t)
    return total(first) - (stop - start) * scalar_bits(s1), union(bad), union(rest)


@compiled
def _two_levels(x, start, stop, s1, s2):  # type: ignore[no-untyped-def]  # compiled
    """Units of s1 and s2, bits where σ was left, and bits of what is left over."""
    sigma1, sigma2 = splat(s1), splat(s2)
    bits1 = bits(sigma1)
    first = second = bad = rest = splat(np.int64(0))
    for i in range(start, stop, LANES):
        prefetch(x, i + _AHEAD)
        v = load(x, i)
        t = sigma1 + v
        q = v - (t - sigma1)
        u = sigma2 + q
        bad = bad | (bits(t) ^ bits1)
        rest = rest | bits(q - (u - sigma2))
        first = first + bits(t)
        second = second + bits(u)
    one = total(first) - (stop - start) * scalar_bits(s1)
    two = total(second) - (stop - start) * scalar_bits(s2)
    return one, two, union(bad), union(rest)


@compiled
def _peel(x, start, stop, out, s1, s2):  # type: ignore[no-untyped-def]  # compiled
    """Two levels, and what is left over of every value in `out`."""
    sigma1, sigma2 = splat(s1), splat(s2)
    bits1 = bits(sigma1)
    first = second = bad = rest = splat(np.int64(0))
    for i in range(start, stop, LANES):
        prefetch(x, i + _AHEAD)
        v = load(x, i)
        t = sigma1 + v
        q = v - (t - sigma1)
        u = sigma2 + q
        r = q - (u - sigma2)
        store(out, i - start, r)
        bad = bad | (bits(t) ^ bits1)
        rest = rest | bits(r)
        first = first + bits(t)
        second = second + bits(u)
    one = total(first) - (stop - start) * scalar_bits(s1)
    two = total(second) - (stop - start) * scalar_bits(s2)
    return one, two, union(bad), union(rest)


@compiled
def _denormals(x, start, stop):  # type: ignore[no-untyped-def]  # compiled
    """Sum of values below 2^-1022, whose bits are integers; slow in floating point."""
    sizes, shift = splat(_SIZE), splat(np.int64(63))
    first = seen = splat(np.int64(0))
    for i in range(start, stop, LANES):
        prefetch(x, i + _AHEAD)
        b = bits(load(x, i))
        size, sign = b & sizes, b >> shift
        first = first + ((size ^ sign) - sign)
        seen = seen | size
    return total(first), union(seen)


@compiled
def add_passes(row, rest, n, top, limit):  # type: ignore[no-untyped-def]  # compiled
    """Add a block of finite values by passes over its rest.

    Parameters
    ----------
    row : int64 array, shape (ALL_LIMBS,), changed in place
    rest : float64 array, shape (n,), changed in place
        At most BLOCK values, a multiple of LANES; what was not added is left there.
    top : int
        Biased exponent of a σ above every value, at most 2046.
    limit : int
        Passes of two levels each; ALL_PASSES leave nothing.

    Returns
    -------
    bool
        Nothing is left.
    """
    for _ in range(limit):
        top = max(top, 1)
        low = max(top - 52, 1)
        first, second, _, left = _peel(rest, 0, n, rest, sigma(top), sigma(low))
        flush(row, first, top)
        flush(row, second, low)
        if left & _SIZE == 0:
            return True
        top = low - 52
    return False


@compiled
def add_clean(row, rest, n, top, limit):  # type: ignore[no-untyped-def]  # compiled
    """`add_passes` for values that nothing was taken from; denormals are faster."""
    if top == HEADROOM:
        flush(row, _denormals(rest, 0, n)[0], 1)
        return True
    return add_passes(row, rest, n, top, limit)


@compiled
def _extract(row, bins, scratch, x, start, stop, state):  # type: ignore[no-untyped-def]  # compiled
    """Add a block with the σ of the block before; False, nothing added: it is small."""
    top, low = state[0], max(state[0] - 52, 1)
    s1, s2, second = sigma(top), sigma(low), np.int64(0)
    if top == HEADROOM:
        first, seen = _denormals(x, start, stop)
        if seen >> 52 == 0:
            flush(row, first, 1)
        return seen >> 52 == 0
    while True:
        if state[1] == _ONE:
            first, bad, rest = _one_level(x, start, stop, s1)
        elif state[1] == _TWO:
            first, second, bad, rest = _two_levels(x, start, stop, s1, s2)
        else:
            first, second, bad, rest = _peel(x, start, stop, scratch, s1, s2)
        if bad & _SIGN_AND_EXPONENT != 0:
            return False
        if rest & _SIZE == 0 or state[1] == _DEEP:
            break
        state[1] += 1
    flush(row, first, top)
    flush(row, second, low)
    if rest & _SIZE != 0:
        n = stop - start
        if not add_passes(row, scratch, n, low - 52, _PASSES - 1):
            _give_up(bins, scratch, n, state)
    return True


@compiled
def _give_up(bins, rest, n, state):  # type: ignore[no-untyped-def]  # compiled
    """Put the rest of a block into bins, and blocks like it too."""
    fill_bins(bins, rest, 0, n)
    state[1] = _WIDE
    state[2] += 1


@compiled
def add_block(row, special, bins, scratch, x, start, stop, state):  # type: ignore[no-untyped-def]  # compiled
    """Add at most BLOCK values, a multiple of LANES, into one cell.

    Parameters
    ----------
    row : int64 array, shape (ALL_LIMBS,), changed in place
    special : int64 array, shape (3,), changed in place
        How many values are +inf, -inf and NaN.
    bins : int64 array, shape BINS, changed in place
        To be flushed in the end when state[2] > 0.
    scratch : float64 array, shape (BLOCK,)
    block : float64 or float32 array, shape (n,)
    state : int64 array, shape (3,), changed in place
        Biased exponent of σ (0 is unknown), what blocks need, blocks in bins.
    """
    n = stop - start
    if state[1] == _WIDE:
        state[2] += 1
        if not fill_bins(bins, x, start, stop):
            clean(x, start, stop, scratch, special)
    elif state[0] == 0 or not _extract(row, bins, scratch, x, start, stop, state):
        top = clean(x, start, stop, scratch, special) + HEADROOM
        if top <= LARGEST:
            state[0] = top
            if not add_clean(row, scratch, n, top, _PASSES):
                _give_up(bins, scratch, n, state)
        else:
            state[2] += 1
            fill_bins(bins, scratch, 0, n)


@compiled
def add_flat(row, special, bins, x, start, stop):  # type: ignore[no-untyped-def]  # compiled
    """Add x[start:stop] of a contiguous array into one cell.

    Parameters
    ----------
    row : int64 array, shape (ALL_LIMBS,), changed in place
    special : int64 array, shape (3,), changed in place
        How many values are +inf, -inf and NaN.
    bins : int64 array, shape BINS
        All zero, before and after.
    x : float64 or float32 array, shape (n,)

    Returns
    -------
    int
        How many blocks went into bins.
    """
    scratch = np.empty(BLOCK)
    state = np.zeros(3, dtype=np.int64)
    whole = stop - (stop - start) % LANES
    for number in range((whole - start + BLOCK - 1) // BLOCK):
        at = start + number * BLOCK
        if number % RENEW == 0:
            state[0], state[1] = 0, _ONE
        add_block(row, special, bins, scratch, x, at, min(at + BLOCK, whole), state)
    for i in range(whole, stop):
        add_one(row, special, x[i])
    if state[2] > 0:
        flush_bins(row, bins)
    return state[2]


@compiled
def add_rows(limbs, special, bins, x):  # type: ignore[no-untyped-def]  # compiled
    """Add equal stretches of a contiguous array into one cell each.

    Parameters
    ----------
    limbs : int64 array, shape (cells, ALL_LIMBS), changed in place
    special : int64 array, shape (cells, 3), changed in place
    bins : int64 array, shape BINS
        All zero, before and after.
    x : float64 or float32 array, shape (cells * n,)
    """
    n = x.size // limbs.shape[0]
    for cell in range(limbs.shape[0]):
        add_flat(limbs[cell], special[cell], bins, x, cell * n, (cell + 1) * n)
