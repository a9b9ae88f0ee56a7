"""A tile: some rows of one group, column by column, scaled until one grid holds them.

Column j of a tile is x * 2^-e with e above the largest exponent, so |y| < 1, and a
missing value is 0.  Values that are whole multiples of 2^-43 then have products that
`kernels_vector.exact_block` adds without rounding.  A column with many finer values is
split in two, y = high + low * 2^-43, both on the grid; the rows of a few finer values
leave the tile and take the way of `kernels.add_row`.
"""

from __future__ import annotations

from typing import NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray

from stats.kernels_vector import UNIT, bits, from_bits, missing_word

__all__ = [
    "FEW",
    "HIGHEST",
    "LOWEST",
    "ROWS",
    "SPLIT",
    "Tile",
    "fill",
    "measure",
    "missing_words",
    "new_tile",
    "power",
    "scale",
    "split",
]

# Rows of a tile: a lane of the product loop takes at most 256.
ROWS = 512
WORDS = ROWS // 64
# Binades that a split moves the low part up by.
SPLIT = -UNIT
# Exponents of columns that a tile can hold: powers of two in the normal range.
LOWEST, HIGHEST = -900, 1000
# More values off the grid than this split their column.
FEW = 4

_SIGMA = 1.5 * 2.0 ** (52 + UNIT)
_SIZE = np.int64((1 << 63) - 1)
_INFINITE = np.int64(0x7FF << 52)
_MOST = np.int64((1 << 63) - 1)
_LEAST = np.int64(-(1 << 63))


class Tile(NamedTuple):
    """Scratch space of one tile, reused.

    Attributes
    ----------
    raw : float64 array, shape (d, stride)
        Values as they came, NaN included.
    scaled : float64 array, shape (2 d + 1, stride)
        Scaled columns; split columns have their low part behind the first d, and a zero
        column may follow, so that columns come in pairs.
    missing : uint64 array, shape (d, ROWS / 64)
        One bit for every value that is infinite or NaN.
    left_out : uint64 array, shape (ROWS / 64,)
        One bit for every row that another way takes.
    low, high : int64 arrays, shape (d,)
        Smallest and largest value, infinite ones too, as ordered bit patterns.
    gone : int64 array, shape (d,)
        How many values are missing.
    needed : int64 array, shape (d,)
        Exponent of two above every finite value, at least LOWEST; LOWEST - 1 when all
        are zero.
    total : int64 array, shape (2 d + 1,)
        Σ of the scaled column in units of 2^-43.
    off : int64 array, shape (d,)
        Values of a column that are finer than the grid.
    """

    raw: NDArray[np.float64]
    scaled: NDArray[np.float64]
    missing: NDArray[np.uint64]
    left_out: NDArray[np.uint64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    gone: NDArray[np.int64]
    needed: NDArray[np.int64]
    total: NDArray[np.int64]
    off: NDArray[np.int64]


def new_tile(d: int) -> Tile:
    """Scratch space for d features."""
    wide = 2 * d + 1
    # Columns a little longer than a power of two do not fight for the same cache lines.
    return Tile(
        np.zeros((d, ROWS + 8)),
        np.zeros((wide, ROWS + 8)),
        np.zeros((d, WORDS), dtype=np.uint64),
        np.zeros(WORDS, dtype=np.uint64),
        *(np.zeros(d, dtype=np.int64) for _ in range(4)),
        np.zeros(wide, dtype=np.int64),
        np.zeros(d, dtype=np.int64),
    )


@nb.njit(cache=True, nogil=True, inline="always")
def power(exponent):  # type: ignore[no-untyped-def]  # compiled
    """Two to this exponent, which lies in the normal range of float64."""
    return from_bits((np.int64(exponent) + 1023) << np.int64(52))


@nb.njit(cache=True, nogil=True)
def fill(raw, x, columns, order, first, row, n):  # type: ignore[no-untyped-def]  # compiled
    """Copy rows of a group into the columns of `raw`, and zeros up to a full word.

    Parameters
    ----------
    raw : float64 array, shape (d, stride), changed in place
    x : float array, shape (agents, d, times) if `columns`, else (agents, times, d)
    columns : bool
    order : int64 array
        Agents sorted by group.
    first : int
        Where the group starts in `order`.
    row : int
        First row, counted over agents and times of the group.
    n : int
        Rows, at most ROWS.
    """
    times = x.shape[2] if columns else x.shape[1]
    filled = 0
    while filled < n:
        agent = order[first + (row + filled) // times]
        t = (row + filled) % times
        length = min(times - t, n - filled)
        if columns:
            for j in range(raw.shape[0]):
                source = x[agent, j, t : t + length]
                target = raw[j, filled : filled + length]
                for i in range(source.size):
                    target[i] = source[i]
        else:
            rows = x[agent, t : t + length]
            for j in range(raw.shape[0]):
                target = raw[j, filled : filled + length]
                for i in range(target.size):
                    target[i] = rows[i, j]
        filled += length
    for j in range(raw.shape[0]):
        raw[j, n : (n + 63) // 64 * 64] = 0.0


@nb.njit(cache=True, nogil=True)
def _range(column):  # type: ignore[no-untyped-def]  # compiled
    """Ordered bits of the smallest and largest value, and how many are not finite."""
    low, high, gone = _MOST, _LEAST, np.int64(0)
    for i in range(column.size):
        b = column[i]
        size = b & _SIZE
        key = b ^ ((b >> np.int64(63)) & _SIZE)
        low = min(low, _MOST if size > _INFINITE else key)
        high = max(high, _LEAST if size > _INFINITE else key)
        gone += np.int64(size >= _INFINITE)
    return low, high, gone


@nb.njit(cache=True, nogil=True)
def _largest(column):  # type: ignore[no-untyped-def]  # compiled
    """Largest finite size as a bit pattern."""
    largest = np.int64(0)
    for i in range(column.size):
        size = column[i] & _SIZE
        largest = max(largest, np.int64(0) if size >= _INFINITE else size)
    return largest


@nb.njit(cache=True, nogil=True, inline="always")
def _size_of(key):  # type: ignore[no-untyped-def]  # compiled
    """Bits of the size of the value with this ordered pattern."""
    return (key ^ _SIZE) & _SIZE if key < 0 else key


@nb.njit(cache=True, nogil=True)
def measure(tile, n):  # type: ignore[no-untyped-def]  # compiled
    """Range, missing values and needed exponent of every column of n rows."""
    for j in range(tile.raw.shape[0]):
        column = tile.raw[j, :n].view(np.int64)
        low, high, gone = _range(column)
        tile.low[j], tile.high[j], tile.gone[j] = low, high, gone
        largest = max(_size_of(low), _size_of(high))
        if gone:
            largest = _largest(column)
        exponent = max((largest >> np.int64(52)) - 1022, np.int64(LOWEST))
        tile.needed[j] = exponent if largest else np.int64(LOWEST - 1)


@nb.njit(cache=True, nogil=True)
def missing_words(tile, n):  # type: ignore[no-untyped-def]  # compiled
    """Fill the bits of missing values; True when there are any."""
    words = (n + 63) // 64
    found = False
    for j in range(tile.raw.shape[0]):
        if tile.gone[j] == 0:
            tile.missing[j, :words] = 0
            continue
        found = True
        for w in range(words):
            tile.missing[j, w] = missing_word(tile.raw[j, 64 * w :].ctypes.data)
    return found


@nb.njit(cache=True, nogil=True)
def scale(values, target, down, up):  # type: ignore[no-untyped-def]  # compiled
    """Scale a column; return its sum in units of 2^-43 and how many are off the grid.

    Parameters
    ----------
    values : int64 array, shape (n,)
        Bit patterns of float64.
    target : float64 array, shape (n,), changed in place
    down, up : float
        The scale and its inverse, powers of two.
    """
    total, off = np.int64(0), np.int64(0)
    start = bits(_SIGMA)
    floats = values.view(np.float64)
    for i in range(values.size):
        x = np.float64(0.0) if (values[i] & _SIZE) >= _INFINITE else floats[i]
        y = x * down
        t = _SIGMA + y
        total += bits(t)
        off += np.int64((t - _SIGMA) * up != x)
        target[i] = y
    return total - values.size * start, off


@nb.njit(cache=True, nogil=True)
def split(values, high, low, down, up):  # type: ignore[no-untyped-def]  # compiled
    """Scale a column into two; return both sums and how many the two do not hold."""
    first, second, off = np.int64(0), np.int64(0), np.int64(0)
    start = bits(_SIGMA)
    lift = power(SPLIT)
    floats = values.view(np.float64)
    for i in range(values.size):
        x = np.float64(0.0) if (values[i] & _SIZE) >= _INFINITE else floats[i]
        y = x * down
        t = _SIGMA + y
        top = t - _SIGMA
        rest = (y - top) * lift
        u = _SIGMA + rest
        bottom = u - _SIGMA
        first += bits(t)
        second += bits(u)
        # Both parts have the units of the grid, so their sum is exact if it equals x.
        off += np.int64((bottom != rest) | (y * up != x))
        high[i] = top
        low[i] = bottom
    n = values.size
    return first - n * start, second - n * start, off
