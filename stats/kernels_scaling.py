"""Scale the columns of a tile to one grid, and take out the rows it does not hold."""

from __future__ import annotations

import numba as nb
import numpy as np

from stats.kernels_tile import FEW, LOWEST, SPLIT, power, scale, split
from stats.kernels_vector import UNIT, bits

__all__ = ["choose", "keeps", "leave_out", "scale_all"]

# Tiles after which integers in units of 2^-43 could leave 62 bits.
_TILES = 512
# A scale this many binades too coarse is chosen anew.
_COARSE = 2
_ONE = np.uint64(1)
_SIZE = np.int64((1 << 63) - 1)
_INFINITE = np.int64(0x7FF << 52)


@nb.njit(cache=True, nogil=True)
def keeps(tile, pending):  # type: ignore[no-untyped-def]  # compiled
    """Whether the tile can be added at the scales of what is pending."""
    for j in range(tile.needed.size):
        ahead = pending.exponent[j] - tile.needed[j]
        if ahead < 0 or (ahead > _COARSE and tile.needed[j] > LOWEST):
            return False
    return pending.used[1] < _TILES


@nb.njit(cache=True, nogil=True)
def choose(tile, pending):  # type: ignore[no-untyped-def]  # compiled
    """Start columns at the scales that the tile needs, or the last ones if they do."""
    d = tile.needed.size
    for j in range(d):
        needed = max(tile.needed[j], np.int64(LOWEST))
        ahead = pending.exponent[j] - needed
        if ahead < 0 or ahead > _COARSE:
            pending.exponent[j] = needed
        pending.owner[j] = j
    pending.used[0] = d


@nb.njit(cache=True, nogil=True)
def scale_all(tile, pending, n):  # type: ignore[no-untyped-def]  # compiled
    """Scale every column, splitting it where one grid does not hold most of it.

    A column that was split stays so until the next flush; False when another should be
    split, but rows without its low part are pending.
    """
    d, whole = tile.needed.size, True
    for j in range(d):
        e = pending.exponent[j]
        values, down, up = tile.raw[j, :n].view(np.int64), power(-e), power(e)
        c = d
        while c < pending.used[0] and pending.owner[c] != j:
            c += 1
        if c == pending.used[0]:
            total, off = scale(values, tile.scaled[j, :n], down, up)
            tile.total[j], tile.off[j] = total, off
            if off <= FEW:
                continue
            if pending.used[1]:
                whole = False
                continue
            pending.owner[c] = j
            pending.exponent[c] = e - SPLIT
            pending.used[0] = c + 1
        high, low = tile.scaled[j, :n], tile.scaled[c, :n]
        tile.total[j], tile.total[c], tile.off[j] = split(values, high, low, down, up)
    return whole


@nb.njit(cache=True, nogil=True)
def _fits_grid(tile, pending, r):  # type: ignore[no-untyped-def]  # compiled
    """Whether the columns hold every value of row r."""
    d = tile.needed.size
    for j in range(d):
        x = tile.raw[j, r]
        if tile.off[j] == 0 or (bits(x) & _SIZE) >= _INFINITE:
            continue
        e = pending.exponent[j]
        y = x * power(-e)
        grid = np.rint(y * power(-UNIT)) * power(UNIT)
        if grid * power(e) == x:
            continue
        c = d
        while c < pending.used[0] and pending.owner[c] != j:
            c += 1
        rest = (y - grid) * power(SPLIT - UNIT)
        if c == pending.used[0] or y * power(e) != x or np.rint(rest) != rest:
            return False
    return True


@nb.njit(cache=True, nogil=True)
def leave_out(tile, pending, n):  # type: ignore[no-untyped-def]  # compiled
    """Take the rows that the grid does not hold out of the tile; return how many."""
    d, sigma = tile.needed.size, power(-UNIT)
    tile.left_out[:] = 0
    found = 0
    for r in range(n):
        if _fits_grid(tile, pending, r):
            continue
        found += 1
        w, bit = r // 64, _ONE << np.uint64(r % 64)
        tile.left_out[w] |= bit
        for j in range(d):
            tile.gone[j] += np.int64((tile.missing[j, w] & bit) == 0)
            tile.missing[j, w] &= ~bit
        for c in range(pending.used[0]):
            # What the grid made of the value, as `scale` and `split` counted it.
            tile.total[c] -= np.int64(np.rint(tile.scaled[c, r] * sigma))
            tile.scaled[c, r] = 0.0
    return found
