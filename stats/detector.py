"""Mahalanobis distance of new rows to a baseline, with the law that it really has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.distance import condition, marginal_distances
from stats.moments import GroupMoments
from stats.robust import effective_rows, robust_fit
from stats.shrinkage import correlation_scale, ledoit_wolf, oas
from stats.shrunk_law import ShrunkLaw
from stats.summary import Incompatible, InvalidInput, NotEnoughData
from stats.tails import new_row_log_p

__all__ = ["MahalanobisDetector", "Shrinkage"]

Shrinkage = Literal["oas", "ledoit-wolf"]
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
    correlation : float64 array, shape (d, d)
        Before shrinkage.
    intensity : float
        Shrinkage of the correlations, in [0, 1].
    rank : int
        Directions in which the baseline really varies.
    floored : bool array, shape (d,)
        Features whose standard deviation was raised to its floor.
    condition : float
        Of the correlation matrix before floors; infinite when singular.
    effective_n : int
        Rows that the null law counts: n, or fewer for a robust fit.
    seed : int
        Of the null law after shrinkage.

    Notes
    -----
    Without shrinkage p follows Hotelling's F law.  With it no F law holds, and p comes
    from `ShrunkLaw`, so that a row of the baseline's own kind still has p below alpha
    with probability alpha.  Both assume normal rows: recalibrate on null rows
    (`stats.calibration`) before reporting a p of real behaviour.

    Examples
    --------
    >>> rows = np.random.default_rng(0).standard_normal((200, 3))
    >>> detector = MahalanobisDetector.fit(rows)
    >>> bool(detector.p_value([[9.0, 0.0, 0.0]])[0] < 1e-9)
    True
    """

    n: int
    mean: Floats
    covariance: Floats
    correlation: Floats
    intensity: float
    rank: int
    floored: NDArray[np.bool_]
    condition: float
    effective_n: int
    seed: int

    @classmethod
    def fit(
        cls,
        data: GroupMoments | ArrayLike,
        *,
        group: int = 0,
        shrinkage: Shrinkage | None = "oas",
        robust: bool = False,
        floors: ArrayLike = 0.0,
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
        if shrinkage not in ("oas", "ledoit-wolf", None):
            raise InvalidInput(
                f"MahalanobisDetector.fit: unknown shrinkage {shrinkage!r}. "
                "Use 'oas', 'ledoit-wolf' or None."
            )
        if isinstance(data, GroupMoments) and (robust or shrinkage == "ledoit-wolf"):
            wanted = "robust=True" if robust else "shrinkage='ledoit-wolf'"
            raise Incompatible(
                f"MahalanobisDetector.fit: {wanted} needs rows, and got GroupMoments "
                f"of {data.n_groups} groups. Pass the rows, or use 'oas'."
            )
        if isinstance(data, GroupMoments):
            rows = np.zeros((0, data.d))
            pairs, mean, covariance = _from_moments(data, group)
        else:
            rows = _rows(data)
            pairs, mean, covariance = _from_rows(rows, robust=robust)
        n = int(np.nanmin(pairs))
        raw = condition(covariance[None], floors, dof=None)
        sample = np.where(np.isnan(raw.covariance), 0.0, raw.covariance)
        counted = effective_rows(n, len(mean), seed) if robust else n
        intensity = 0.0
        if shrinkage == "oas":
            intensity = float(oas(sample, counted)[1][0])
        elif shrinkage == "ledoit-wolf":
            intensity = ledoit_wolf(_complete(rows))[1]
        pull = np.where(np.eye(len(mean), dtype=bool), 1.0, 1.0 - intensity)
        dof = (pairs - 1.0 - (n - counted))[None]
        shrunk = condition(raw.covariance * pull, 0.0, dof=dof).covariance[0]
        return cls(
            n, mean, shrunk, correlation_scale(sample)[1][0], intensity,
            int(raw.rank[0]), raw.floored[0], float(raw.condition[0]), counted, seed,
        )  # fmt: skip

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
        d2, p, _ = self._distances(residual)
        if self.intensity == 0:
            out = new_row_log_p(d2, p, self.effective_n)
        else:
            out = self._shrunk_log_p(residual, d2)
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

    def _shrunk_log_p(self, residual: Floats, d2: Floats) -> Floats:
        """One law per mask of seen features."""
        out = np.full(len(d2), np.nan)
        variance = np.diag(self.covariance)
        seen = np.isfinite(residual) & np.isfinite(variance) & (variance > 0)
        masks, which = np.unique(seen, axis=0, return_inverse=True)
        for index, mask in enumerate(masks):
            if not mask.any():
                continue
            rows = which.reshape(-1) == index
            part = self.correlation[np.ix_(mask, mask)]
            law = ShrunkLaw.fit(part, self.effective_n, self.intensity, self.seed)
            out[rows] = law.log_tail(d2[rows])
        return out


def _from_moments(moments: GroupMoments, group: int) -> tuple[Floats, Floats, Floats]:
    """Rows per pair of features (NaN for a feature never seen), mean, covariance."""
    one = moments.take(np.array([group]))
    covariance = one.covariance()[0]
    seen = one.count[0] > 0
    pairs = np.where(seen & seen[:, None], one.pair_count[0], np.nan)
    n = int(np.nanmin(pairs)) if seen.any() else 0
    if n < 3:
        raise NotEnoughData(
            f"MahalanobisDetector.fit: {n} rows in group {group}, at least 3 are "
            "needed. Take a longer window or a higher level."
        )
    return pairs, one.mean()[0], covariance


def _from_rows(rows: Floats, *, robust: bool) -> tuple[Floats, Floats, Floats]:
    if robust:
        complete = _complete(rows)
        d = rows.shape[1]
        return np.full((d, d), float(len(complete))), *robust_fit(complete)
    finite = np.where(np.isfinite(rows), rows, np.nan)
    one = np.zeros(len(rows), dtype=np.int64)
    return _from_moments(GroupMoments.from_block(finite, one, 1), 0)


def _rows(data: ArrayLike) -> Floats:
    rows = np.asarray(data, np.float64)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise InvalidInput(
            f"MahalanobisDetector.fit: rows of shape {rows.shape}. Give (n, d), d > 0."
        )
    return rows


def _complete(rows: Floats) -> Floats:
    return rows[np.isfinite(rows).all(axis=1)]
