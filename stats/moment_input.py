"""What enters `GroupMoments`: checks, limb windows, extremes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stats.kernels import exponent_range
from stats.summary import InvalidInput

__all__ = ["check_block", "check_parent", "extremes", "windows"]


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


def extremes(
    x: NDArray[np.float64], groups: NDArray[np.int64], n_groups: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Counts of +inf and -inf (g, d, 2), minimum and maximum (g, d) of every group."""
    d = x.shape[1]
    signs = np.zeros((n_groups, d, 2), dtype=np.int64)
    minimum = np.full((n_groups, d), np.nan)
    maximum = np.full((n_groups, d), np.nan)
    kept = groups >= 0
    # Adding +0.0 makes -0.0 and 0.0 one value, whichever comes first.
    values, to = x[kept] + 0.0, groups[kept]
    if np.isinf(values).any():
        np.add.at(signs[:, :, 0], to, np.isposinf(values))
        np.add.at(signs[:, :, 1], to, np.isneginf(values))
    np.fmin.at(minimum, to, values)
    np.fmax.at(maximum, to, values)
    return signs, minimum, maximum


def check_block(
    values: NDArray[Any], groups: NDArray[np.integer], n_groups: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return values as contiguous float64 and groups as int64, or refuse them."""
    x = np.asarray(values)
    where = np.ascontiguousarray(groups, dtype=np.int64)
    if x.ndim != 2 or where.shape != x.shape[:1]:
        raise InvalidInput(
            f"GroupMoments.from_block: values {x.shape} and groups {where.shape} do "
            "not fit. Give (n, d) and (n,)."
        )
    if x.dtype.kind not in "biuf" or x.dtype.itemsize > 8:
        raise InvalidInput(
            f"GroupMoments.from_block: dtype {x.dtype} does not fit float64. "
            "Give float64, float32 or integers up to 2^53."
        )
    if x.dtype.kind in "iu" and x.size and np.abs(x.astype(object)).max() > 1 << 53:
        raise InvalidInput(
            "GroupMoments.from_block: an integer above 2^53 would lose bits. "
            "Scale it, or split it into two features."
        )
    if where.size and (where.min() < -1 or where.max() >= n_groups):
        raise InvalidInput(
            f"GroupMoments.from_block: groups run from {where.min()} to {where.max()}, "
            f"expected -1 to {n_groups - 1}. Encode groups first."
        )
    return np.ascontiguousarray(x, dtype=np.float64), where


def check_parent(
    parent: NDArray[np.integer], n_groups: int, n_parents: int
) -> NDArray[np.int64]:
    """Return parents as int64, or refuse them."""
    to = np.ascontiguousarray(parent, dtype=np.int64)
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
