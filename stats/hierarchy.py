"""The levels of a population: which group belongs to which, and rolling up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from stats.summary import InvalidInput

__all__ = ["Hierarchy"]


class _Rollable(Protocol):
    @property
    def n_groups(self) -> int: ...

    def rollup(self, parent: NDArray[np.int64], n_parents: int) -> Self: ...


R = TypeVar("R", bound=_Rollable)


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """A strict tree of levels, finest first, as one parent vector per step.

    Attributes
    ----------
    levels : tuple of str
        For example ("team", "site", "all").
    parents : tuple of int64 arrays
        ``parents[k][i]`` is the group of level k + 1 that group i of level k belongs
        to; one fewer than levels.

    Raises
    ------
    InvalidInput
        When the lengths do not fit or a parent does not exist.

    Examples
    --------
    >>> h = Hierarchy(("team", "site", "all"), (np.array([0, 0, 1]), np.array([0, 0])))
    >>> h.parent("team", "all")
    array([0, 0, 0])
    """

    levels: tuple[str, ...]
    parents: tuple[NDArray[np.int64], ...]

    def __post_init__(self) -> None:
        if len(self.parents) != len(self.levels) - 1:
            raise InvalidInput(
                f"Hierarchy: {len(self.levels)} levels and {len(self.parents)} parent "
                "vectors. Give one vector per step between levels."
            )
        for k, parent in enumerate(self.parents):
            above = self.parents[k + 1].size if k + 1 < len(self.parents) else None
            low, high = int(parent.min(initial=0)), int(parent.max(initial=0))
            if parent.dtype.kind not in "iu" or parent.ndim != 1:
                raise InvalidInput(
                    f"Hierarchy: parents of {self.levels[k]} are {parent.dtype} of "
                    f"shape {parent.shape}. Give one integer per group."
                )
            if low < 0 or (above is not None and high >= above and parent.size):
                raise InvalidInput(
                    f"Hierarchy: parents of {self.levels[k]} run from {low} to {high}, "
                    f"{self.levels[k + 1]} has {'n' if above is None else above} "
                    "groups. Every group needs one parent that exists."
                )

    def size(self, level: str) -> int:
        """Number of groups at a level."""
        k = self._at(level)
        if k < len(self.parents):
            return int(self.parents[k].size)
        top = self.parents[-1] if self.parents else np.zeros(1, dtype=np.int64)
        return int(top.max(initial=0)) + 1

    def parent(self, from_: str, to: str) -> NDArray[np.int64]:
        """Group of level `to` that each group of level `from_` belongs to.

        Raises
        ------
        InvalidInput
            For an unknown level, or one that is finer than `from_`.
        """
        low, high = self._at(from_), self._at(to)
        if high < low:
            raise InvalidInput(
                f"Hierarchy.parent: {to!r} is finer than {from_!r}. Roll up, not down."
            )
        found = np.arange(self.size(from_), dtype=np.int64)
        for step in self.parents[low:high]:
            found = step[found].astype(np.int64)
        return found

    def rollup(self, summary: R, to: str) -> R:
        """Roll a summary of the finest level up to another one.

        Raises
        ------
        InvalidInput
            When the summary does not have one group per group of the finest level.
        """
        finest = self.levels[0]
        if summary.n_groups != self.size(finest):
            raise InvalidInput(
                f"Hierarchy.rollup: the summary has {summary.n_groups} groups, level "
                f"{finest} has {self.size(finest)}. Align it by label first."
            )
        if to == finest:
            return summary
        return summary.rollup(self.parent(finest, to), self.size(to))

    def _at(self, level: str) -> int:
        if level not in self.levels:
            raise InvalidInput(
                f"Hierarchy: no level {level!r}. Use one of {', '.join(self.levels)}."
            )
        return self.levels.index(level)
