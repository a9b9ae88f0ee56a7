"""Mahalanobis distance of new rows to a baseline, with the law that it really has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.baseline_rows import (
    baseline_rows,
    complete_rows,
    from_moments,
    from_rows,
    row_tails,
)
from stats.calibrated import CalibratedDetector
from stats.calibration import TailCounts
from stats.detector_options import Shrinkage, Tail, check_options
from stats.distance import condition, marginal_distances
from stats.heavy_tails import DEGREES
from stats.moments import GroupMoments
from stats.null_law import NullLaw, serial_rows
from stats.robust import effective_rows
from stats.shrinkage import correlation_scale, ledoit_wolf, oas
from stats.summary import Incompatible

__all__ = ["MahalanobisDetector", "Shrinkage", "Tail"]

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
        After shrinkage and floors; NaN for a feature never seen.
    rank : int
        Directions in which the baseline really varies.
    floored : bool array, shape (d,)
        Features whose standard deviation was raised to its floor.
    condition : float
        Of the correlation matrix before floors; infinite when singular.
    law : NullLaw
        Of the distance of a new row: rows it counts, shrinkage, tail.

    Notes
    -----
    Without shrinkage p follows Hotelling's F law.  With it no F law holds, and p comes
    from `ShrunkLaw`, so that a row of the baseline's own kind still has p below alpha
    with probability alpha.  Fitted to rows, tails may be those of a multivariate t
    (`heavy_tails`).  A short baseline cannot know its tail: pool null scores of many
    units, and ask `calibrated` (docs/explanation/false-alarms.md).

    Examples
    --------
    >>> rows = np.random.default_rng(0).standard_normal((200, 3))
    >>> detector = MahalanobisDetector.fit(rows)
    >>> bool(detector.p_value([[9.0, 0.0, 0.0]])[0] < 1e-4)
    True
    """

    n: int
    mean: Floats
    covariance: Floats
    rank: int
    floored: NDArray[np.bool_]
    condition: float
    law: NullLaw

    @classmethod
    def fit(
        cls,
        data: GroupMoments | ArrayLike,
        *,
        group: int = 0,
        shrinkage: Shrinkage | None = "oas",
        robust: bool = False,
        floors: ArrayLike = 0.0,
        tail: Tail = "auto",
        serial_correlation: float = 0.0,
        seed: int = 0,
    ) -> Self:
        """Fit to baseline rows, or to their moments.

        Parameters
        ----------
        data : GroupMoments, or array_like of shape (n, d)
            NaN is missing, pairwise complete.
        group : int
            Which group of the moments.
        shrinkage : {"oas", "ledoit-wolf"} or None
            "ledoit-wolf" needs rows: moments do not hold fourth powers.
        robust : bool
            Deterministic C-steps over the complete rows; needs rows.
        floors : array_like, shape (d,) or scalar
            Smallest standard deviation per feature, for constant features.
        tail : {"auto", "normal", "t"}
            "t" learns heavier tails from the rows; "auto" does so where there are
            rows that are neither robust nor serially correlated, else "normal".
        serial_correlation : float
            Of neighbouring rows, in [0, 1): the law counts fewer rows.
        seed : int
            Of the simulated parts of the null law.

        Returns
        -------
        MahalanobisDetector

        Raises
        ------
        InvalidInput
            For rows that are not (n, d) or an unknown shrinkage.
        Incompatible
            When moments are given where rows are needed, or without cross products.
        NotEnoughData
            For fewer than 3 rows; for fewer than 4 d + 4 complete ones if robust.
        """
        check_options(data, shrinkage, tail, serial_correlation, robust=robust)
        if isinstance(data, GroupMoments):
            rows = np.zeros((0, data.d))
            pairs, mean, covariance = from_moments(data, group)
        else:
            rows = baseline_rows(data)
            pairs, mean, covariance = from_rows(rows, robust=robust)
        n, d = int(np.nanmin(pairs)), len(mean)
        raw = condition(covariance[None], floors, dof=None)
        sample = np.where(np.isnan(raw.covariance), 0.0, raw.covariance)
        counted, stretch = effective_rows(n, d, seed) if robust else n, 1.0
        if serial_correlation > 0:
            centre, worth = serial_rows(counted, serial_correlation)
            counted = round(worth)
            stretch = (1 + 1 / counted) / (1 + 1 / centre) * (1 - 1 / centre)
            stretch *= n / (n - 1)
        intensity = 0.0
        if shrinkage == "oas":
            intensity = float(oas(sample, counted)[1][0])
        elif shrinkage == "ledoit-wolf":
            intensity = ledoit_wolf(complete_rows(rows))[1]
        pull = np.where(np.eye(d, dtype=bool), 1.0, 1.0 - intensity)
        dof = np.maximum(pairs - 1.0 - (n - counted), 1.0)[None]
        shrunk = condition(raw.covariance * pull, 0.0, dof=dof).covariance[0]
        weights = (np.arange(len(DEGREES)) == 0).astype(np.float64)
        if tail == "t" or (tail == "auto" and not robust and serial_correlation == 0):
            weights = row_tails(rows)
        r = correlation_scale(sample)[1][0]
        law = NullLaw(counted, stretch, r, intensity, weights, seed)
        return cls(
            n, mean, shrunk, int(raw.rank[0]), raw.floored[0],
            float(raw.condition[0]), law,
        )  # fmt: skip

    @property
    def intensity(self) -> float:
        """Shrinkage of the correlations, in [0, 1]."""
        return self.law.intensity

    @property
    def effective_n(self) -> int:
        """Independent rows that the null law counts."""
        return self.law.n

    def __repr__(self) -> str:
        return (
            f"MahalanobisDetector: n={self.n:_} | d={len(self.mean)} | "
            f"rank={self.rank} | intensity={self.intensity:.3f}"
        )

    def score(self, x: ArrayLike) -> Floats:
        """Squared distance of every row over the features that it has.

        Parameters
        ----------
        x : array_like, shape (n, d)
            NaN and infinities are missing.

        Returns
        -------
        float64 array, shape (n,)
            NaN for a row without any feature; infinite where a feature without any
            variance in the baseline has another value.  Rows with other features
            missing have other laws: compare them by p.

        Raises
        ------
        Incompatible
            When x does not have the features of the baseline.
        """
        residual = self._residual(x)
        return np.where(self._moved(residual), np.inf, self._distances(residual)[0])

    def log_p(self, x: ArrayLike) -> Floats:
        """Natural logarithm of `p_value`, which does not underflow; shape (n,)."""
        residual = self._residual(x)
        variance = np.diag(self.covariance)
        seen = np.isfinite(residual) & np.isfinite(variance) & (variance > 0)
        out = self.law.log_p(self._distances(residual)[0], seen)
        return np.where(self._moved(residual), -np.inf, out)

    def p_value(self, x: ArrayLike) -> Floats:
        """Probability of a distance at least as large for a row of the baseline's kind.

        Parameters
        ----------
        x : array_like, shape (n, d)

        Returns
        -------
        float64 array, shape (n,)
            In [0, 1]; NaN for a row without any feature, and without shrinkage also
            for a baseline of no more rows than features.
        """
        return np.exp(self.log_p(x))

    def calibrated(
        self, null: ArrayLike | TailCounts, *, pool: int = 0
    ) -> CalibratedDetector:
        """Judge scores by how often they occur among null rows.

        Parameters
        ----------
        null : array_like of shape (m, d), or TailCounts
            Rows of the baseline's kind that are not in it, or counts of such scores,
            pooled over many units after each unit's own law.
        pool : int
            Which pool of the counts.

        Returns
        -------
        CalibratedDetector

        Raises
        ------
        InvalidInput
            When there is no such pool or it is empty.
        """
        if not isinstance(null, TailCounts):
            log_p = self.log_p(null)
            null = TailCounts.from_block(log_p, np.zeros(len(log_p), np.int64), 1)
        return CalibratedDetector.fit(self, null, pool)

    def contributions(self, x: ArrayLike) -> Floats:
        """What each feature adds to the squared distance (corr-max).

        Parameters
        ----------
        x : array_like, shape (n, d)

        Returns
        -------
        float64 array, shape (n, d)
            At least 0, 0 for a missing feature; rows sum to `score`.
        """
        residual = self._residual(x)
        parts = self._distances(residual)[2]
        constant = np.diag(self.covariance) == 0
        moved = constant & np.isfinite(residual) & (residual != 0)
        return np.where(moved, np.inf, parts)

    def _residual(self, x: ArrayLike) -> Floats:
        rows = np.asarray(x, np.float64)
        if rows.ndim != 2 or rows.shape[1] != len(self.mean):
            raise Incompatible(
                f"MahalanobisDetector: x {rows.shape} for {len(self.mean)} features. "
                "Give rows with the features of the baseline."
            )
        return np.where(np.isfinite(rows), rows, np.nan) - self.mean

    def _distances(self, residual: Floats) -> tuple[Floats, NDArray[np.int64], Floats]:
        group = np.zeros(len(residual), dtype=np.int64)
        return marginal_distances(residual, group, self.covariance[None])

    def _moved(self, residual: Floats) -> NDArray[np.bool_]:
        constant = np.diag(self.covariance) == 0
        seen = np.isfinite(residual) & (residual != 0)
        found: NDArray[np.bool_] = (constant & seen).any(axis=1)
        return found
