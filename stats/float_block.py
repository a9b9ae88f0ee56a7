"""Sum a block in float64 about a centre, and add up such sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stats.exact_input import readable, writable
from stats.kernels_float import FloatState, add_block, add_rows, new_scratch

__all__ = ["join_sums", "sum_block", "warm"]


def sum_block(
    x: NDArray[np.floating],
    groups: NDArray[np.int64],
    n_groups: int,
    *,
    columns: bool,
    center: NDArray[np.float64],
    higher: bool,
) -> FloatState:
    """Sum the rows of a block into their groups.

    Parameters
    ----------
    x : float64 or float32 array, C-contiguous
        (agents, d, times) if `columns`, else (agents, times, d).
    groups : int64 array, shape (agents,)
        In [-1, n_groups); -1 is not counted.
    n_groups : int
    columns : bool
    center : float64 array, shape (d,)
    higher : bool
    """
    state = _new_state(n_groups, len(center), higher)
    if not x.size:
        return state
    order = np.argsort(groups, kind="stable").astype(np.int64)
    order = order[np.searchsorted(groups[order], 0) :]
    found, starts = np.unique(groups[order], return_index=True)
    runs = np.append(starts, len(order)).astype(np.int64)
    scratch = new_scratch(len(center))
    add_block(x, columns, order, runs, found, center, state, scratch)
    return state


def join_sums(
    parts: Sequence[NDArray[Any]], parents: Sequence[NDArray[np.int64]], n_groups: int
) -> NDArray[Any]:
    """Add up groups, one after the other: row i of part k goes to ``parents[k][i]``."""
    cells = parts[0].shape[1:]
    width = int(np.prod(cells))
    out = np.zeros((n_groups, width), dtype=parts[0].dtype)
    for part, parent in zip(parts, parents, strict=True):
        flat = readable(part, out.dtype).reshape(len(part), width)
        add_rows(out, writable(parent, np.int64), flat)
    return out.reshape(n_groups, *cells)


def _new_state(n_groups: int, d: int, higher: bool) -> FloatState:
    wide, powers = (n_groups, d, d), (n_groups, d if higher else 0)
    return FloatState(
        np.zeros(wide, dtype=np.int64),
        np.zeros(wide),
        np.zeros(wide),
        np.zeros((n_groups, d * (d - 1) // 2)),
        np.zeros(powers),
        np.zeros(powers),
        np.full((n_groups, d), np.inf),
        np.full((n_groups, d), -np.inf),
        np.zeros((n_groups, d, 2), dtype=np.int64),
    )


def warm() -> None:
    """Compile every signature in use, or load it from the cache on disk."""
    groups = np.zeros(2, dtype=np.int64)
    for dtype in (np.float32, np.float64):
        x = np.ones((2, 2, 1), dtype=dtype)
        sum_block(x, groups, 1, columns=False, center=np.zeros(1), higher=True)
    for rows in (np.zeros((2, 1)), np.zeros((2, 1), dtype=np.int64)):
        join_sums([rows], [groups], 1)
