"""Agents against their own group on the same night, with a spread from other nights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.distance import condition, marginal_distances
from stats.moments import GroupMoments
from stats.summary import Incompatible, InvalidInput
from stats.tails import log_f_tail

__all__ = ["WithinBaseline", "WithinScores", "pooled_within", "score_within"]

Floats = NDArray[np.float64]

# Smallest standard deviation relative to that of the same feature over all groups.
RELATIVE_FLOOR = 0.01
# Degrees of freedom per feature below which a group or a feature is not tested.
DOF_PER_FEATURE = 5
MIN_ROWS = 3


@dataclass(frozen=True, slots=True)
class WithinBaseline:
    """How rows of a group spread about the group's mean of the same night.

    Attributes
    ----------
    covariance : float64 array, shape (g, d, d)
        Conditioned; NaN for a feature with too few degrees of freedom, and zero
        variance for one that is constant everywhere.
    dof : int64 array, shape (g,)
        Smallest degrees of freedom over the pairs of usable features; 0 for none.
    floored : bool array, shape (g, d)
        Features whose standard deviation was raised to its floor.
    condition : float64 array, shape (g,)
        Of the correlation matrix before floors; infinite when singular.
    """

    covariance: Floats
    dof: NDArray[np.int64]
    floored: NDArray[np.bool_]
    condition: Floats

    def __repr__(self) -> str:
        groups, d = self.floored.shape
        return f"WithinBaseline: dof={int(self.dof.sum()):_} | groups={groups} | d={d}"


@dataclass(frozen=True, slots=True)
class WithinScores:
    """Scores of rows; NaN where a row could not be tested.

    Attributes
    ----------
    d2 : float64 array, shape (n,)
        Squared distance, expected near the number of features.
    log_p : float64 array, shape (n,)
        Natural logarithm of its F tail; compare rows by this, since rows with other
        features missing have other laws.
    contributions : float64 array, shape (n, d)
        Shares of the distance, sum 1; 0 for a missing feature, NaN in untested rows.
    main : int64 array, shape (n,)
        Feature with the largest share, -1 in untested rows.
    constant_moved : bool array, shape (n,)
        A feature without any variance in the baseline differs from the group's mean.
        It has no scale, so it is outside the law: a finding about the group.
    """

    d2: Floats
    log_p: Floats
    contributions: Floats
    main: NDArray[np.int64]
    constant_moved: NDArray[np.bool_]


def pooled_within(
    nights: Sequence[GroupMoments], *, floors: ArrayLike
) -> WithinBaseline:
    """Pool the covariance within every group and night over nights.

    Parameters
    ----------
    nights : sequence of GroupMoments, each (g, d)
        Folded in the given order; give them in order of the night.
    floors : array_like, shape (d,)
        Smallest standard deviation that the resolution of each feature allows.

    Returns
    -------
    WithinBaseline

    Raises
    ------
    InvalidInput
        Without nights.
    Incompatible
        When nights differ in groups or features.

    Notes
    -----
    Σ_t (n_gt - 1) cov_gt / Σ_t (n_gt - 1), per pair of features over the rows that have
    both.  Shocks that move the whole group on a night do not widen it.  Floors: the
    larger of `floors` and 1 % of the feature's spread pooled over all groups.
    """
    if not nights:
        raise InvalidInput("pooled_within: no nights. Give at least one.")
    shape = nights[0].n_groups, nights[0].d
    scatter = np.zeros((*shape, shape[1]))
    dof = np.zeros((*shape, shape[1]), dtype=np.int64)
    for night in nights:
        if (night.n_groups, night.d) != shape:
            raise Incompatible(
                f"pooled_within: nights of (groups, features) {shape} and "
                f"{(night.n_groups, night.d)}. Align all nights to the same groups."
            )
        covariance = night.covariance()
        weight = np.where(np.isfinite(covariance), night.pair_count - 1, 0)
        dof += weight
        scatter += weight * np.where(weight > 0, covariance, 0.0)
    own = np.einsum("gii->gi", dof)
    few = own < DOF_PER_FEATURE * shape[1]
    either = few[:, :, None] | few[:, None, :]
    pooled = np.where(either, np.nan, _ratio(scatter, dof))
    least = np.where(either, np.iinfo(np.int64).max, dof).min(axis=(1, 2))
    fleet = np.sqrt(_ratio(np.einsum("gii->i", scatter), own.sum(axis=0)))
    floor = np.maximum(np.asarray(floors, np.float64), RELATIVE_FLOOR * fleet)
    least = np.where(few.all(axis=1), 0, least)
    fit = condition(pooled, floor, dof=np.where(either, np.nan, dof))
    return WithinBaseline(fit.covariance, least, fit.floored, fit.condition)


def score_within(
    x: ArrayLike,
    groups: ArrayLike,
    centre: ArrayLike,
    centre_n: ArrayLike,
    baseline: WithinBaseline,
) -> WithinScores:
    """Compare rows with the mean of their own group on the same night.

    Parameters
    ----------
    x : array_like, shape (n, d)
        NaN and infinities are missing: a row is measured by what it has.
    groups : integer array_like, shape (n,)
        In [0, g); -1 gives an untested row.
    centre : array_like, shape (g, d)
        Mean of the group tonight, which contains the row.
    centre_n : array_like, shape (g,)
        Rows behind it.
    baseline : WithinBaseline
        From nights that do not contain the rows.

    Returns
    -------
    WithinScores
        Untested: groups of fewer than 3 rows or 5 d degrees of freedom, and rows in
        which nothing was seen.

    Raises
    ------
    Incompatible
        When shapes do not fit.

    Notes
    -----
    A residual from a mean of n rows that contains its row has variance (1 - 1/n) Σ;
    d² = rᵀ S⁻¹ r / (1 - 1/n), and d² (ν-p+1) / (ν p) ~ F(p, ν-p+1) for normal rows and
    a spread with ν degrees of freedom.  Real behaviour has heavier tails: recalibrate
    log p on null nights (`stats.calibration`).
    """
    rows, codes = np.asarray(x, np.float64), np.asarray(groups, np.int64)
    middle, size = np.asarray(centre, np.float64), np.asarray(centre_n, np.float64)
    g, d = baseline.floored.shape
    if rows.shape != (len(codes), d) or middle.shape != (g, d) or size.shape != (g,):
        raise Incompatible(
            f"score_within: x {rows.shape}, groups {codes.shape}, centre "
            f"{middle.shape}, centre_n {size.shape} and a baseline of {(g, d)}. "
            "Use the same groups and features for all."
        )
    enough = (size >= MIN_ROWS) & (baseline.dof >= DOF_PER_FEATURE * d)
    tested = np.zeros(len(codes), dtype=bool)
    tested[codes >= 0] = enough[codes[codes >= 0]]
    index = np.flatnonzero(tested)
    group = codes[index]
    with np.errstate(invalid="ignore"):
        residual = rows[index] - middle[group]
    residual = np.where(np.isfinite(residual), residual, np.nan)
    d2, p, parts = marginal_distances(residual, group, baseline.covariance)
    shrink = 1.0 - 1.0 / size[group]
    d2, nu = d2 / shrink, baseline.dof[group].astype(np.float64)
    log_p = log_f_tail(d2 * _ratio(nu - p + 1.0, nu * p), p, nu - p + 1.0)
    constant = np.einsum("gii->gi", baseline.covariance)[group] == 0
    moved = (constant & np.isfinite(residual) & (residual != 0)).any(axis=1)
    return _spread(len(codes), index, d2, log_p, parts, moved)


def _spread(
    n: int,
    index: NDArray[np.int64],
    d2: Floats,
    log_p: Floats,
    parts: Floats,
    moved: NDArray[np.bool_],
) -> WithinScores:
    """Put the tested rows at their places among all rows."""
    seen = np.isfinite(d2)
    where = index[seen]
    out_d2, out_log = np.full(n, np.nan), np.full(n, np.nan)
    shares = np.full((n, parts.shape[1]), np.nan)
    main = np.full(n, -1, dtype=np.int64)
    flags = np.zeros(n, dtype=bool)
    out_d2[where], out_log[where] = d2[seen], log_p[seen]
    total = parts[seen].sum(axis=1, keepdims=True)
    even = np.full(parts[seen].shape, 1.0 / parts.shape[1])
    shares[where] = np.divide(parts[seen], total, out=even, where=total > 0)
    main[where] = parts[seen].argmax(axis=1)
    flags[index] = moved
    return WithinScores(out_d2, out_log, shares, main, flags)


def _ratio(a: ArrayLike, b: ArrayLike) -> Floats:
    top, bottom = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return np.where(bottom > 0, top / np.where(bottom > 0, bottom, 1.0), 0.0)
