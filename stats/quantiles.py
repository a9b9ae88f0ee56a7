"""Quantiles of many groups within a guaranteed relative error, mergeable exactly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from stats.kernels_quantiles import count_runs, join_runs, tables
from stats.quantile_input import as_runs, mantissa_bits, restored
from stats.quantile_results import QuantileResults
from stats.summary import Incompatible, InvalidInput, digest

__all__ = ["GroupQuantiles"]

Cells = NDArray[np.int64]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class GroupQuantiles(QuantileResults):
    """Counts of the values of every group and feature in bins of equal relative width.

    Attributes
    ----------
    mantissa_bits : int
        m: a bin is a number with m bits after the leading one.
    cells : int64 array, shape (k,)
        Ascending: group * d + feature where something is held, below n_groups * d.
    starts : int64 array, shape (k + 1,)
        Bins of cell i are entries ``starts[i]`` to ``starts[i + 1]``.
    bins : int32 array, shape (entries,)
        Ascending within a cell: 0 is zero, ±(place + 1) a positive or negative number.
    counts : int64 array, shape (entries,)
        Values in each bin, at least one.

    Notes
    -----
    NaN is missing and counted nowhere; a group without values gives NaN.  -0.0 counts
    as zero; infinities have bins of their own at either end.

    *Bin.*  The mantissa of x is rounded to m bits, ties away from zero, by adding half
    a unit to the bits of ``|x|`` as an integer; a carry goes into the exponent, as it
    should.  No logarithm is taken, so a bin is the same on every machine, in float32
    and in float64, and integers up to 2^(m+1) are represented by themselves.

    *Error.*  Let ``2^e <= |x| < 2^(e+1)``, r the rounded ``|x|`` and h = 2^(e-m-1) half
    a unit.  If ``|x| >= 2^e + h``, the relative error is at most h / (2^e + h) =
    1 / (2^(m+1) + 1).  Below, r = 2^e, and ``(|x| - 2^e) / |x|`` grows with ``|x|`` up
    to that same bound: 0.389 % for m = 7, the default.  Denormals are read with the
    exponent they would have; r is then a multiple of 2^-1074 and the bound holds for
    them too.  What rounds to 2^1024 is represented by the largest number, which is
    nearer.  Rounding keeps order, so the k-th smallest value lies in the bin that holds
    the k-th smallest r.

    *Layout.*  Sorted bins of the cells that hold something, 12 bytes each, take 18.6 kB
    per group and feature for 6,400 normal values at m = 7; 16-byte keys and counts take
    24.8 kB and a dense window of counts 28.8 kB (2,000 groups x 16 features; for the 64
    values of one agent 0.76, 0.99 and 13.8 kB).  Memory of `from_block`: the block, at
    most 12 bytes per value for what comes out, and the touched pages of one table of
    33,664 * 2^m bytes.  Figures: docs/explanation/quantiles.md.

    Source: relative-error buckets as in Masson, Rim & Lee, DDSketch (VLDB 2019), on
    binary digits instead of logarithms.  Naive twin: tests/stats/test_quantiles.py.

    Examples
    --------
    >>> x = np.array([[1.0], [2.0], [1000.0]])
    >>> q = GroupQuantiles.from_block(x, np.zeros(3, dtype=int), 1)
    >>> q
    GroupQuantiles: n=3 | groups=1 | features=1 | bins=3 | error<=0.00389
    >>> q.quantile([0.5, 1.0]).ravel()
    array([   2., 1000.])
    """

    n_groups: int
    d: int
    mantissa_bits: int
    cells: Cells
    starts: NDArray[np.int64]
    bins: NDArray[np.int32]
    counts: NDArray[np.int64]

    exact: ClassVar[bool] = True
    state_version: ClassVar[int] = 1

    @classmethod
    def from_block(
        cls,
        values: NDArray[Any],
        groups: NDArray[np.integer],
        n_groups: int,
        *,
        relative_error: float = 0.005,
    ) -> Self:
        """Count the values of a block.

        Parameters
        ----------
        values : float or integer array, shape (n, d) or (agents, times, d)
            NaN is missing.  Any strides; fastest where
            ``values.transpose(0, 2, 1)`` (or ``values.T``) is contiguous and groups
            ascend, slower by one copy otherwise.
        groups : integer array, shape (n,) or (agents,)
            In [0, n_groups), or -1 for what does not count.
        n_groups : int
        relative_error : float
            Largest error of a quantile relative to its value, in [1e-4, 0.05].

        Raises
        ------
        InvalidInput
            For shapes that do not fit, a group or an error out of range, or a dtype
            that float64 cannot hold.
        """
        m = mantissa_bits(relative_error)
        block = as_runs(values, groups, n_groups)
        d = int(np.shape(values)[-1])
        ends = np.empty(len(block.groups) * d, dtype=np.int64)
        bins = np.empty(block.size + 1, dtype=np.int32)
        counts = np.empty(block.size + 1, dtype=np.int64)
        count_runs(
            block.bits, block.starts, block.length, block.runs, d, block.stride, m,
            *tables(m), ends, bins, counts,
        )  # fmt: skip
        cells = (block.groups[:, None] * d + np.arange(d)).ravel()
        return cls._of((n_groups, d, m), cells, ends, bins, counts)

    @classmethod
    def _of(
        cls,
        shape: tuple[int, int, int],
        cells: Cells,
        ends: NDArray[np.int64],
        bins: NDArray[np.int32],
        counts: NDArray[np.int64],
    ) -> Self:
        """Keep the cells that hold something, and no more memory than they need."""
        held = np.diff(ends, prepend=0) > 0
        starts = np.append(0, ends[held]).astype(np.int64)
        if starts[-1] < len(bins):
            bins, counts = bins[: starts[-1]].copy(), counts[: starts[-1]].copy()
        return cls(*shape, cells[held], starts, bins, counts)

    @classmethod
    def _join(
        cls,
        shape: tuple[int, int, int],
        items: Sequence[QuantileResults],
        cells: Cells,
        signs: NDArray[np.int64],
    ) -> Self:
        """Add up the cells of many states; `cells` says where each goes, -1 nowhere."""
        shifts = np.cumsum([0, *(len(item.bins) for item in items)])
        pairs = list(zip(items, shifts, strict=False))
        starts = np.concatenate([item.starts[:-1] + at for item, at in pairs])
        stops = np.concatenate([item.starts[1:] + at for item, at in pairs])
        order = np.argsort(cells, kind="stable")
        order = order[np.searchsorted(cells[order], 0) :]
        to, starts, stops = cells[order], starts[order], stops[order]
        first = np.flatnonzero(np.diff(to, prepend=-1)).astype(np.int64)
        ends = np.empty(len(first), dtype=np.int64)
        room = int((stops - starts).sum())
        bins, counts = (
            np.empty(room + 1, dtype=np.int32),
            np.empty(room + 1, dtype=np.int64),
        )
        join_runs(
            np.concatenate([item.bins for item in items]),
            np.concatenate([item.counts for item in items]),
            starts, stops, signs[order], np.append(first, len(to)), shape[2],
            *tables(shape[2]), ends, bins, counts,
        )  # fmt: skip
        return cls._of(shape, to[first], ends, bins, counts)

    def empty(self) -> Self:
        """Nothing seen; same groups, features and error."""
        none = np.zeros(0, dtype=np.int64)
        return self._of(self._shape, none, none, np.zeros(0, dtype=np.int32), none)

    def merge(self, other: Self) -> Self:
        """Add up both; neither changes.

        Raises
        ------
        Incompatible
            When groups, features or errors differ.
        """
        return self._merge_many([self, other])

    @classmethod
    def _merge_many(cls, items: Iterable[Self]) -> Self:
        many = list(items)
        for item in many[1:]:
            many[0]._fits(item, "merge")
        cells = np.concatenate([item.cells for item in many])
        return cls._join(many[0]._shape, many, cells, np.ones_like(cells))

    def subtract(self, other: Self) -> Self:
        """Take `other`, which was merged before, out again.

        Raises
        ------
        Incompatible
            When shapes differ, or `other` holds a value that is not here.
        """
        self._fits(other, "subtract")
        cells = np.concatenate([self.cells, other.cells])
        signs = np.repeat([1, -1], [len(self.cells), len(other.cells)])
        left = self._join(self._shape, [self, other], cells, signs)
        if (left.counts < 0).any():
            raise Incompatible(
                f"GroupQuantiles.subtract: {other!r} was not part of {self!r}. "
                "Subtract only what was merged before."
            )
        return left

    def rollup(self, parent: NDArray[np.integer], n_parents: int) -> Self:
        """Add up groups: group i goes to `parent[i]`; -1 leaves it out.

        Raises
        ------
        InvalidInput
            When `parent` has another length or names a group out of range.
        """
        to = np.asarray(parent).astype(np.int64)
        if to.shape != (self.n_groups,):
            raise InvalidInput(
                f"GroupQuantiles.rollup: parent has shape {to.shape}, expected "
                f"({self.n_groups},). Give one parent per group."
            )
        if to.size and (to.min() < -1 or to.max() >= n_parents):
            raise InvalidInput(
                f"GroupQuantiles.rollup: parents run from {to.min()} to {to.max()}, "
                f"expected -1 to {n_parents - 1}. Check n_parents."
            )
        group, feature = np.divmod(self.cells, max(self.d, 1))
        cells = np.where(to[group] >= 0, to[group] * self.d + feature, -1)
        shape = (n_parents, self.d, self.mantissa_bits)
        return self._join(shape, [self], cells, np.ones_like(cells))

    def take(self, indices: NDArray[np.integer]) -> Self:
        """Return the groups at `indices`, in that order; repeats are allowed."""
        at = np.arange(self.n_groups)[np.asarray(indices)]
        low = np.searchsorted(self.cells, at * self.d)
        size = np.searchsorted(self.cells, (at + 1) * self.d) - low
        picked = np.repeat(low - np.cumsum(size) + size, size) + np.arange(size.sum())
        moved = np.repeat((np.arange(len(at)) - at) * self.d, size)
        sizes = np.diff(self.starts)[picked]
        ends = np.cumsum(sizes)
        entry = np.repeat(self.starts[picked] - ends + sizes, sizes)
        entry += np.arange(len(entry))
        return self._of(
            (len(at), self.d, self.mantissa_bits),
            self.cells[picked] + moved,
            ends,
            self.bins[entry],
            self.counts[entry],
        )

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Canonical state; equal observations give equal arrays."""
        narrow = np.min_scalar_type(int(self.counts.max(initial=0)))
        return {
            "shape": np.array(self._shape, dtype=np.int64),
            "cells": self.cells,
            "starts": self.starts,
            "bins": self.bins,
            "counts": self.counts.astype(narrow),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Restore what `to_arrays` gave.

        Raises
        ------
        InvalidInput
            When an array is missing, or they are no state of this class.
        """
        return cls(*restored(arrays))

    def digest(self) -> str:
        """SHA-256 of the canonical state, hexadecimal."""
        return digest(self)

    @property
    def _shape(self) -> tuple[int, int, int]:
        return self.n_groups, self.d, self.mantissa_bits

    def _fits(self, other: Self, verb: str) -> None:
        if self._shape != other._shape:
            raise Incompatible(
                f"GroupQuantiles.{verb}: (groups, features, mantissa bits) differ: "
                f"{self._shape} and {other._shape}. Build both from the same groups, "
                "feature axis and relative_error."
            )
