"""Choose the scales of a tile, and take out the rows that its grid does not hold."""

from __future__ import annotations

import numpy as np

from stats.compiled import compiled
from stats.kernels_products import flush
from stats.kernels_scaling import SPLIT, count_off, power, scale, split
from stats.kernels_tile import HIGHEST, LOWEST, UNIT, copy
from stats.kernels_vector import bits

__all__ = ["fit", "leave_out"]

# Tiles after which integers in units of 2^-43 could leave 62 bits.
_TILES = 512
# More values off the grid than this split their column.
_FEW = 8
# A scale this many binades too coarse is chosen anew.
_COARSE = 2
_ONE = np.uint64(1)
_SIZE = np.int64((1 << 63) - 1)
_INFINITE = np.int64(0x7FF << 52)


@compiled
def fit(tile, pending, rows, g, state, pairs):  # type: ignore[no-untyped-def]  # compiled
    """Scale the tile as what is pending is scaled, or flush that and scale anew.

    Returns
    -------
    bool
        Whether the scales are those that a tile can have; else nothing is pending.
    """
    if pending.used[1] >= _TILES:
        flush(pending, g, state, pairs)
    if pending.used[0] == 0:
        _start(pending)
    whole = _scale_all(tile, pending, rows)
    if tile.needed.max() > HIGHEST:
        if pending.used[1]:
            flush(pending, g, state, pairs)
        pending.used[0] = 0
        return False
    if whole and _suits(tile, pending):
        return True
    if pending.used[1]:
        flush(pending, g, state, pairs)
    for j in range(tile.needed.size):
        needed = max(tile.needed[j], np.int64(LOWEST))
        ahead = pending.exponent[j] - needed
        if ahead < 0 or ahead > _COARSE:
            pending.exponent[j] = needed
    _start(pending)
    _scale_all(tile, pending, rows)
    return True


@compiled
def _suits(tile, pending):  # type: ignore[no-untyped-def]  # compiled
    """Whether the scales of the columns hold the values, and not too coarsely."""
    for j in range(tile.needed.size):
        ahead = pending.exponent[j] - tile.needed[j]
        if ahead < 0 or (ahead > _COARSE and tile.needed[j] > LOWEST):
            return False
    return True


@compiled
def _start(pending):  # type: ignore[no-untyped-def]  # compiled
    """One column per feature; the last scales are a good guess."""
    d = pending.seen.size
    for j in range(d):
        pending.owner[j] = j
    pending.used[0] = d


@compiled
def _scale_all(tile, pending, rows):  # type: ignore[no-untyped-def]  # compiled
    """Scale every column, splitting it where one grid does not hold most of it.

    A column that was split stays so until the next flush; False when another should be
    split, but rows without its low part are pending.
    """
    d, whole = tile.needed.size, True
    scale(tile, rows, pending.exponent)
    if tile.off.max() == 0 and pending.used[0] == d:
        return True
    copy(tile, rows)
    for j in range(d):
        e = pending.exponent[j]
        c = d
        while c < pending.used[0] and pending.owner[c] != j:
            c += 1
        if c == pending.used[0]:
            if tile.off[j] == 0 or tile.needed[j] > e:
                continue
            if count_off(tile, j, rows.n, e) <= _FEW:
                continue
            if pending.used[1]:
                whole = False
                continue
            pending.owner[c] = j
            pending.exponent[c] = e - SPLIT
            pending.used[0] = c + 1
        split(tile, j, c, rows.n, e)
    return whole


@compiled
def _fits_grid(tile, pending, r):  # type: ignore[no-untyped-def]  # compiled
    """Whether the columns hold every value of row r."""
    d = tile.needed.size
    for j in range(d):
        x = tile.raw[0, j, r]
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


@compiled
def leave_out(tile, pending, n):  # type: ignore[no-untyped-def]  # compiled
    """Take the rows that the grid does not hold out of the tile; return how many."""
    d, sigma = tile.needed.size, power(-UNIT)
    found = 0
    for r in range(n):
        if _fits_grid(tile, pending, r):
            continue
        found += 1
        w, bit = r // 64, _ONE << np.uint64(r % 64)
        tile.counted[w] &= ~bit
        for j in range(d):
            tile.seen[j] -= np.int64((tile.there[j, w] & bit) != 0)
            tile.there[j, w] &= ~bit
        for c in range(pending.used[0]):
            # What the grid made of the value, as `scale` and `split` counted it.
            tile.total[c] -= np.int64(np.rint(tile.scaled[c, r] * sigma))
            tile.scaled[c, r] = 0.0
    return found
