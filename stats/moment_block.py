"""Sum a block into limbs that grow as its values need them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stats.extremes import Extremes
from stats.kernels_moments import DONE, WINDOW, State, add_block
from stats.kernels_products import new_pending
from stats.kernels_tile import new_tile
from stats.limbs import Limbs

__all__ = ["BlockSums", "sum_block", "warm"]


class BlockSums(NamedTuple):
    """What `GroupMoments` keeps of a block, see there."""

    pair_count: NDArray[np.int64]
    sums: Limbs
    products: Limbs
    gaps: Limbs
    squares: Limbs
    infinite_signs: NDArray[np.int64]
    range: Extremes


def sum_block(
    x: NDArray[np.floating],
    groups: NDArray[np.int64],
    n_groups: int,
    *,
    columns: bool,
    pairs: bool,
) -> BlockSums:
    """Sum the rows of a block into their groups.

    Parameters
    ----------
    x : float64 or float32 array, C-contiguous
        (agents, d, times) if `columns`, else (agents, times, d).
    groups : int64 array, shape (agents,)
        In [-1, n_groups); -1 is not counted.
    n_groups : int
    columns, pairs : bool
    """
    d = x.shape[1] if columns else x.shape[2]
    order = np.argsort(groups, kind="stable").astype(np.int64)
    order = order[np.searchsorted(groups[order], 0) :]
    found, starts = np.unique(groups[order], return_index=True)
    runs = np.append(starts, len(order)).astype(np.int64)
    state = _new_state(n_groups, d, pairs)
    tile, pending, need = new_tile(d), new_pending(d), np.zeros(5, dtype=np.int64)
    while x.size:
        reason = add_block(
            x, columns, order, runs, found, need, state, tile, pending, pairs
        )
        if reason == DONE:
            break
        state = _wider(state, need) if reason == WINDOW else _with_gaps(state)
    return _finish(state, d, pairs)


def _new_state(n_groups: int, d: int, pairs: bool) -> State:
    wide = d * (d + 1) // 2 if pairs else d

    def zeros(*shape: int) -> NDArray[np.int64]:
        return np.zeros(shape, dtype=np.int64)

    return State(
        zeros(2),
        zeros(n_groups, d, 0),
        zeros(n_groups, wide, 0),
        zeros(0, d, d, 0),
        zeros(0, d, d, 0),
        zeros(n_groups, d, d if pairs else 1),
        np.full((n_groups, d), np.inf),
        np.full((n_groups, d), -np.inf),
        zeros(n_groups, d, 2),
        zeros(d),
    )


def _wider(state: State, need: NDArray[np.int64]) -> State:
    """Give limbs to the positions from need[1] to need[2], and keep what is there."""
    low, high = int(need[1]), int(need[2])
    k, width = state.sums.shape[2], state.products.shape[2]
    base, second = (int(first) for first in state.base)
    first, last = low >> 5, (high >> 5) + 3
    start, end = (2 * low) >> 5, (2 * high >> 5) + 5
    if k:
        first, last = min(first, base), max(last, base + k)
        start, end = min(start, second), max(end, second + width)

    def grown(limbs: NDArray[np.int64], at: int, size: int) -> NDArray[np.int64]:
        out = np.zeros((*limbs.shape[:-1], size), dtype=np.int64)
        out[..., at : at + limbs.shape[-1]] = limbs
        return out

    return state._replace(
        base=np.array([first, start], dtype=np.int64),
        sums=grown(state.sums, max(base - first, 0) if k else 0, last - first),
        gaps=grown(state.gaps, max(base - first, 0) if k else 0, last - first),
        products=grown(state.products, second - start if k else 0, end - start),
        squares=grown(state.squares, second - start if k else 0, end - start),
    )


def _with_gaps(state: State) -> State:
    """Give room for sums over missing partners."""
    n_groups, d, k = state.sums.shape
    shape = (n_groups, d, d)
    return state._replace(
        gaps=np.zeros((*shape, k), dtype=np.int64),
        squares=np.zeros((*shape, state.products.shape[2]), dtype=np.int64),
    )


def _finish(state: State, d: int, pairs: bool) -> BlockSums:
    n_groups = len(state.counts)
    first, second = (int(base) for base in state.base)
    cells = n_groups * d * d if pairs else 0

    def canonical(limbs: NDArray[np.int64], base: int) -> Limbs:
        *cells, k = limbs.shape
        return Limbs.canonical(limbs.reshape(int(np.prod(cells)), k), base)

    gappy = len(state.gaps) > 0
    seen = state.low <= state.high
    return BlockSums(
        state.counts,
        canonical(state.sums, first),
        canonical(state.products, second),
        canonical(state.gaps, first) if gappy else Limbs.zeros(cells),
        canonical(state.squares, second) if gappy else Limbs.zeros(cells),
        state.infinite,
        Extremes(*(np.where(seen, x + 0.0, np.nan) for x in (state.low, state.high))),
    )


def warm() -> None:
    """Compile every signature in use, or load it from the cache on disk."""
    groups = np.zeros(2, dtype=np.int64)
    for dtype in (np.float32, np.float64):
        for pairs in (True, False):
            x = np.ones((2, 20, 1), dtype=dtype)
            sum_block(x, groups, 1, columns=False, pairs=pairs)
