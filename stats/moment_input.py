"""What enters `GroupMoments`: checks, limb windows, infinities."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stats.exact_input import as_float64, writable
from stats.kernels import exponent_range
from stats.summary import InvalidInput

__all__ = ["check_block", "check_parent", "count_infinite", "windows"]

# A limb gains less than 2^32 per row and carries at 2^62.
_MAX_ROWS = 1 << 29


def windows(x: NDArray[np.float64]) -> tuple[int, int, int, int]:
    """Limbs that a block needs.

    Returns
    -------
    k, first : int
        Width and first grid limb for sums.
    width, second : int
        The same for sums of products.
    """
    low, high = exponent_range(x.view(np.uint64).ravel())
    if high < 0:
        return 3, 0, 5, 0
    first, second = int(low) >> 5, (2 * int(low)) >> 5
    return (
        (int(high) >> 5) - first + 3,
        first,
        (2 * int(high) >> 5) - second + 5,
        second,
    )


def count_infinite(
    x: NDArray[np.float64], groups: NDArray[np.int64], n_groups: int
) -> NDArray[np.int64]:
    """How many values of each group are +inf and -inf, (g, d, 2)."""
    signs = np.zeros((n_groups, x.shape[1], 2), dtype=np.int64)
    row, feature = np.nonzero(np.isinf(x) & (groups >= 0)[:, None])
    negative = (x[row, feature] < 0).astype(np.int64)
    np.add.at(signs, (groups[row], feature, negative), 1)
    return signs


def check_block(
    values: NDArray[Any], groups: NDArray[np.integer], n_groups: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return values as contiguous float64 and groups as int64, or refuse them."""
    x = np.asarray(values)
    rows = np.asarray(groups)
    if x.ndim != 2 or rows.shape != x.shape[:1] or rows.dtype.kind not in "iu":
        raise InvalidInput(
            f"GroupMoments.from_block: values {x.shape} and groups {rows.shape} of "
            f"{rows.dtype} do not fit. Give (n, d) numbers and (n,) integers."
        )
    if len(rows) > _MAX_ROWS:
        raise InvalidInput(
            f"GroupMoments.from_block: {len(rows)} rows are more than {_MAX_ROWS}. "
            "Split the block and merge."
        )
    where = writable(rows, np.int64)
    if where.size and (where.min() < -1 or where.max() >= n_groups):
        raise InvalidInput(
            f"GroupMoments.from_block: groups run from {where.min()} to {where.max()}, "
            f"expected -1 to {n_groups - 1}. Encode groups first."
        )
    return as_float64(x, "GroupMoments.from_block"), where


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
