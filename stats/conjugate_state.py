"""What conjugate families share: a prior beside exact sums, and merging of the sums."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.exact_input import as_float64
from stats.extremes import Extremes
from stats.moments import GroupMoments
from stats.summary import Incompatible, InvalidInput, digest, merge_all

__all__ = [
    "ConjugateFamily",
    "checked_rows",
    "positive",
    "require",
    "without_extremes",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Hyperparameters outside give sums of logarithms that overflow or lose every digit.
_SMALLEST, _LARGEST = 1e-100, 1e100


class ConjugateFamily:
    """Base of frozen dataclasses that hold a prior and one exact summary.

    Attributes
    ----------
    PRIOR : tuple of str
        The fields that hold hyperparameters.
    SUMS : type
        Class of the field `sums`.

    Notes
    -----
    Fields are those of PRIOR, then `sums`.  The prior is no part of the sums: merging,
    subtracting and rolling up move sums only, so it enters a posterior once however
    many partitions there were.  Another prior is ``dataclasses.replace(family, …)``.
    """

    __slots__ = ()

    PRIOR: ClassVar[tuple[str, ...]]
    SUMS: ClassVar[type[Any]]
    sums: Any
    exact: ClassVar[bool] = True
    state_version: ClassVar[int] = 1

    def __repr__(self) -> str:
        prior = " | ".join(
            f"{name}={np.asarray(getattr(self, name)).tolist()}" for name in self.PRIOR
        )
        rows = int(self.n.sum())
        name = type(self).__name__
        return f"{name}: n={rows:_} | groups={self.n_groups:_} | {prior}"

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return int(self.sums.n_groups)

    @property
    def n(self) -> Ints:
        """Rows seen per group, shape (g,)."""
        raise NotImplementedError

    def empty(self) -> Self:
        """Nothing seen; same groups and prior."""
        return self._with(self.sums.empty())

    def merge(self, other: Self) -> Self:
        """Add what both have seen; the prior still counts once.

        Raises
        ------
        Incompatible
            When groups, features or priors differ.
        """
        return self._merge_many([self, other])

    @classmethod
    def _merge_many(cls, items: Iterable[Self]) -> Self:
        many = list(items)
        for item in many[1:]:
            many[0]._same_prior(item, "merge")
        return many[0]._with(merge_all([item.sums for item in many]))

    def subtract(self, other: Self) -> Self:
        """Take `other`, which was merged before, out again without a trace.

        Raises
        ------
        Incompatible
            When groups, features or priors differ, or `other` holds more.
        """
        self._same_prior(other, "subtract")
        return self._with(self.sums.subtract(other.sums))

    def rollup(self, parent: NDArray[np.integer], n_parents: int) -> Self:
        """Add up groups: group i goes to ``parent[i]``; -1 leaves it out.

        Raises
        ------
        InvalidInput
            When `parent` has another length or names a group out of range.
        """
        return self._with(self.sums.rollup(parent, n_parents))

    @classmethod
    def join(
        cls, items: Sequence[Self], parents: Sequence[Ints], n_groups: int
    ) -> Self:
        """Add up groups of many: group i of item k goes to ``parents[k][i]``.

        Raises
        ------
        Incompatible
            When features or priors differ.
        """
        for item in items[1:]:
            items[0]._same_prior(item, "join")
        sums = cls.SUMS.join([item.sums for item in items], parents, n_groups)
        return items[0]._with(sums)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Canonical state; hyperparameters have the prefix ``prior.``."""
        prior = {f"prior.{name}": np.array(getattr(self, name)) for name in self.PRIOR}
        return {**prior, **self.sums.to_arrays()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Restore what `to_arrays` gave.

        Raises
        ------
        InvalidInput
            When an array is missing or holds no prior.
        """
        try:
            prior = [arrays[f"prior.{name}"] for name in cls.PRIOR]
        except KeyError as error:
            raise InvalidInput(
                f"{cls.__name__}.from_arrays: no array {error}. "
                "Compute the summary again."
            ) from error
        return cls(*(*prior, cls.SUMS.from_arrays(arrays)))

    def digest(self) -> str:
        """SHA-256 of the canonical state, hexadecimal."""
        return digest(self)

    def _with(self, sums: Any) -> Self:
        prior = (getattr(self, name) for name in self.PRIOR)
        return type(self)(*(*prior, sums))

    def _same_prior(self, other: Self, verb: str) -> None:
        for name in self.PRIOR:
            mine, theirs = getattr(self, name), getattr(other, name)
            if not np.array_equal(mine, theirs):
                raise Incompatible(
                    f"{type(self).__name__}.{verb}: priors differ in {name}: {mine} "
                    f"and {theirs}. Build both with one prior; it counts once."
                )

    def _set(self, name: str, value: Any) -> None:
        """Set a field while it is being checked; arrays become read-only."""
        if isinstance(value, np.ndarray):
            value = value + 0.0  # a copy without negative zeros
            value.flags.writeable = False
        object.__setattr__(self, name, value)


def without_extremes(moments: GroupMoments) -> GroupMoments:
    """Forget smallest and largest values, which a subtraction could not restore."""
    unknown = np.full(moments.minimum.shape, np.nan)
    return replace(moments, range=Extremes(unknown, unknown))


def require(good: bool | np.bool_, where: str, wrong: str, remedy: str) -> None:
    """Raise `InvalidInput` unless good."""
    if not good:
        raise InvalidInput(f"{where}: {wrong}. {remedy}")


def positive(value: ArrayLike, where: str, name: str) -> Floats:
    """Hyperparameters between 1e-100 and 1e100.

    Raises
    ------
    InvalidInput
        For any other, NaN too.
    """
    found = np.asarray(value, np.float64)
    require(
        ((found >= _SMALLEST) & (found <= _LARGEST)).all(),
        where,
        f"{name} is {found.tolist()}",
        f"Give numbers from {_SMALLEST} to {_LARGEST}.",
    )
    return found


def checked_rows(
    values: ArrayLike, groups: ArrayLike, n_groups: int, where: str, *, ndim: int = 1
) -> tuple[Floats, Ints]:
    """Values, and the group of every row: -1 where any of its values is NaN.

    Raises
    ------
    InvalidInput
        For shapes that do not fit, a group out of range, or an infinite value.
    """
    x = as_float64(np.asarray(values), where)
    group = np.asarray(groups)
    group = group if group.size else group.astype(np.int64)
    require(
        x.ndim == ndim and group.shape == x.shape[:1] and group.dtype.kind in "iu",
        where,
        f"values {x.shape} and groups {group.shape} of {group.dtype}",
        f"Give values of {ndim} axes and a whole number per row.",
    )
    low, high = (int(group.min()), int(group.max())) if len(group) else (0, -1)
    require(
        low >= -1 and high < n_groups,
        where,
        f"groups from {low} to {high}, expected [-1, {n_groups})",
        "Number them from 0.",
    )
    infinite = np.isinf(x)
    require(
        not infinite.any(),
        where,
        f"{int(infinite.sum())} values are infinite",
        "Give finite numbers, NaN for what is missing.",
    )
    missing = np.isnan(x).any(axis=tuple(range(1, ndim))) if ndim > 1 else np.isnan(x)
    found: Ints = np.where(missing, -1, group.astype(np.int64))
    return x, found
