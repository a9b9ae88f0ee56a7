"""Check series, and hand them to kernels without copying them as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.summary import InvalidInput

__all__ = ["Real", "as_floats", "check_matrix", "check_series", "floats_in_blocks"]

Real = NDArray[np.float32] | NDArray[np.float64]

# Bytes of a converted block.
_BLOCK = 1 << 22


def check_matrix(where: str, series: ArrayLike) -> NDArray[np.generic]:
    """Return series as an array (n, T) of numbers, without a copy if it is one.

    Raises
    ------
    InvalidInput
        For another shape, or a dtype that is no real number.
    """
    x = np.asarray(series)
    if x.ndim != 2 or x.dtype.kind not in "biuf":
        raise InvalidInput(
            f"{where}: series of shape {x.shape} and dtype {x.dtype}. "
            "Give real numbers (n, T), NaN where missing."
        )
    return x


def check_series(
    where: str, series: ArrayLike, groups: ArrayLike, n_groups: int
) -> tuple[NDArray[np.generic], NDArray[np.int64]]:
    """Return series (n, T) and the group of each as int64.

    Raises
    ------
    InvalidInput
        When shapes do not fit, a group is out of range or no integer.
    """
    x, codes = check_matrix(where, series), np.asarray(groups)
    if codes.size == 0:
        codes = codes.astype(np.int64)
    if codes.shape != x.shape[:1] or codes.dtype.kind not in "iu":
        raise InvalidInput(
            f"{where}: series {x.shape} and groups {codes.shape} {codes.dtype} do not "
            "fit. Give (n, T) and one integer for each of n."
        )
    low, high = (codes.min(), codes.max()) if codes.size else (0, -1)
    if low < -1 or high >= n_groups:
        raise InvalidInput(
            f"{where}: groups from {low} to {high} for {n_groups} groups. "
            f"Give [0, {n_groups}), or -1 for none."
        )
    return x, np.ascontiguousarray(codes, np.int64)


def floats_in_blocks(x: NDArray[np.generic]) -> Iterator[tuple[int, Real]]:
    """Yield (first row, rows) as float32 or float64 in C order, read-only.

    Arrays of these kinds come whole and without a copy, others converted to float64 in
    blocks of a few megabytes.
    """
    if _is_ready(x):
        yield 0, _read_only(x)
        return
    rows = max(1, _BLOCK // (8 * max(x.shape[1], 1)))
    for first in range(0, len(x), rows):
        part = np.ascontiguousarray(x[first : first + rows], np.float64)
        yield first, _read_only(part)


def as_floats(x: NDArray[np.generic]) -> Real:
    """Return all rows as float32 or float64 in C order, read-only; a copy if needed."""
    return _read_only(x if _is_ready(x) else np.ascontiguousarray(x, np.float64))


def _is_ready(x: NDArray[np.generic]) -> bool:
    """Whether kernels read this array as it is."""
    kinds = (np.dtype(np.float32), np.dtype(np.float64))
    return x.dtype in kinds and x.dtype.isnative and x.flags.c_contiguous


def _read_only(x: NDArray[np.generic]) -> Real:
    """Return a view that kernels are compiled for once, whoever owns the memory."""
    view = cast("Real", x.view())
    view.flags.writeable = False
    return view
