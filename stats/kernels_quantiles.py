"""Compiled loops of `GroupQuantiles`: values to bins by their bits, counted and joined.

The *place* of a magnitude is its exponent and its mantissa rounded to m bits, read as
one integer that grows with the magnitude; a denormal is read as if its exponent went
on below.  The *bin* is 0 for zero and ±(place + 1) otherwise.  Counts gather in one
table over all places of both signs, which is used again for every group and feature:
a flag per octave says what has to be read out and cleared.  Nothing here may be
compiled with fast-math.
"""

from __future__ import annotations

import numba as nb
import numpy as np
from numpy.typing import NDArray

__all__ = ["OCTAVES", "count_runs", "join_runs", "tables", "warm"]

# Octaves of one sign in the table: 2^-1074 to 2^1024, padded to whole words of flags.
OCTAVES = 2104
# An exponent field of 1, the smallest that is not denormal, is octave 52: 2^-1074 is 0.
_BELOW = 51
# 2^1024 is where the largest numbers are rounded to; infinity comes right after it.
_TOP = 2047 + _BELOW

_MISSING = -1
_ZERO = -2


@nb.njit(cache=True, nogil=True)
def _rare(magnitude, fraction, m):  # type: ignore[no-untyped-def]  # compiled
    """Place of zero, denormals, infinity and NaN of either width."""
    infinite = (2047 << 52) if fraction == 52 else (255 << 23)
    if magnitude > infinite:
        return np.int64(_MISSING)
    if magnitude == infinite:
        return np.int64((_TOP << m) + 1)
    if magnitude == 0:
        return np.int64(_ZERO)
    top = 0
    while magnitude >> (top + 1):
        top += 1
    # A denormal is magnitude * 2^-1074, or 2^-149 in float32.
    exponent = top - 51 if fraction == 52 else top + 874
    bits = (exponent << 52) + ((magnitude - (1 << top)) << (52 - top))
    return np.int64(((bits + (1 << (51 - m))) >> (52 - m)) + (_BELOW << m))


@nb.njit(cache=True, nogil=True)
def _read_out(  # type: ignore[no-untyped-def]  # compiled
    table, pieces, octaves, zeros, m, bins, counts, at
):
    """Append what the table holds in the order of the bins, and clear it."""
    half = np.int64(OCTAVES) << m
    size = 1 << (m - 3)
    for side in range(2):
        step = 2 * side - 1
        if side and zeros != 0:
            bins[at] = 0
            counts[at] = zeros
            at += 1
        for word in range(OCTAVES // 8):
            w = word if side else OCTAVES // 4 - 1 - word
            if octaves[w] == 0:
                continue
            octaves[w] = 0
            first = 64 * w + (0 if side else 63)
            for k in range(64):
                piece = first + step * k
                if pieces[piece] == 0:
                    continue
                pieces[piece] = 0
                low = piece << (m - 3)
                for j in range(size):
                    i = low + (j if side else size - 1 - j)
                    # Written before it is known to count: a branch costs more here.
                    bins[at] = i + 1 if side else half - 1 - i
                    counts[at] = table[i]
                    at += table[i] != 0
                    table[i] = 0
    return at


@nb.njit(cache=True, nogil=True)
def count_runs(  # type: ignore[no-untyped-def]  # compiled
    bits, starts, length, runs, d, stride, m, table, pieces, octaves, ends, bins, counts
):
    """Count the values of every run and feature by bin.

    Parameters
    ----------
    bits : uint32 or uint64 array, one axis, read-only
        Bit patterns of float32 or float64.
    starts, length : int64 arrays, shape (segments,)
        A segment of feature j is ``bits[starts + j * stride:][:length]``.
    runs : int64 array, shape (r + 1,)
        Run i holds the segments ``runs[i]`` to ``runs[i + 1]``.
    d, stride, m : int
        Features, their distance in `bits`, mantissa bits of a bin.
    table, pieces, octaves : arrays of `tables`, all zero before and after
    ends : int64 array, shape (r * d,), changed in place
        Where the bins of run and feature end.
    bins, counts : int32 and int64 arrays, changed in place
        Bins in ascending order per run and feature; room for one entry per value, and
        one more.
    """
    fraction = 52 if bits.itemsize == 8 else 23
    shift, rounding = fraction - m, np.int64(1) << (fraction - m - 1)
    sign = 8 * bits.itemsize - 1
    mask = np.int64((np.uint64(1) << np.uint64(sign)) - np.uint64(1))
    lowest = np.int64(1) << fraction
    span = np.uint64((2046 << 52) if fraction == 52 else (254 << 23))
    offset = np.int64(_BELOW if fraction == 52 else _BELOW + 896) << m
    half = np.int64(OCTAVES) << m
    marks = octaves.view(np.uint8)
    at = 0
    for run in range(runs.size - 1):
        for feature in range(d):
            zeros = 0
            for k in range(runs[run], runs[run + 1]):
                first = starts[k] + feature * stride
                part = bits[first : first + length[k]]
                for i in range(part.size):
                    b = np.int64(part[i])
                    magnitude = b & mask
                    if np.uint64(magnitude - lowest) < span:
                        place = ((magnitude + rounding) >> shift) + offset
                    else:
                        place = _rare(magnitude, fraction, m)
                        if place < 0:
                            zeros += place == _ZERO
                            continue
                    place += half * ((b >> sign) & 1)
                    table[place] += 1
                    pieces[place >> (m - 3)] = 1
                    marks[place >> m] = 1
            at = _read_out(table, pieces, octaves, zeros, m, bins, counts, at)
            ends[run * d + feature] = at


@nb.njit(cache=True, nogil=True)
def join_runs(  # type: ignore[no-untyped-def]  # compiled
    old_bins, old_counts, starts, stops, signs, runs, m, table, pieces, octaves,
    ends, bins, counts,
):  # fmt: skip
    """Add up the runs of sorted bins that belong to one cell.

    Parameters
    ----------
    old_bins, old_counts : int32 and int64 arrays
        Entries of everything that is joined.
    starts, stops, signs : int64 arrays, shape (n,)
        Run i holds the entries `starts` to `stops`, added or (sign -1) taken off.
    runs : int64 array, shape (cells + 1,)
        Cell i consists of the runs ``runs[i]`` to ``runs[i + 1]``.
    m, table, pieces, octaves, ends, bins, counts
        As in `count_runs`; entries that come to zero are left out.
    """
    half = np.int64(OCTAVES) << m
    marks = octaves.view(np.uint8)
    at = 0
    for cell in range(runs.size - 1):
        first, last = runs[cell], runs[cell + 1]
        if last - first == 1 and signs[first] > 0:
            for e in range(starts[first], stops[first]):
                bins[at] = old_bins[e]
                counts[at] = old_counts[e]
                at += 1
            ends[cell] = at
            continue
        zeros = 0
        for r in range(first, last):
            for e in range(starts[r], stops[r]):
                b = np.int64(old_bins[e])
                c = signs[r] * old_counts[e]
                if b == 0:
                    zeros += c
                    continue
                place = b - 1 if b > 0 else half - 1 - b
                table[place] += c
                pieces[place >> (m - 3)] = 1
                marks[place >> m] = 1
        at = _read_out(table, pieces, octaves, zeros, m, bins, counts, at)
        ends[cell] = at


def tables(m: int) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.uint64]]:
    """Return a zeroed table, its flags per eighth of an octave and per octave.

    The system maps pages of the table only where they are touched.
    """
    octaves = 2 * OCTAVES
    return (
        np.zeros(octaves << m, dtype=np.int64),
        np.zeros(octaves * 8, dtype=np.uint8),
        np.zeros(octaves // 8, dtype=np.uint64),
    )


def warm() -> None:
    """Compile every signature in use, or load it from the cache on disk."""
    scratch = tables(4)
    one, runs = np.ones(1, dtype=np.int64), np.arange(2)
    zero, ends = np.zeros(1, dtype=np.int64), np.empty(1, dtype=np.int64)
    bins, counts = np.empty(1, dtype=np.int32), np.empty(1, dtype=np.int64)
    out = (ends, bins, counts)
    for dtype in (np.uint32, np.uint64):
        bits = np.zeros(1, dtype=dtype)
        bits.flags.writeable = False
        count_runs(bits, zero, one, runs, 1, 1, 4, *scratch, *out)
    join_runs(bins.copy(), one, zero, one, one, runs, 4, *scratch, *out)
