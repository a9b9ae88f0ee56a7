"""Counts of categories per group, as a mergeable summary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.limbs import join_counts
from stats.moment_input import check_parent
from stats.summary import Incompatible, InvalidInput, digest

__all__ = ["GroupCounts"]

# All counts of a state together stay below this, so that int64 never wraps.
_MOST = 1 << 62

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GroupCounts:
    """How often each category was seen in each group.

    Attributes
    ----------
    counts : int64 array, shape (g, k)

    Notes
    -----
    Integers: any order, partition and merge tree give the same bytes.  All counts
    together are refused from 2^62 on.  Naive twin: tests/stats/test_group_counts.py.

    Examples
    --------
    >>> GroupCounts.from_counts([[3, 1]]).merge(GroupCounts.from_counts([[0, 2]])).n
    array([6])
    """

    counts: Ints

    exact: ClassVar[bool] = True
    state_version: ClassVar[int] = 1

    @classmethod
    def from_labels(cls, labels: Ints, groups: Ints, n_groups: int, k: int) -> Self:
        """Count rows; labels in [0, k), groups in [0, n_groups) or -1 (left out)."""
        kept = groups >= 0
        cells = groups[kept] * k + labels[kept]
        found = np.bincount(cells, minlength=n_groups * k)
        return cls(found.astype(np.int64).reshape(n_groups, k))

    @classmethod
    def from_counts(cls, counts: ArrayLike) -> Self:
        """Take counts that were made elsewhere.

        Parameters
        ----------
        counts : integer array_like, shape (g, k)

        Raises
        ------
        InvalidInput
            For another shape or dtype, a negative count, or 2^62 in all.
        """
        array = np.asarray(counts)
        if array.ndim != 2 or array.dtype.kind not in "iu":
            raise InvalidInput(
                f"GroupCounts: counts {array.shape} of {array.dtype}. "
                "Give whole numbers per group and category, shape (g, k)."
            )
        if array.size and array.min() < 0:
            raise InvalidInput(
                f"GroupCounts: the smallest count is {array.min()}. Give 0 or more."
            )
        _check_total([array])
        return cls(array.astype(np.int64))

    def __repr__(self) -> str:
        groups, k = self.counts.shape
        return f"GroupCounts: n={int(self.n.sum()):_} | groups={groups:_} | k={k}"

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(self.counts)

    @property
    def n(self) -> Ints:
        """Rows per group, shape (g,)."""
        found: Ints = self.counts.sum(axis=1)
        return found

    def empty(self) -> Self:
        """Nothing seen; same groups and categories."""
        return type(self)(np.zeros_like(self.counts))

    def merge(self, other: Self) -> Self:
        """Add up both; neither changes.

        Raises
        ------
        Incompatible
            When groups or categories differ.
        InvalidInput
            When the counts reach 2^62 in all.
        """
        return self._merge_many([self, other])

    @classmethod
    def _merge_many(cls, items: Iterable[Self]) -> Self:
        many = list(items)
        for item in many[1:]:
            many[0]._fits(item, "merge")
        _check_total([item.counts for item in many])
        return cls(np.sum([item.counts for item in many], axis=0, dtype=np.int64))

    def subtract(self, other: Self) -> Self:
        """Take `other`, which was merged before, out again.

        Raises
        ------
        Incompatible
            When groups or categories differ, or `other` holds more than is here.
        """
        self._fits(other, "subtract")
        left = self.counts - other.counts
        if (left < 0).any():
            raise Incompatible(
                f"GroupCounts.subtract: {other!r} was not part of {self!r}. "
                "Subtract only what was merged before."
            )
        return type(self)(left)

    def rollup(self, parent: NDArray[np.integer], n_parents: int) -> Self:
        """Add up groups: group i goes to ``parent[i]``; -1 leaves it out.

        Raises
        ------
        InvalidInput
            When `parent` has another length or names a group out of range.
        """
        to = check_parent(parent, self.n_groups, n_parents)
        return self.join([self], [to], n_parents)

    @classmethod
    def join(
        cls, items: Sequence[Self], parents: Sequence[Ints], n_groups: int
    ) -> Self:
        """Add up groups of many: group i of item k goes to ``parents[k][i]``.

        Raises
        ------
        Incompatible
            When categories differ.
        """
        for item in items[1:]:
            items[0]._fits(item, "join", groups=False)
        counts = [item.counts for item in items]
        _check_total(counts)
        return cls(join_counts(counts, parents, n_groups))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Canonical state."""
        return {"counts": self.counts}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Restore what `to_arrays` gave.

        Raises
        ------
        InvalidInput
            When the array is missing or holds no counts.
        """
        if "counts" not in arrays:
            raise InvalidInput(
                "GroupCounts.from_arrays: no array 'counts'. Compute the summary again."
            )
        return cls.from_counts(arrays["counts"])

    def digest(self) -> str:
        """SHA-256 of the canonical state, hexadecimal."""
        return digest(self)

    def _fits(self, other: Self, verb: str, *, groups: bool = True) -> None:
        mine, theirs = self.counts.shape, other.counts.shape
        if mine[1:] != theirs[1:] or (groups and mine != theirs):
            raise Incompatible(
                f"GroupCounts.{verb}: (groups, categories) {mine} and {theirs}. "
                "Build both for the same ones."
            )


def _check_total(arrays: Sequence[NDArray[Any]]) -> None:
    """Refuse counts whose sum could wrap; float64 is exact enough to tell."""
    total = sum(float(array.sum(dtype=np.float64)) for array in arrays)
    if total >= _MOST:
        raise InvalidInput(
            f"GroupCounts: {total:.3g} rows in all, fewer than {_MOST:.3g} fit. "
            "Check for counts that were added again and again."
        )
