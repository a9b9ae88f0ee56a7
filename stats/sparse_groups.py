"""Keep only the groups a block has: states as large as what was seen, not as all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Self

import numpy as np
from numpy.typing import NDArray

from stats.labelled import G, join
from stats.summary import InvalidInput, pack

__all__ = ["SparseGroups", "touched_groups"]


def touched_groups(
    groups: NDArray[np.integer],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number the groups that occur from 0.

    Parameters
    ----------
    groups : integer array, shape (n,)
        Group of each row; negative for a row that does not count.

    Returns
    -------
    ids : int64 array, shape (m,)
        The groups that occur, sorted.
    codes : int64 array, shape (n,)
        Place of each row's group in `ids`; -1 for a row that does not count.

    Examples
    --------
    >>> touched_groups(np.array([7, 7, -1, 3]))
    (array([3, 7]), array([ 1,  1, -1,  0]))
    """
    found, codes = np.unique(np.asarray(groups, dtype=np.int64), return_inverse=True)
    left_out = int(np.searchsorted(found, 0))
    return found[left_out:], np.maximum(codes - left_out, -1)


@dataclass(frozen=True, slots=True)
class SparseGroups(Generic[G]):
    """A grouped summary of some of many groups; merging joins groups by number.

    Attributes
    ----------
    ids : int64 array, shape (m,)
        Sorted, unique, not negative: which groups these are.
    groups : Grouped
        The summary of m groups; its group i is number ``ids[i]``.

    Notes
    -----
    A chunk of agents that are sorted by team touches a few teams of thousands: its
    state has the size of those few.  A merge adds every group where the union
    of numbers has it, so every law of the inner class carries over.  `Labelled` is
    the same for groups with names.

    Raises
    ------
    InvalidInput
        When numbers are unsorted, repeated, negative, or not one per group.
    """

    ids: NDArray[np.int64]
    groups: G

    exact: ClassVar[bool] = True
    state_version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.ids.shape != (self.groups.n_groups,):
            raise InvalidInput(
                f"SparseGroups: {self.ids.shape} numbers for {self.groups.n_groups} "
                "groups. Give one number per group."
            )
        if (np.diff(self.ids) <= 0).any() or (self.ids < 0).any():
            raise InvalidInput(
                "SparseGroups: numbers are not sorted, unique and not negative. "
                "Use `touched_groups`."
            )

    def __repr__(self) -> str:
        return f"SparseGroups: groups={len(self.ids)} | {self.groups!r}"

    @property
    def n_groups(self) -> int:
        """Number of groups seen."""
        return len(self.ids)

    def dense(self, n_groups: int) -> G:
        """Return the summary of all groups 0 to n_groups - 1, empty where unseen.

        Raises
        ------
        InvalidInput
            When a group that was seen is not among them.
        """
        return self._align(np.arange(n_groups, dtype=np.int64))

    def _align(self, ids: NDArray[np.int64]) -> G:
        if np.array_equal(ids, self.ids):
            return self.groups
        parent = np.searchsorted(ids, self.ids)
        if len(self.ids) and (parent == len(ids)).any():
            raise InvalidInput(
                f"SparseGroups.dense: group {self.ids[-1]} was seen, expected groups "
                f"below {len(ids)}. Check n_groups."
            )
        return self.groups.rollup(parent.astype(np.int64), len(ids))

    def empty(self) -> Self:
        """Nothing seen, no groups."""
        none = np.full(self.n_groups, -1, dtype=np.int64)
        return type(self)(none[:0], self.groups.rollup(none, 0))

    def merge(self, other: Self) -> Self:
        """Join by number."""
        return self._merge_many([self, other])

    @classmethod
    def _merge_many(cls, items: Iterable[Self]) -> Self:
        many = list(items)
        ids = np.unique(np.concatenate([item.ids for item in many]))
        parents = [np.searchsorted(ids, item.ids) for item in many]
        return cls(ids, join([item.groups for item in many], parents, len(ids)))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """State of the groups plus ``ids``."""
        return {"ids": self.ids, **self.groups.to_arrays()}

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[Any]], inner: type[G]
    ) -> SparseGroups[G]:
        """Restore; `inner` is the class of the groups."""
        rest = {key: value for key, value in arrays.items() if key != "ids"}
        ids = np.asarray(arrays["ids"], dtype=np.int64)
        return SparseGroups(ids, inner.from_arrays(rest))

    def digest(self) -> str:
        """SHA-256 of the canonical state, hexadecimal."""
        state = pack(self.to_arrays(), kind="SparseGroups", version=self.state_version)
        return hashlib.sha256(state).hexdigest()
