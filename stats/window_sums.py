"""What a window of nights keeps of every group: exact moments and counts per bin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from stats.extremes import Extremes
from stats.labelled import join
from stats.moments import GroupMoments
from stats.quantiles import GroupQuantiles
from stats.summary import InvalidInput, digest, merge_all

__all__ = ["WindowSums"]


@dataclass(frozen=True, slots=True, eq=False)
class WindowSums:
    """Moments and counts per bin of the same groups and features; merges and subtracts.

    Attributes
    ----------
    rows : GroupMoments, (g, d)
        Raw features, one observation per row.
    bins : GroupQuantiles, (g, d)
        The same rows relative to the origin of each feature.

    Raises
    ------
    InvalidInput
        When the parts have different groups.

    Notes
    -----
    All but smallest and largest value is an exact sum, so that what was merged can be
    taken out again and leaves the bytes of a state that never held it.  `unknown` names
    the groups whose extremes a subtraction may have taken out; `with_extremes` fills
    them in from the summaries that still belong to the group.  Naive twin:
    tests/stats/test_rolled_up.py.
    """

    rows: GroupMoments
    bins: GroupQuantiles

    exact: ClassVar[bool] = True
    state_version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.rows.n_groups != self.bins.n_groups:
            raise InvalidInput(
                f"WindowSums: moments of {self.rows.n_groups} groups and bins of "
                f"{self.bins.n_groups}. Build both from the same groups."
            )

    def __repr__(self) -> str:
        return f"WindowSums: n={int(self.rows.count.sum()):_} | groups={self.n_groups}"

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return self.rows.n_groups

    def empty(self) -> Self:
        """Nothing seen; same groups and features."""
        return type(self)(self.rows.empty(), self.bins.empty())

    def merge(self, other: Self) -> Self:
        """Add both parts; neither input changes.

        Raises
        ------
        stats.summary.Incompatible
            When groups, features or parameters differ.
        """
        return self._merge_many([self, other])

    @classmethod
    def _merge_many(cls, items: Iterable[Self]) -> Self:
        many = list(items)
        return cls(
            merge_all([item.rows for item in many]),
            merge_all([item.bins for item in many]),
        )

    @classmethod
    def join(
        cls, items: Sequence[Self], parents: Sequence[NDArray[np.int64]], n_groups: int
    ) -> Self:
        """Add up groups of many: group i of item k goes to ``parents[k][i]``."""
        return cls(
            join([item.rows for item in items], parents, n_groups),
            join([item.bins for item in items], parents, n_groups),
        )

    def subtract(self, other: Self) -> Self:
        """Take `other`, which was merged before, out again.

        Extremes that `other` may have held become NaN: fold them again.

        Raises
        ------
        stats.summary.Incompatible
            When shapes differ, or `other` holds more than is here.
        """
        return type(self)(
            self.rows.subtract(other.rows), self.bins.subtract(other.bins)
        )

    def rollup(self, parent: NDArray[np.int64], n_parents: int) -> Self:
        """Add up groups: group i goes to `parent[i]`; -1 leaves it out."""
        return type(self)(
            self.rows.rollup(parent, n_parents), self.bins.rollup(parent, n_parents)
        )

    def unknown(self) -> NDArray[np.bool_]:
        """Groups that hold a value but not the smallest or largest any more, (g,)."""
        low, high = self.rows.minimum, self.rows.maximum
        lost = (self.rows.count > 0) & (np.isnan(low) | np.isnan(high))
        return np.asarray(lost.any(axis=1))

    def with_extremes(
        self, parts: Sequence[Self], parents: Sequence[NDArray[np.int64]]
    ) -> Self:
        """Fold smallest and largest values of the unknown groups again.

        Parameters
        ----------
        parts : sequence of WindowSums
            All that belongs to those groups.
        parents : sequence of int64 arrays
            Group i of part k belongs to group ``parents[k][i]`` here; -1 to none that
            is unknown.

        Returns
        -------
        WindowSums
            Other groups, and all sums, are as they were.
        """
        folded = Extremes.join(
            [part.rows.range for part in parts],
            [part.rows.count for part in parts],
            parents,
            self.n_groups,
        )
        known = ~self.unknown()[:, None]
        kept = Extremes(
            np.where(known, self.rows.minimum, folded.minimum),
            np.where(known, self.rows.maximum, folded.maximum),
        )
        return type(self)(replace(self.rows, range=kept), self.bins)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays of both parts, keys prefixed with the part's name and a dot."""
        rows, bins = self.rows.to_arrays(), self.bins.to_arrays()
        return {
            **{f"rows.{key}": value for key, value in rows.items()},
            **{f"bins.{key}": value for key, value in bins.items()},
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Restore what `to_arrays` gave.

        Raises
        ------
        InvalidInput
            When an array is missing.
        """
        rows, bins = (
            {
                key.removeprefix(f"{name}."): value
                for key, value in arrays.items()
                if key.startswith(f"{name}.")
            }
            for name in ("rows", "bins")
        )
        return cls(GroupMoments.from_arrays(rows), GroupQuantiles.from_arrays(bins))

    def digest(self) -> str:
        """SHA-256 of the canonical state, hexadecimal."""
        return digest(self)
