"""Mahalanobis distance of new rows to a baseline, with the law that it really has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.distance import condition, marginal_distances
from stats.moments import GroupMoments
from stats.shrinkage import ledoit_wolf, oas
from stats.summary import Incompatible, InvalidInput, NotEnoughData
from stats.tails import new_row_log_p

__all__ = ["MahalanobisDetector", "Shrinkage"]

Shrinkage = Literal["oas", "ledoit-wolf"] | None
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class MahalanobisDetector:
    """Scores rows that are not part of its baseline.

    Attributes
    ----------
    n : int
        Baseline rows; with missing values the smallest count over pairs of features.
    mean : float64 array, shape (d,)
    covariance : float64 array, shape (d, d)
        After shrinkage and floors.
    intensity : float
        Shrinkage of the correlations, in [0, 1].
    rank : int
        Directions in which the baseline really varies.
    floored : bool array, shape (d,)
        Features whose standard deviation was raised to its floor.
    condition : float
        Of the correlation matrix before floors; infinite when singular.
    """

    n: int
    mean: Floats
    covariance: Floats
    intensity: float
    rank: int
    floored: NDArray[np.bool_]
    condition: float

    @classmethod
    def fit(
        cls,
        data: GroupMoments | ArrayLike,
        *,
        group: int = 0,
        shrinkage: Shrinkage = "oas",
        robust: bool = False,
        floors: ArrayLike = 0.0,
    ) -> Self:
        moments, rows = _moments(data, group)
        covariance = moments.covariance()[group]
        count = moments.pair_count[group][np.isfinite(covariance)]
        n = int(count.min(initial=2**62)) if count.size else 0
        if n < 3:
            raise NotEnoughData("")
        intensity = 0.0
        if shrinkage == "oas":
            covariance, rho = oas(covariance, n)
            intensity = float(rho)
        fit = condition(covariance[None], floors)
        return cls(
            n,
            moments.mean()[group],
            fit.covariance[0],
            intensity,
            int(fit.rank[0]),
            fit.floored[0],
            float(fit.condition[0]),
        )

    def _distances(self, x):
        rows = np.asarray(x, np.float64)
        residual = np.where(np.isfinite(rows), rows - self.mean, np.nan)
        return marginal_distances(
            residual, np.zeros(len(rows), dtype=np.int64), self.covariance[None]
        )

    def score(self, x):
        return self._distances(x)[0]

    def log_p(self, x):
        d2, p, _ = self._distances(x)
        return new_row_log_p(d2, p, self.n)

    def p_value(self, x):
        return np.exp(self.log_p(x))

    def contributions(self, x):
        return self._distances(x)[2]


def _moments(data, group):
    if isinstance(data, GroupMoments):
        return data, None
    rows = np.asarray(data, np.float64)
    return GroupMoments.from_block(rows, np.zeros(len(rows), dtype=np.int64), 1), rows
