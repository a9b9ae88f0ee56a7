"""What enters `GroupQuantiles`: checks, and blocks as runs of one group each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stats.exact_input import as_float64
from stats.kernels_quantiles import count_runs, tables
from stats.summary import InvalidInput

__all__ = ["Runs", "as_runs", "bins_of", "mantissa_bits", "restored", "worst_error"]

Counts = NDArray[np.int64]

FINEST, COARSEST = 1e-4, 0.05


class Runs(NamedTuple):
    """A block with its values feature by feature, and where each group's values lie.

    Attributes
    ----------
    bits : uint32 or uint64 array, one axis, read-only
    starts, length : int64 arrays
        Segments: feature j of one is ``bits[starts + j * stride:][:length]``.
    runs : int64 array, shape (r + 1,)
        Segments of run i are ``runs[i]`` to ``runs[i + 1]``.
    stride : int
    groups : int64 array, shape (r,)
        Group of each run, ascending.
    size : int
        Values in all runs.
    """

    bits: NDArray[Any]
    starts: NDArray[np.int64]
    length: NDArray[np.int64]
    runs: NDArray[np.int64]
    stride: int
    groups: NDArray[np.int64]
    size: int


def worst_error(m: int) -> float:
    """Largest relative error of rounding a mantissa to `m` bits: 1 / (2^(m+1) + 1)."""
    return 1.0 / float((1 << (m + 1)) + 1)


def mantissa_bits(relative_error: float) -> int:
    """Fewest mantissa bits whose rounding stays within the relative error.

    Raises
    ------
    InvalidInput
        When the error is not in [1e-4, 0.05].
    """
    if not FINEST <= relative_error <= COARSEST:
        raise InvalidInput(
            f"GroupQuantiles.from_block: relative_error {relative_error} is not in "
            f"[{FINEST}, {COARSEST}]. Give 0.005 for half a percent."
        )
    return next(m for m in range(4, 14) if worst_error(m) <= relative_error)


def as_runs(values: NDArray[Any], groups: NDArray[np.integer], n_groups: int) -> Runs:
    """Sort a block into runs of one group, or refuse it.

    Raises
    ------
    InvalidInput
        For shapes that do not fit, a group out of range, or a dtype that float64
        cannot hold.
    """
    x, rows = np.asarray(values), np.asarray(groups)
    where = "GroupQuantiles.from_block"
    if x.ndim not in (2, 3) or rows.shape != x.shape[:1] or rows.dtype.kind not in "iu":
        raise InvalidInput(
            f"{where}: values {x.shape} and groups {rows.shape} of {rows.dtype} do not "
            "fit. Give (n, d) or (agents, times, d) numbers and (n,) or (agents,) "
            "integers."
        )
    if rows.size and (rows.min() < -1 or rows.max() >= n_groups):
        raise InvalidInput(
            f"{where}: groups run from {rows.min()} to {rows.max()}, expected -1 to "
            f"{n_groups - 1}. Encode groups first."
        )
    if x.dtype.kind != "f" or x.dtype.itemsize != 4:
        x = as_float64(x, where)
    to = rows.astype(np.int64)
    order = np.arange(len(to))
    if to.size and (to[0] < 0 or (to[1:] < to[:-1]).any()):
        order = np.argsort(to, kind="stable")
        order = order[np.searchsorted(to[order], 0) :]
    to = to[order]
    first = np.flatnonzero(np.diff(to, prepend=-1)).astype(np.int64)
    bounds = np.append(first, len(to))
    if x.ndim == 3:
        times, d = x.shape[1:]
        flat = np.ascontiguousarray(x.transpose(0, 2, 1), x.dtype.newbyteorder("="))
        starts, stride = order * (times * d), times
        length, runs = np.full(len(order), times, dtype=np.int64), bounds
    else:
        rows_first = x if len(order) == len(x) and _ascending(order) else x[order]
        flat = np.ascontiguousarray(rows_first.T, x.dtype.newbyteorder("="))
        starts, stride = first, len(order)
        length, runs = np.diff(bounds), np.arange(len(bounds))
    bits = flat.reshape(-1).view(f"u{x.dtype.itemsize}")
    bits.flags.writeable = False
    size = len(to) * int(np.prod(x.shape[1:], dtype=np.int64))
    return Runs(bits, starts, length, runs, stride, to[first], size)


def _ascending(order: NDArray[np.int64]) -> bool:
    return bool((np.diff(order) == 1).all()) and (not order.size or order[0] == 0)


def bins_of(values: NDArray[np.float64], m: int) -> NDArray[np.int32]:
    """Bins of numbers (no NaN), by the kernel that counts: each is a run of its own."""
    n = len(values)
    one = np.arange(n + 1)
    block = values.view(np.uint64)
    block.flags.writeable = False
    bins = np.empty(n + 1, dtype=np.int32)
    count_runs(
        block, one[:-1], np.ones_like(one[:-1]), one, 1, 0, m,
        *tables(m), np.empty_like(one[1:]), bins, np.empty_like(one),
    )  # fmt: skip
    return bins[:n]


def restored(
    arrays: Mapping[str, NDArray[Any]],
) -> tuple[int, int, int, Counts, Counts, NDArray[np.int32], Counts]:
    """Fields of a state from its arrays, safe to hand to compiled code.

    Raises
    ------
    InvalidInput
        When an array is missing, or they hold no canonical state.
    """
    try:
        groups, d, m = (int(size) for size in arrays["shape"])
        cells, starts, counts = (
            np.array(arrays[key], dtype=np.int64)
            for key in ("cells", "starts", "counts")
        )
        bins = np.array(arrays["bins"], dtype=np.int32)
    except (KeyError, ValueError, OverflowError) as error:
        raise InvalidInput(
            f"GroupQuantiles.from_arrays: no state, {error}. Compute the summary again."
        ) from error
    if not _canonical((groups, d, m), cells, starts, bins, counts):
        raise InvalidInput(
            f"GroupQuantiles.from_arrays: {len(cells)} cells and {len(bins)} bins of "
            f"shape {(groups, d, m)} are no canonical state. Compute the summary again."
        )
    return groups, d, m, cells, starts, bins, counts


def _canonical(
    shape: tuple[int, int, int],
    cells: Counts,
    starts: Counts,
    bins: NDArray[np.int32],
    counts: Counts,
) -> bool:
    """Whether cells and the bins in them ascend, fit, and hold something."""
    groups, d, m = shape
    if not (groups >= 0 and d >= 0 and 4 <= m <= 13):
        return False
    if len(starts) != len(cells) + 1 or bins.shape != counts.shape:
        return False
    if starts[0] != 0 or starts[-1] != len(bins) or (np.diff(starts) < 1).any():
        return False
    rising = np.diff(bins) > 0
    rising[starts[1:-1] - 1] = True
    largest = (2098 << m) + 2
    return bool(
        rising.all()
        and (np.diff(cells, prepend=-1) > 0).all()
        and (not len(cells) or cells[-1] < groups * d)
        and (np.abs(bins.astype(np.int64)) <= largest).all()
        and (counts > 0).all()
    )
