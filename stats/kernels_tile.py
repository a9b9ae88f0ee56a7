"""A tile: some rows of one group, column by column, scaled until one grid holds them.

Column j of a tile is x * 2^-e with e above the largest exponent, so ``|y| < 1``, and a
missing value is 0.  Values that are whole multiples of 2^-43 then have products that
`kernels_products` adds without rounding.  A column with many finer values is split in
two, y = high + low * 2^-43, both on the grid; the rows of a few finer values leave the
tile and take the way of `kernels_moments.add_row`.

Where the times of a feature lie side by side in whole words of 64, columns are scaled
straight from the block; elsewhere rows are first copied into the tile.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stats.compiled import compiled

__all__ = [
    "HIGHEST",
    "LOWEST",
    "ROWS",
    "UNIT",
    "WORDS",
    "Rows",
    "Tile",
    "copy",
    "count_rows",
    "new_tile",
]

# Exponent of two of the grid that columns of |y| < 1 lie on.
UNIT = -43
# Rows of a tile: a lane of the product loop takes at most 256.
ROWS = 1024
WORDS = ROWS // 64
# Exponents of columns that a tile can hold: powers of two in the normal range.
LOWEST, HIGHEST = -900, 1000

_ALL = np.uint64((1 << 64) - 1)


class Rows(NamedTuple):
    """Which rows of a block a tile holds.

    Attributes
    ----------
    x : float array, shape (agents, d, times) if `columns`, else (agents, times, d)
    columns : bool
    whole : bool
        Times lie side by side and come in whole words of 64.
    order : int64 array
        Agents sorted by group.
    first : int
        Where the group starts in `order`.
    row : int
        First row, counted over agents and times of the group.
    n : int
        Rows, at most ROWS.
    """

    x: NDArray[np.floating]
    columns: bool
    whole: bool
    order: NDArray[np.int64]
    first: int
    row: int
    n: int


class Tile(NamedTuple):
    """Scratch space of one tile, reused.

    Attributes
    ----------
    raw : float64 array, shape (1, d, stride)
        Values as they came, and NaN up to a whole word; filled where it is needed.
    scaled : float64 array, shape (C, stride)
        Scaled columns; split columns have their low part behind the first d, and a zero
        column may follow, so that columns come in pairs.  At least eight columns.
    there : uint64 array, shape (d, WORDS)
        One bit for every finite value of the rows of the tile.
    counted : uint64 array, shape (WORDS,)
        One bit for every row of the tile; not for one that another way takes.
    low, high : float64 arrays, shape (d,)
        Smallest and largest value, infinite ones too; inf and -inf for nothing seen.
    seen : int64 array, shape (d,)
        How many values are there.
    needed : int64 array, shape (d,)
        Exponent of two above every finite value, at least LOWEST; LOWEST - 1 when all
        are zero.
    total : int64 array, shape (C,)
        Σ of the scaled column in units of 2^-43.
    off : int64 array, shape (d,)
        Values of a column that are finer than the grid.
    order : int64 array, shape (1,)
        Zero: the one agent of `raw`.
    copied : int64 array, shape (1,)
        Whether `raw` is filled.
    """

    raw: NDArray[np.float64]
    scaled: NDArray[np.float64]
    there: NDArray[np.uint64]
    counted: NDArray[np.uint64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    seen: NDArray[np.int64]
    needed: NDArray[np.int64]
    total: NDArray[np.int64]
    off: NDArray[np.int64]
    order: NDArray[np.int64]
    copied: NDArray[np.int64]


def new_tile(d: int) -> Tile:
    """Scratch space for d features."""
    wide = 2 * d + 8
    # Columns a little longer than a power of two do not fight for the same cache lines.
    return Tile(
        raw=np.zeros((1, d, ROWS + 8)),
        scaled=np.zeros((wide, ROWS + 8)),
        there=np.zeros((d, WORDS), dtype=np.uint64),
        counted=np.zeros(WORDS, dtype=np.uint64),
        low=np.zeros(d),
        high=np.zeros(d),
        seen=np.zeros(d, dtype=np.int64),
        needed=np.zeros(d, dtype=np.int64),
        total=np.zeros(wide, dtype=np.int64),
        off=np.zeros(d, dtype=np.int64),
        order=np.zeros(1, dtype=np.int64),
        copied=np.zeros(1, dtype=np.int64),
    )


@compiled
def copy(tile, rows):  # type: ignore[no-untyped-def]  # compiled
    """Copy rows into the columns of `raw`, and NaN up to a whole word; once."""
    if tile.copied[0]:
        return
    tile.copied[0] = 1
    x, raw = rows.x, tile.raw[0]
    times = x.shape[2] if rows.columns else x.shape[1]
    done = 0
    while done < rows.n:
        agent = rows.order[rows.first + (rows.row + done) // times]
        t = (rows.row + done) % times
        length = min(times - t, rows.n - done)
        for j in range(raw.shape[0]):
            target = raw[j, done : done + length]
            if rows.columns:
                source = x[agent, j, t : t + length]
                for i in range(target.size):
                    target[i] = source[i]
            else:
                block = x[agent, t : t + length]
                for i in range(target.size):
                    target[i] = block[i, j]
        done += length
    for j in range(raw.shape[0]):
        raw[j, done : (done + 63) // 64 * 64] = np.nan


@compiled
def count_rows(counted, n):  # type: ignore[no-untyped-def]  # compiled
    """Set the bits of n rows, and no others."""
    counted[:] = 0
    words = (n + 63) // 64
    counted[:words] = _ALL
    counted[words - 1] = _ALL >> np.uint64(64 * words - n)
