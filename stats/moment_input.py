"""What enters `GroupMoments`, checked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stats.exact_input import as_float64, readable, writable
from stats.summary import InvalidInput

__all__ = ["check_block", "check_parent"]

# A limb gains less than 2^32 per row and carries at 2^62.
_MAX_ROWS = 1 << 29


def check_block(
    values: NDArray[Any], groups: NDArray[np.integer], n_groups: int
) -> tuple[NDArray[np.floating], NDArray[np.int64], bool]:
    """Return values and groups as compiled code takes them, or refuse them.

    Returns
    -------
    x : float64 or float32 array, C-contiguous
        (agents, d, times) when the times of a feature lay side by side, and the flag
        is True; else (agents, times, d).  Rows of two axes are agents of one time.
    groups : int64 array, shape (agents,)
    columns : bool
    """
    x = np.asarray(values)
    rows = np.asarray(groups)
    fits = x.ndim in (2, 3) and rows.shape == x.shape[:1]
    if not fits or rows.dtype.kind not in "iu":
        raise InvalidInput(
            f"GroupMoments.from_block: values {x.shape} and groups {rows.shape} of "
            f"{rows.dtype} do not fit. Give (n, d) or (agents, times, d) numbers and "
            "an integer for each entry of the first axis."
        )
    n_rows = int(np.prod(x.shape[:-1]))
    if n_rows > _MAX_ROWS:
        raise InvalidInput(
            f"GroupMoments.from_block: {n_rows} rows are more than {_MAX_ROWS}. "
            "Split the block and merge."
        )
    where = writable(rows, np.int64)
    if where.size and (where.min() < -1 or where.max() >= n_groups):
        raise InvalidInput(
            f"GroupMoments.from_block: groups run from {where.min()} to {where.max()}, "
            f"expected -1 to {n_groups - 1}. Encode groups first."
        )
    if x.ndim == 2:
        x = x[:, None, :]
    columns = x.shape[1] > 1 and x.transpose(0, 2, 1).flags.c_contiguous
    if columns:
        x = x.transpose(0, 2, 1)
    return _as_float(x), where, columns


def _as_float(x: NDArray[Any]) -> NDArray[np.floating]:
    """Float32 stays, everything else becomes float64; no copy where none is needed."""
    if x.dtype == np.float32:
        return readable(x, np.float32)
    if x.dtype == np.float64:
        return readable(x, np.float64)
    return as_float64(x, "GroupMoments.from_block")


def check_parent(
    parent: NDArray[np.integer], n_groups: int, n_parents: int
) -> NDArray[np.int64]:
    """Return parents as int64, or refuse them."""
    to = writable(np.asarray(parent), np.int64)
    if to.shape != (n_groups,):
        raise InvalidInput(
            f"GroupMoments.rollup: parent has shape {to.shape}, expected "
            f"({n_groups},). Give one parent per group."
        )
    if to.size and (to.min() < -1 or to.max() >= n_parents):
        raise InvalidInput(
            f"GroupMoments.rollup: parents run from {to.min()} to {to.max()}, "
            f"expected -1 to {n_parents - 1}. Check n_parents."
        )
    return to
