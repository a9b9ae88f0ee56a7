"""From arrays of any dtype, order and stride to exact sums of their cells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from stats.kernels_bins import BINS
from stats.kernels_columns import add_columns, add_elements
from stats.kernels_sum import ALL_LIMBS, add_flat, add_rows
from stats.lanes import LANES
from stats.limbs import SUM_UNIT, Limbs
from stats.summary import InvalidInput

__all__ = [
    "PIECE",
    "check_dtype",
    "frozen",
    "in_place",
    "pieces",
    "sum_cells",
    "trimmed",
    "warm",
    "zeros",
]

# Values that are copied at a time where compiled code cannot read them in place: few
# enough to stay in the cache.
PIECE = 1 << 16
# Cells of one compiled call: few enough for their limbs to stay in the cache.
_CELLS = 512
# Values of a cell from which on a contiguous cell is summed by itself.
_LONG = 512
_MASK32 = 0xFFFFFFFF


def check_dtype(values: NDArray[Any], where: str) -> None:
    """Refuse what has no exact sum here.

    Raises
    ------
    InvalidInput
        For a dtype that is no bool, integer or float of at most 64 bits.
    """
    if values.dtype.kind not in "biuf" or values.dtype.itemsize > 8:
        raise InvalidInput(
            f"{where}: dtype {values.dtype} has no exact sum here. "
            "Give integers, float64, float32 or float16."
        )


def sum_cells(values: NDArray[Any], cells: int, special: NDArray[np.int64]) -> Limbs:
    """Add up values cell by cell.

    Parameters
    ----------
    values : bool, integer or float array, shape ``(..., cells)``
        Not empty; any shape when `cells` is 1.
    cells : int
    special : int64 array, shape (cells, 3), changed in place
        How many values are +inf, -inf and NaN.
    """
    if values.dtype.kind != "f":
        return _sum_integers(values, cells)
    dtype = np.float64 if values.dtype.itemsize == 8 else np.float32
    if cells == 1:
        limbs, bins = zeros(1), np.zeros(BINS, dtype=np.int64)
        for piece in pieces(values, dtype):
            add_flat(limbs[0], special[0], bins, piece, 0, piece.size)
        return trimmed(limbs)
    table = values.reshape(values.size // cells, cells)
    add = _add_stretches if _along(table) else _add_table
    parts = []
    for begin in range(0, max(cells - LANES + 1, 1), _CELLS):
        last = cells - begin < _CELLS + LANES
        end = cells if last else begin + _CELLS
        limbs = zeros(end - begin)
        add(limbs, special[begin:end], table, begin, dtype)
        parts.append(trimmed(limbs))
        if last:
            break
    return _side_by_side(parts)


def pieces(values: NDArray[Any], dtype: DTypeLike) -> Iterator[NDArray[Any]]:
    """Values in any order, as contiguous arrays that compiled code reads.

    Parameters
    ----------
    values : array, any shape
    dtype : dtype of the pieces, in native byte order

    Yields
    ------
    array, shape (n,)
        Read-only; the values themselves where they are contiguous, else copies.
    """
    if in_place(values, dtype):
        yield frozen(values.ravel(order="K"), dtype)
        return
    rows = values.reshape(1) if values.ndim == 0 else values
    step = max(PIECE * len(rows) // rows.size, 1)
    for start in range(0, len(rows), step):
        yield frozen(rows[start : start + step], dtype).ravel()


def in_place(values: NDArray[Any], dtype: DTypeLike) -> bool:
    """Whether compiled code reads the values where they are, in any order."""
    flags = values.flags
    contiguous = flags.c_contiguous or flags.f_contiguous
    return bool(contiguous and flags.aligned and values.dtype == dtype)


def frozen(values: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    """Return values as compiled code reads them: contiguous, aligned and read-only.

    An array that may be written to is another type for the compiler, which would
    compile for seconds in the middle of a night; a read-only view costs nothing.
    """
    with np.errstate(invalid="ignore"):  # a signalling NaN becomes a quiet one
        view = np.require(values, dtype=dtype, requirements=["C", "A"]).view()
    view.flags.writeable = False
    return view


def zeros(cells: int) -> NDArray[np.int64]:
    """Limbs of cells to which nothing was added."""
    return np.zeros((cells, ALL_LIMBS), dtype=np.int64)


def trimmed(limbs: NDArray[np.int64]) -> Limbs:
    """Canonical form; only the limbs that are in use are carried."""
    used = np.flatnonzero(limbs.any(axis=0))
    first, end = (used[0], used[-1] + 1) if len(used) else (0, 0)
    return Limbs.canonical(np.ascontiguousarray(limbs[:, first:end]), int(first))


def _side_by_side(parts: list[Limbs]) -> Limbs:
    """Cells of all parts, one after the other."""
    if len(parts) == 1:
        return parts[0]
    cells = sum(part.cells for part in parts)
    placed, at = [], 0
    for part in parts:
        words = np.zeros((cells, part.words.shape[1]), dtype=np.uint32)
        words[at : at + part.cells] = part.words
        placed.append(Limbs(words, part.base))
        at += part.cells
    return Limbs.add(placed)


def _along(table: NDArray[Any]) -> bool:
    """Whether the values of a cell lie side by side, and are many."""
    return len(table) >= _LONG and table.T.flags.c_contiguous


def _add_stretches(
    limbs: NDArray[np.int64],
    special: NDArray[np.int64],
    table: NDArray[Any],
    begin: int,
    dtype: DTypeLike,
) -> None:
    """Add cells whose values lie side by side."""
    bins = np.zeros(BINS, dtype=np.int64)
    x = table.T[begin : begin + len(limbs)]
    if x.dtype == dtype and x.flags.aligned:
        add_rows(limbs, special, bins, frozen(x, dtype).ravel())
        return
    for cell, row in enumerate(x):
        for piece in pieces(row, dtype):
            add_flat(limbs[cell], special[cell], bins, piece, 0, piece.size)


def _add_table(
    limbs: NDArray[np.int64],
    special: NDArray[np.int64],
    table: NDArray[Any],
    begin: int,
    dtype: DTypeLike,
) -> None:
    """Add rows of cells."""
    rows, width = table.shape
    cells = len(limbs)
    if cells < LANES:
        step = max(PIECE // cells, LANES) // LANES * LANES
        for start in range(0, rows, step):
            _add_narrow(limbs, special, frozen(table[start : start + step], dtype))
    elif table.flags.c_contiguous and table.flags.aligned and table.dtype == dtype:
        add_columns(limbs, special, frozen(table, dtype).ravel(), width, begin)
    else:
        step = max(PIECE // cells, LANES)
        columns = table[:, begin : begin + cells]
        for start in range(0, rows, step):
            x = frozen(columns[start : start + step], dtype).ravel()
            add_columns(limbs, special, x, cells, 0)


def _add_narrow(
    limbs: NDArray[np.int64], special: NDArray[np.int64], table: NDArray[Any]
) -> None:
    """Add rows of fewer cells than lanes: some rows together are one wide row."""
    rows, cells = table.shape
    period = LANES // int(np.gcd(cells, LANES))
    whole = rows - rows % period
    if whole:
        wide = zeros(period * cells)
        counters = np.zeros((period * cells, 3), dtype=np.int64)
        add_columns(wide, counters, table[:whole].ravel(), period * cells, 0)
        limbs += wide.reshape(period, cells, ALL_LIMBS).sum(axis=0)
        special += counters.reshape(period, cells, 3).sum(axis=0)
    add_elements(limbs, special, table[whole:].ravel())


def _sum_integers(values: NDArray[Any], cells: int) -> Limbs:
    """Add up integers of any size, in halves of 32 bits."""
    first, shift = divmod(-SUM_UNIT, 32)
    limbs = np.zeros((cells, 3), dtype=np.int64)
    for part in _integer_parts(values, cells):
        if part.dtype.itemsize < 8:
            low, high = part.sum(axis=0, dtype=np.int64), np.int64(0)
        else:
            low = (part & _MASK32).sum(axis=0, dtype=np.int64)
            high = (part >> 32).sum(axis=0, dtype=np.int64)
        limbs[:, 0] += low & _MASK32
        limbs[:, 1] += (low >> 32) + (high & _MASK32)
        limbs[:, 2] += high >> 32
    for k in range(2):
        limbs[:, k + 1] += limbs[:, k] >> 32
        limbs[:, k] &= _MASK32
    return Limbs.canonical(limbs << shift, first)


def _integer_parts(values: NDArray[Any], cells: int) -> Iterator[NDArray[Any]]:
    """Rows of cells, few enough at a time for the cache."""
    if cells == 1:
        tables = (
            piece[:, None] for piece in pieces(values, values.dtype.newbyteorder("="))
        )
    else:
        tables = (values.reshape(values.size // cells, cells) for _ in range(1))
    step = max(PIECE // cells, 1)
    for table in tables:
        for start in range(0, len(table), step):
            yield table[start : start + step]


def warm() -> None:
    """Compile every signature in use, or load it from the cache on disk."""
    for dtype in (np.float64, np.float32):
        for shape in ((20,), (2, 20), (3, 2)):
            x = np.ones(shape, dtype=dtype)
            cells = int(np.prod(shape[1:]))
            sum_cells(x, cells, np.zeros((cells, 3), dtype=np.int64))
        long = np.ones((2, _LONG), dtype=dtype).T
        sum_cells(long, 2, np.zeros((2, 3), dtype=np.int64))
