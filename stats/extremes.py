"""Smallest and largest values of many groups, and what is still known of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Extremes"]


@dataclass(frozen=True, slots=True)
class Extremes:
    """Minimum and maximum per group and feature.

    Attributes
    ----------
    minimum, maximum : float64 arrays, shape (g, d)
        NaN for nothing seen.  NaN beside a positive count means unknown: a subtraction
        may have taken the extreme value out, and it stays unknown in every merge.

    Notes
    -----
    Zeros are +0.0, so that bits do not depend on which zero came first.
    """

    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]

    @classmethod
    def join(
        cls,
        items: Sequence[Self],
        counts: Sequence[NDArray[np.int64]],
        parents: Sequence[NDArray[np.int64]],
        n_parents: int,
    ) -> Self:
        """Fold groups: group i of item k goes to ``parents[k][i]``; -1 drops it.

        `counts` (g, d) tell unknown from nothing seen.
        """
        shape = (n_parents, items[0].minimum.shape[1])
        minimum, maximum = np.full(shape, np.nan), np.full(shape, np.nan)
        unknown_low, unknown_high = np.zeros(shape, bool), np.zeros(shape, bool)
        for item, count, parent in zip(items, counts, parents, strict=True):
            kept = parent >= 0
            to, seen = parent[kept], count[kept] > 0
            for fold, out, values, unknown in (
                (np.fmin, minimum, item.minimum[kept], unknown_low),
                (np.fmax, maximum, item.maximum[kept], unknown_high),
            ):
                fold.at(out, to, values)
                np.logical_or.at(unknown, to, seen & np.isnan(values))
        minimum[unknown_low] = np.nan
        maximum[unknown_high] = np.nan
        return cls(minimum, maximum)

    def subtract(self, other: Self, other_count: NDArray[np.int64]) -> Self:
        """Keep what `other` cannot have held; the rest becomes unknown."""
        untouched = other_count == 0
        low = untouched | (other.minimum > self.minimum)
        high = untouched | (other.maximum < self.maximum)
        return type(self)(
            np.where(low, self.minimum, np.nan), np.where(high, self.maximum, np.nan)
        )

    def take(self, index: NDArray[np.int64]) -> Self:
        """Return the groups at `index`."""
        return type(self)(self.minimum[index], self.maximum[index])
