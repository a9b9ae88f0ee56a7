"""Sums of standardised series: mean correlations of all pairs, at every level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.kernels_series import add_series
from stats.series_input import check_series, floats_in_blocks
from stats.summary import Incompatible, InvalidInput, digest

__all__ = ["SeriesSums"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class SeriesSums:
    """What the mean pairwise correlation within and between groups follows from.

    Attributes
    ----------
    sums : float64 array, shape (g, T)
        Sum of the group's series, each standardised to mean 0 and sd 1 (ddof 0) over
        its own steps, and 0 where it is missing.
    steps : int64 array, shape (g, T)
        How many of them are observed at each step.
    counts : int64 array, shape (g, 3)
        Series that vary, that are constant, and that have no value at all.

    Notes
    -----
    NaN and infinities are missing.  A constant series, found by comparing its values,
    has no correlation: it is counted and left out.

    ``within = (|Y|² - N) / (|c|² - N)`` and ``between = Y·Y' / c·c'`` with Y the sums,
    c the steps and N = Σ c: a standardised series has ``|y|²`` = number of its steps.
    Without gaps these are exactly the means of Pearson's correlation over all pairs.
    With gaps they are the means, weighted by overlap, of ``Σ y y' / overlap``:
    consistent when values are missing at random.  Time and memory: n T and g T; no pair
    is ever formed.

    Not exact: a float sum depends on the order of its series in the last bits.  Two
    orders of n series differ by at most 2 n ε Σ|y| per step.  All steps of a series
    must come in one block: parts of a series do not add.

    Naive twin: tests/stats/test_series_sums.py.

    Examples
    --------
    >>> x = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [3.0, 2.0, 1.0]])
    >>> state = SeriesSums.from_block(x, [0, 0, 1], 2)
    >>> state
    SeriesSums: n=3 | groups=2 | steps=3 | constant=0 | no data=0
    >>> state.between().round(6) + 0.0
    array([[ 1., -1.],
           [-1., nan]])
    """

    sums: Floats
    steps: Ints
    counts: Ints

    exact: ClassVar[bool] = False
    state_version: ClassVar[int] = 1

    @classmethod
    def from_block(cls, series: ArrayLike, groups: ArrayLike, n_groups: int) -> Self:
        """Standardise the series of a block and add them to their groups.

        Parameters
        ----------
        series : array_like, shape (n, T)
            Any dtype and strides; fastest, and read without a copy, as float32 or
            float64 in C order.
        groups : integer array_like, shape (n,)
            In [0, n_groups), or -1 for a series that does not count.
        n_groups : int

        Raises
        ------
        InvalidInput
            For shapes that do not fit, a group out of range, or a dtype that is no
            number.
        """
        x, codes = check_series("SeriesSums.from_block", series, groups, n_groups)
        state = cls._zeros(n_groups, x.shape[1])
        for first, block in floats_in_blocks(x):
            chosen = codes[first : first + len(block)]
            add_series(block, chosen, state.sums, state.steps, state.counts)
        return state

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Restore what `to_arrays` gave.

        Raises
        ------
        Incompatible
            When names or shapes are those of something else.
        """
        names = [field.name for field in fields(cls)]
        shapes = {name: np.shape(arrays[name]) for name in arrays}
        good = sorted(shapes) == sorted(names) and (
            len(shapes["sums"]) == 2
            and shapes["sums"] == shapes["steps"]
            and shapes["counts"] == (shapes["sums"][0], 3)
        )
        if not good:
            raise Incompatible(
                f"SeriesSums.from_arrays: arrays {shapes}. Give sums (g, T), steps "
                "(g, T) and counts (g, 3), as to_arrays returns them."
            )
        return cls(
            np.array(arrays["sums"], np.float64),
            np.array(arrays["steps"], np.int64),
            np.array(arrays["counts"], np.int64),
        )

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(self.sums)

    @property
    def n(self) -> Ints:
        """Series of each group that vary: those that are averaged over, (g,)."""
        return self.counts[:, 0]

    @property
    def constant(self) -> Ints:
        """Series of each group that have values but do not vary, (g,)."""
        return self.counts[:, 1]

    @property
    def no_data(self) -> Ints:
        """Series of each group without any value, (g,)."""
        return self.counts[:, 2]

    @property
    def observed(self) -> Floats:
        """Share of the steps that the averaged series have, (g,); NaN without any."""
        return _divide(
            self.steps.sum(axis=1).astype(np.float64),
            (self.n * self.steps.shape[1]).astype(np.float64),
        )

    def within(self) -> Floats:
        """Mean correlation over the pairs of each group, (g,); NaN for n < 2."""
        steps = self.steps.astype(np.float64)
        own = steps.sum(axis=1)
        return _divide(
            np.einsum("gt,gt->g", self.sums, self.sums) - own,
            np.einsum("gt,gt->g", steps, steps) - own,
        )

    def between(self) -> Floats:
        """Mean correlation over the pairs across two groups, (g, g).

        The diagonal is `within`; NaN where a group has nobody, or where no series of
        one shares a step with one of the other.  For some groups of many: `take`.
        """
        steps = self.steps.astype(np.float64)
        found = self.sums @ self.sums.T
        overlap = steps @ steps.T
        _divide(found, overlap, out=found)
        np.fill_diagonal(found, self.within())
        return found

    def lagged(self, lag: int) -> Floats:
        """Mean correlation of group g with group h `lag` steps later, (g, g).

        Above that at -`lag`, g leads h.  The diagonal is NaN: which part of a group's
        sum is a series with itself is not kept.

        Parameters
        ----------
        lag : int
            In (-T, T).

        Raises
        ------
        InvalidInput
            When no step is left.
        """
        width = self.steps.shape[1]
        if not -width < lag < width:
            raise InvalidInput(
                f"SeriesSums.lagged: lag {lag} for {width} steps. Give a shorter one."
            )
        early, late = slice(0, width - abs(lag)), slice(abs(lag), width)
        if lag < 0:
            early, late = late, early
        steps = self.steps.astype(np.float64)
        found = self.sums[:, early] @ self.sums[:, late].T
        _divide(found, steps[:, early] @ steps[:, late].T, out=found)
        np.fill_diagonal(found, np.nan)
        return found

    def take(self, groups: ArrayLike) -> Self:
        """Return the state of some groups, in the order given."""
        index = np.asarray(groups, np.int64)
        return type(self)(self.sums[index], self.steps[index], self.counts[index])

    def empty(self) -> Self:
        """Return the same groups and steps with nothing seen."""
        return self._zeros(*self.sums.shape)

    def merge(self, other: Self) -> Self:
        """Add the series of two states, group by group.

        Raises
        ------
        Incompatible
            When groups or steps differ.
        """
        if self.sums.shape != other.sums.shape:
            raise Incompatible(
                f"SeriesSums.merge: (groups, steps) differ: {self.sums.shape} and "
                f"{other.sums.shape}. Build both with the same groups and window."
            )
        return type(self)(
            self.sums + other.sums,
            self.steps + other.steps,
            self.counts + other.counts,
        )

    def rollup(self, parent: ArrayLike, n_parents: int) -> Self:
        """Add groups into parents, for example teams into sites.

        Parameters
        ----------
        parent : integer array_like, shape (g,)
            In [0, n_parents), or -1 to drop a group.
        n_parents : int

        Raises
        ------
        InvalidInput
            When a parent is out of range.
        """
        where = f"{type(self).__name__}.rollup"
        _, codes = check_series(where, self.sums, parent, n_parents)
        kept = codes >= 0
        out = self._zeros(n_parents, self.sums.shape[1])
        np.add.at(out.sums, codes[kept], self.sums[kept])
        np.add.at(out.steps, codes[kept], self.steps[kept])
        np.add.at(out.counts, codes[kept], self.counts[kept])
        return out

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the state as named arrays."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def digest(self) -> str:
        """SHA-256 of the state; vouches for one order of the series."""
        return digest(self)

    def __repr__(self) -> str:
        n, constant, no_data = self.counts.sum(axis=0)
        return (
            f"SeriesSums: n={n:_} | groups={self.n_groups:_} | "
            f"steps={self.steps.shape[1]:_} | constant={constant:_} | "
            f"no data={no_data:_}"
        )

    @classmethod
    def _zeros(cls, n_groups: int, width: int) -> Self:
        return cls(
            np.zeros((n_groups, width)),
            np.zeros((n_groups, width), np.int64),
            np.zeros((n_groups, 3), np.int64),
        )


def _divide(top: Floats, bottom: Floats, out: Floats | None = None) -> Floats:
    """Quotient, NaN where nothing overlaps; `out` may be `top`."""
    found = np.empty_like(top) if out is None else out
    none = bottom <= 0
    np.divide(top, bottom, out=found, where=~none)
    found[none] = np.nan
    return found
