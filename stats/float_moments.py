"""Float means, covariances, skewness and kurtosis of many groups, in one fast pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from stats.extremes import Extremes
from stats.float_block import join_sums, sum_block
from stats.float_center import center_of, check_center
from stats.float_results import FloatResults
from stats.moment_input import check_block, check_parent
from stats.moments import GroupMoments
from stats.summary import Incompatible, InvalidInput, digest

__all__ = ["FloatMoments", "center_of"]

_SUMS = ("sums", "squares", "products", "cubes", "fourths")
_ADDED = ("pair_count", *_SUMS, "infinite_signs")


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class FloatMoments(FloatResults):
    """Count, mean and covariance of every group in float64, about a fixed centre.

    For many features (d > 32) and for skewness and kurtosis; everything else has
    `GroupMoments`, which is exact.

    Attributes
    ----------
    center : float64 array, shape (d,)
        Sums are of y = x - center.  It belongs to the data set, not to a block: states
        about different centres do not merge.  See `center_of`.
    higher : bool
        Whether third and fourth powers are kept.
    pair_count : int64 array, shape (g, d, d)
        Rows in which features i and j are both present and finite.
    sums, squares : float64 arrays, shape (g, d, d)
        [g, j, i] is Σ y_i, or Σ y_i², over the rows that have i and j.
    products : float64 array, shape (g, d (d - 1) / 2)
        Σ y_i y_j over the rows that have both, i < j, row by row.
    cubes, fourths : float64 arrays, shape (g, d), or (g, 0) without `higher`
        Σ y³ and Σ y⁴ over the rows that have the feature.
    infinite_signs : int64 array, shape (g, d, 2)
        How many values are +inf and -inf.
    range : Extremes, shape (g, d)
        Smallest and largest value, infinite ones too.

    Notes
    -----
    NaN is missing: moments are pairwise complete, as in pandas.  An infinite value
    makes the mean infinite, and covariance and correlation NaN.  Values whose squares
    leave float64, beyond 1e150, give NaN or infinity.

    A sum is rounded at every addition: at most (200 + n / 512) ε Σ|y_i y_j|, or Σ|y_i|,
    over the n rows that a group has in the tiles of a block where i and j meet, and far
    less as a rule.  So a variance has a relative error of a few ε (1 + `condition`),
    where condition = ((mean - center) / sd)²; `ill_conditioned` tells where it is above
    2^20.

    Every addition has its place: rows in the order of the block, group by group, 512 to
    a tile, eight lanes; merges in the order given.  `tasks.reduce` merges by the key of
    a block and never by arrival, so that the bits are equal for any number of workers.
    They are not equal when the data are cut into other blocks, or merged over another
    tree: a `digest` holds the mode (the name of this class), the centre and, through
    the bits of the sums, the layout, and vouches for one layout only.  There is no
    `subtract`: a float sum does not come back to where it was.

    Source: shifted data, Chan, Golub & LeVeque (1983), "Algorithms for computing the
    sample variance", eq. 1.5 f.  Naive twin: `GroupMoments`, in
    tests/stats/test_float_moments.py.

    Examples
    --------
    >>> x = np.array([[1.0], [2.0], [6.0]])
    >>> center = FloatMoments.center_from(x)
    >>> m = FloatMoments.from_block(x, np.zeros(3, dtype=int), 1, center=center)
    >>> m
    FloatMoments: n=3 | groups=1 | features=1
    >>> m.mean(), m.variance()
    (array([[3.]]), array([[7.]]))
    """

    center: NDArray[np.float64]
    higher: bool
    pair_count: NDArray[np.int64]
    sums: NDArray[np.float64]
    squares: NDArray[np.float64]
    products: NDArray[np.float64]
    cubes: NDArray[np.float64]
    fourths: NDArray[np.float64]
    infinite_signs: NDArray[np.int64]
    range: Extremes

    exact: ClassVar[bool] = False
    state_version: ClassVar[int] = 1

    @classmethod
    def from_block(
        cls,
        values: NDArray[Any],
        groups: NDArray[np.integer],
        n_groups: int,
        *,
        center: NDArray[np.floating],
        higher: bool = False,
    ) -> Self:
        """Sum the rows of a block into their groups.

        Parameters
        ----------
        values : float or integer array, shape (n, d) or (agents, times, d)
            NaN is missing.  Integers above 2^53 do not fit float64 and are refused.
            Any strides, which change no bits; fastest where the times of a feature lie
            side by side in whole words of 64.
        groups : integer array, shape (n,) or (agents,)
            Group of each row or agent, in [0, n_groups), or -1 for one that does not
            count.
        n_groups : int
        center : float array, shape (d,)
            Finite; near the means, and the same for all blocks of a data set.
        higher : bool
            Keep third and fourth powers, for skewness and kurtosis.

        Raises
        ------
        InvalidInput
            For shapes that do not fit, a group out of range, a dtype that float64
            cannot hold, or a centre that is not finite.
        """
        with _own_name():
            x, where, columns = check_block(values, groups, n_groups)
        about = check_center(center, x.shape[1] if columns else x.shape[2])
        state = sum_block(
            x, where, n_groups, columns=columns, center=about, higher=higher
        )
        seen = state.low <= state.high
        ends = (np.where(seen, v + 0.0, np.nan) for v in (state.low, state.high))
        return cls(about, higher, *state[:6], state.infinite, Extremes(*ends))

    @staticmethod
    def center_from(values: NDArray[Any]) -> NDArray[np.float64]:
        """Return a centre for data that look like this block, (d,); see `center_of`.

        Parameters
        ----------
        values : array, shape (n, d) or (agents, times, d)
        """
        rows = np.zeros(len(values), dtype=np.int64)
        with _own_name():
            return center_of(GroupMoments.from_block(values, rows, 1, pairs=False))

    def empty(self) -> Self:
        """Nothing seen; same groups, features and centre."""
        dropped = np.full(self.n_groups, -1, dtype=np.int64)
        return self.rollup(dropped, self.n_groups)

    def merge(self, other: Self) -> Self:
        """Add up both; neither changes.

        Raises
        ------
        Incompatible
            When groups, features, centres or kinds differ.
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
        """Add up groups of many in their order: group i of k goes to ``parents[k][i]``.

        Parameters
        ----------
        items : sequence of FloatMoments
            Of the same features, centre and kind.
        parents : sequence of int64 arrays
            One entry in [-1, n_groups) per group; -1 leaves a group out.
        n_groups : int
            Of the result.

        Raises
        ------
        Incompatible
            When features, centres or kinds differ.
        """
        first = items[0]
        for item in items[1:]:
            first._fits(item, "join", groups=False)
        added: dict[str, Any] = {
            name: join_sums([getattr(item, name) for item in items], parents, n_groups)
            for name in _ADDED
        }
        ends = Extremes.join(
            [m.range for m in items], [m.count for m in items], parents, n_groups
        )
        return replace(first, range=ends, **added)

    def rollup(self, parent: NDArray[np.integer], n_parents: int) -> Self:
        """Add up groups in their order: group i goes to `parent[i]`; -1 leaves it out.

        Raises
        ------
        InvalidInput
            When `parent` has another length or names a group out of range.
        """
        with _own_name():
            to = check_parent(parent, self.n_groups, n_parents)
        return self.join([self], [to], n_parents)

    def take(self, indices: NDArray[np.integer]) -> Self:
        """Return the groups at `indices`, in that order; repeats are allowed."""
        at = np.asarray(indices, dtype=np.int64)
        taken: dict[str, Any] = {name: getattr(self, name)[at] for name in _ADDED}
        return replace(self, range=self.range.take(at), **taken)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """State; equal blocks over an equal tree give equal arrays."""
        return {
            "center": self.center,
            "higher": np.array(self.higher),
            **{name: getattr(self, name) for name in _ADDED},
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
        names = [field.name for field in fields(cls) if field.name != "range"]
        try:
            state: dict[str, Any] = {name: arrays[name] for name in names}
            ends = Extremes(arrays["minimum"], arrays["maximum"])
        except KeyError as error:
            raise InvalidInput(
                f"FloatMoments.from_arrays: no array {error}. "
                "Compute the summary again."
            ) from error
        state["higher"] = bool(state["higher"])
        return cls(**state, range=ends)

    def digest(self) -> str:
        """SHA-256 of mode, centre and state, hexadecimal; for one layout only."""
        return digest(self)

    def _fits(self, other: Self, verb: str, *, groups: bool = True) -> None:
        mine = (self.n_groups if groups else 0, self.d, self.higher)
        theirs = (other.n_groups if groups else 0, other.d, other.higher)
        if mine != theirs:
            raise Incompatible(
                f"FloatMoments.{verb}: (groups, features, higher) differ: {mine} and "
                f"{theirs}. Build both from the same groups and feature axis."
            )
        apart = np.flatnonzero(self.center != other.center)
        if len(apart):
            j = apart[0]
            raise Incompatible(
                f"FloatMoments.{verb}: centres of feature {j} differ: {self.center[j]} "
                f"and {other.center[j]}. Build both about the centre of the data set."
            )


@contextmanager
def _own_name() -> Iterator[None]:
    """Name this class where checks that are shared with `GroupMoments` refuse."""
    try:
        yield
    except InvalidInput as error:
        text = str(error).replace("GroupMoments", "FloatMoments", 1)
        raise type(error)(text) from error
