"""A summary made of several group moments: whatever is done is done to every part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from stats.moments import GroupMoments
from stats.summary import digest, merge_all

__all__ = ["MomentParts"]


class MomentParts:
    """Base of frozen dataclasses whose fields are `GroupMoments` of the same groups.

    Attributes
    ----------
    PARTS : tuple of str
        The fields, in their order.
    """

    __slots__ = ()

    PARTS: ClassVar[tuple[str, ...]]
    exact: ClassVar[bool] = True
    state_version: ClassVar[int] = 1

    def _parts(self) -> tuple[GroupMoments, ...]:
        return tuple(getattr(self, part) for part in self.PARTS)

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return self._parts()[0].n_groups

    def empty(self) -> Self:
        """Nothing seen; same groups and features."""
        return type(self)(*(part.empty() for part in self._parts()))

    def merge(self, other: Self) -> Self:
        """Add every part."""
        return self._merge_many([self, other])

    @classmethod
    def _merge_many(cls, items: Iterable[Self]) -> Self:
        columns = zip(*(item._parts() for item in items), strict=True)
        return cls(*(merge_all(column) for column in columns))

    @classmethod
    def join(
        cls, items: Sequence[Self], parents: Sequence[NDArray[np.int64]], n_groups: int
    ) -> Self:
        """Add up groups of many: group i of item k goes to ``parents[k][i]``."""
        columns = zip(*(item._parts() for item in items), strict=True)
        return cls(*(GroupMoments.join(part, parents, n_groups) for part in columns))

    def rollup(self, parent: NDArray[np.int64], n_parents: int) -> Self:
        """Add up groups: group i goes to `parent[i]`; -1 leaves it out."""
        return type(self)(*(part.rollup(parent, n_parents) for part in self._parts()))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays of all parts, keys prefixed with the part's name and a dot."""
        return {
            f"{name}.{key}": value
            for name, part in zip(self.PARTS, self._parts(), strict=True)
            for key, value in part.to_arrays().items()
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Restore what `to_arrays` gave.

        Raises
        ------
        InvalidInput
            When an array is missing.
        """
        parts = (
            {
                key.removeprefix(f"{name}."): value
                for key, value in arrays.items()
                if key.startswith(f"{name}.")
            }
            for name in cls.PARTS
        )
        return cls(*(GroupMoments.from_arrays(part) for part in parts))

    def digest(self) -> str:
        """SHA-256 of the canonical state, hexadecimal."""
        return digest(self)
