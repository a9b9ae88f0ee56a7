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
    def merge(cls, items: Sequence[Self], counts: Sequence[NDArray[np.int64]]) -> Self:
        """Fold many of one shape; `counts` (g, d) tell unknown from nothing seen."""
        minimum = np.fmin.reduce([item.minimum for item in items])
        maximum = np.fmax.reduce([item.maximum for item in items])
        for item, count in zip(items, counts, strict=True):
            seen = count > 0
            minimum[seen & np.isnan(item.minimum)] = np.nan
            maximum[seen & np.isnan(item.maximum)] = np.nan
        return cls(minimum, maximum)

    def subtract(self, other: Self, other_count: NDArray[np.int64]) -> Self:
        """Keep what `other` cannot have held; the rest becomes unknown."""
        untouched = other_count == 0
        low = untouched | (other.minimum > self.minimum)
        high = untouched | (other.maximum < self.maximum)
        return type(self)(
            np.where(low, self.minimum, np.nan), np.where(high, self.maximum, np.nan)
        )

    def rollup(
        self, count: NDArray[np.int64], parent: NDArray[np.int64], n_parents: int
    ) -> Self:
        """Fold groups into parents; -1 drops a group."""
        kept = parent >= 0
        to, seen = parent[kept], count[kept] > 0
        folded = []
        for fold, values in ((np.fmin, self.minimum), (np.fmax, self.maximum)):
            out = np.full((n_parents, values.shape[1]), np.nan)
            fold.at(out, to, values[kept])
            group, feature = np.nonzero(seen & np.isnan(values[kept]))
            out[to[group], feature] = np.nan
            folded.append(out)
        return type(self)(*folded)

    def take(self, index: NDArray[np.int64]) -> Self:
        """Return the groups at `index`."""
        return type(self)(self.minimum[index], self.maximum[index])
