"""Exact means, variances and covariances of many groups, mergeable in any order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from stats.extremes import Extremes
from stats.limbs import Limbs, join_counts
from stats.moment_block import sum_block
from stats.moment_input import check_block, check_parent
from stats.moment_results import MomentResults
from stats.summary import Incompatible, InvalidInput, digest

__all__ = ["GroupMoments"]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class GroupMoments(MomentResults):
    """Exact count, mean and covariance of every group.

    Attributes
    ----------
    pairs : bool
        Whether products of different features are kept.
    pair_count : int64 array, shape (g, d, d), or (g, d, 1) without pairs
        Rows in which features i and j are both present and finite.
    sums : Limbs, g * d cells
        Σ x_i over the rows where i is present.
    products : Limbs, g * d (d + 1) / 2 cells, or g * d without pairs
        Σ x_i x_j over the rows where both are present, i <= j.
    gaps, squares : Limbs, g * d * d cells, or none without pairs
        Σ x_i and Σ x_i² over the rows where j is missing.
    infinite_signs : int64 array, shape (g, d, 2)
        How many values are +inf and -inf.
    range : Extremes, shape (g, d)
        Smallest and largest value, infinite ones too.

    Notes
    -----
    NaN is missing: moments are pairwise complete, as in pandas.  Covariance is
    (n Σxy - Σx Σy) / (n (n - ddof)) in integers, rounded once: at most 0.5 ulp from
    the exact value for finite input.  An infinite value makes the mean infinite, and
    products, covariance and correlation NaN.  What can be read off the state is in
    `MomentResults`.  Source: exact sums after Kulisch; pairwise-complete moments as
    pandas `DataFrame.cov`.  Naive twin: tests/stats/test_moments.py.

    Examples
    --------
    >>> GroupMoments.from_block(np.array([[1.0], [3.0]]), np.array([0, 0]), 1).mean()
    array([[2.]])
    """

    pairs: bool
    pair_count: NDArray[np.int64]
    sums: Limbs
    products: Limbs
    gaps: Limbs
    squares: Limbs
    infinite_signs: NDArray[np.int64]
    range: Extremes

    exact: ClassVar[bool] = True
    state_version: ClassVar[int] = 1

    @classmethod
    def from_block(
        cls,
        values: NDArray[Any],
        groups: NDArray[np.integer],
        n_groups: int,
        *,
        pairs: bool = True,
    ) -> Self:
        """Sum the rows of a block into their groups.

        Parameters
        ----------
        values : float or integer array, shape (n, d) or (agents, times, d)
            NaN is missing.  Integers above 2^53 do not fit float64 and are refused.
            Any strides; fastest where the times of a feature lie side by side.
        groups : integer array, shape (n,) or (agents,)
            Group of each row or agent, in [0, n_groups), or -1 for one that does not
            count.
        n_groups : int
        pairs : bool
            Keep products of different features; without them only the diagonal is
            known and a state is d times smaller.

        Raises
        ------
        InvalidInput
            For shapes that do not fit, a group out of range, or a dtype that float64
            cannot hold.
        """
        x, where, columns = check_block(values, groups, n_groups)
        sums = sum_block(x, where, n_groups, columns=columns, pairs=pairs)
        return cls(pairs, *sums)

    def empty(self) -> Self:
        """Nothing seen; same groups and features."""
        dropped = np.full(self.n_groups, -1, dtype=np.int64)
        return self.rollup(dropped, self.n_groups)

    def merge(self, other: Self) -> Self:
        """Add up both; neither changes.

        Raises
        ------
        Incompatible
            When groups, features or kinds differ.
        """
        return self._merge_many([self, other])

    @classmethod
    def _merge_many(cls, items: Iterable[Self]) -> Self:
        many = list(items)
        for item in many[1:]:
            many[0]._fits(item, "merge")
        place = np.arange(many[0].n_groups, dtype=np.int64)
        return cls.join(many, [place] * len(many), many[0].n_groups)

    @classmethod
    def join(
        cls, items: Sequence[Self], parents: Sequence[NDArray[np.int64]], n_groups: int
    ) -> Self:
        """Add up groups of many: group i of item k goes to ``parents[k][i]``.

        What `rollup` of each and a merge would give, without the padded states.

        Parameters
        ----------
        items : sequence of GroupMoments
            Of the same features and kind.
        parents : sequence of int64 arrays
            One entry in [-1, n_groups) per group; -1 leaves a group out.
        n_groups : int
            Of the result.

        Raises
        ------
        Incompatible
            When features or kinds differ.
        """
        first = items[0]
        for item in items[1:]:
            first._fits(item, "join", groups=False)
        d, pairs = first.d, first.pairs
        wide, inner = _widths(d, pairs)

        def limbs(name: str, cells: int) -> Limbs:
            parts = [getattr(item, name) for item in items]
            return Limbs.join(parts, parents, n_groups, cells)

        return cls(
            pairs,
            join_counts([item.pair_count for item in items], parents, n_groups),
            limbs("sums", d),
            limbs("products", wide),
            limbs("gaps", inner),
            limbs("squares", inner),
            join_counts([item.infinite_signs for item in items], parents, n_groups),
            Extremes.join(
                [m.range for m in items], [m.count for m in items], parents, n_groups
            ),
        )

    def subtract(self, other: Self) -> Self:
        """Take `other`, which was merged before, out again.

        Extremes that `other` may have held become NaN: fold them again.

        Raises
        ------
        Incompatible
            When shapes differ, or `other` holds more than is here.
        """
        self._fits(other, "subtract")
        counts = self.pair_count - other.pair_count
        infinite = self.infinite_signs - other.infinite_signs
        if (counts < 0).any() or (infinite < 0).any():
            raise Incompatible(
                f"GroupMoments.subtract: {other!r} was not part of {self!r}. "
                "Subtract only what was merged before."
            )
        signs = (1, -1)
        return type(self)(
            self.pairs,
            counts,
            Limbs.add([self.sums, other.sums], signs),
            Limbs.add([self.products, other.products], signs),
            Limbs.add([self.gaps, other.gaps], signs),
            Limbs.add([self.squares, other.squares], signs),
            infinite,
            self.range.subtract(other.range, other.count),
        )

    def rollup(self, parent: NDArray[np.integer], n_parents: int) -> Self:
        """Add up groups: group i goes to `parent[i]`; -1 leaves it out.

        Raises
        ------
        InvalidInput
            When `parent` has another length or names a group out of range.
        """
        to = check_parent(parent, self.n_groups, n_parents)
        return self.join([self], [to], n_parents)

    def take(self, indices: NDArray[np.integer]) -> Self:
        """Return the groups at `indices`, in that order; repeats are allowed."""
        at = np.asarray(indices, dtype=np.int64)
        wide, inner = _widths(self.d, self.pairs)
        return type(self)(
            self.pairs,
            self.pair_count[at],
            self.sums.take(at, self.d),
            self.products.take(at, wide),
            self.gaps.take(at, inner),
            self.squares.take(at, inner),
            self.infinite_signs[at],
            self.range.take(at),
        )

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Canonical state; equal observations give equal arrays."""
        return {
            "pairs": np.array(self.pairs),
            "pair_count": self.pair_count,
            **self.sums.to_arrays("sums"),
            **self.products.to_arrays("products"),
            **self.gaps.to_arrays("gaps"),
            **self.squares.to_arrays("squares"),
            "infinite_signs": self.infinite_signs,
            "minimum": self.minimum,
            "maximum": self.maximum,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Restore what `to_arrays` gave.

        Raises
        ------
        InvalidInput
            When an array is missing.
        """
        try:
            return cls(
                bool(arrays["pairs"]),
                arrays["pair_count"],
                Limbs.from_arrays("sums", arrays),
                Limbs.from_arrays("products", arrays),
                Limbs.from_arrays("gaps", arrays),
                Limbs.from_arrays("squares", arrays),
                arrays["infinite_signs"],
                Extremes(arrays["minimum"], arrays["maximum"]),
            )
        except KeyError as error:
            raise InvalidInput(
                f"GroupMoments.from_arrays: no array {error}. "
                "Compute the summary again."
            ) from error

    def digest(self) -> str:
        """SHA-256 of the canonical state, hexadecimal."""
        return digest(self)

    def _fits(self, other: Self, verb: str, *, groups: bool = True) -> None:
        mine = (self.n_groups, self.d, self.pairs)
        theirs = (other.n_groups, other.d, other.pairs)
        if mine[1:] != theirs[1:] or (groups and mine != theirs):
            raise Incompatible(
                f"GroupMoments.{verb}: (groups, features, pairs) differ: {mine} and "
                f"{theirs}. Build both from the same groups and feature axis."
            )


def _widths(d: int, pairs: bool) -> tuple[int, int]:
    """Cells per group of products, and of gaps and squares."""
    return (d * (d + 1) // 2, d * d) if pairs else (d, 0)
