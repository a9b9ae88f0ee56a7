"""One new night of a group's mean vector against that group's nights before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.distance import condition, marginal_distances
from stats.summary import Incompatible
from stats.tails import left_out_distance, new_row_log_p
from stats.within import RELATIVE_FLOOR

__all__ = ["ShiftScores", "history_shift"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ShiftScores:
    """Tonight against history, per group; NaN where not tested.

    Attributes
    ----------
    d2, log_p : float64 arrays, shape (g,)
        Squared distance and the natural logarithm of its F tail.  A feature that never
        changed in any group and moves tonight has no scale: d2 is inf, log_p -inf.
    null_log_p : float64 array, shape (T, g)
        The same of every past night against the others: what calibrates `log_p`.
    contributions : float64 array, shape (g, d)
        Shares of the distance, sum 1; 0 for a feature left out.
    nights : int64 array, shape (g,)
        Past nights behind each test.
    floored : bool array, shape (g, d)
    """

    d2: Floats
    log_p: Floats
    null_log_p: Floats
    contributions: Floats
    nights: NDArray[np.int64]
    floored: Bools


def history_shift(
    history: ArrayLike, tonight: ArrayLike, *, floors: ArrayLike = 0.0
) -> ShiftScores:
    """Test tonight's mean vector of every group against its own past nights.

    Parameters
    ----------
    history : array_like, shape (T, g, d)
        Nightly means; NaN and infinities are missing.
    tonight : array_like, shape (g, d)
    floors : array_like, shape (d,) or scalar
        Smallest standard deviation per feature.  At least 1 % of the feature's spread
        pooled over all groups is taken.

    Returns
    -------
    ShiftScores
        A group is tested with at least 2 d + 2 nights.

    Raises
    ------
    Incompatible
        When shapes do not fit.

    Notes
    -----
    Hotelling's law of one new row: d² T (T-p) / (p (T²-1)) ~ F(p, T-p).  A feature
    counts for a group when it is here tonight and on half of the group's nights; a
    night counts when it has all of these.  The null rows are left out of mean and
    covariance without a refit, by a rank-one downdate.  Nights are taken as
    independent; where they are not, calibrating on `null_log_p` absorbs it.
    """
    past, now = np.asarray(history, np.float64), np.asarray(tonight, np.float64)
    if past.ndim != 3 or now.shape != past.shape[1:]:
        raise Incompatible(
            f"history_shift: history {past.shape} and tonight {now.shape} do not fit. "
            "Give (T, g, d) and (g, d)."
        )
    nights, g, d = past.shape
    wanted, used = _choose(past, now)
    n = used.sum(axis=0)
    mean, centred = _centre(past, used)
    scatter = np.einsum("tgi,tgj->gij", centred, centred)
    dof = np.maximum(n - 1, 1)
    covariance = scatter / dof[:, None, None]
    fleet = np.sqrt(np.einsum("gii->i", scatter) / max(int((n - 1).clip(0).sum()), 1))
    either = wanted[:, :, None] & wanted[:, None, :]
    least = np.maximum(np.asarray(floors, np.float64), RELATIVE_FLOOR * fleet)
    fit = condition(np.where(either, covariance, np.nan), least, dof=dof)
    enough = n >= 2 * d + 2
    every = np.arange(g)
    residual = np.where(wanted & np.isfinite(now) & enough[:, None], now - mean, np.nan)
    d2, p, parts = marginal_distances(residual, every, fit.covariance)
    log_p = new_row_log_p(d2, p, n)
    rows = np.where(used[..., None] & wanted & enough[:, None], centred, np.nan)
    null_d2, null_p, _ = marginal_distances(
        rows.reshape(nights * g, d), np.tile(every, nights), fit.covariance
    )
    many = np.tile(n, nights)
    left_out = left_out_distance(null_d2, many)
    null = new_row_log_p(left_out, null_p, many - 1).reshape(nights, g)
    constant = np.einsum("gii->gi", fit.covariance) == 0
    moved = constant & np.isfinite(residual) & (residual != 0)
    return _finish(d2, log_p, null, parts, moved, n, fit.floored)


def _choose(past: Floats, now: Floats) -> tuple[Bools, Bools]:
    """Which features count (g, d), and which nights (T, g)."""
    seen = np.isfinite(past)
    present = seen.any(axis=2)
    steady = 2 * seen.sum(axis=0) >= present.sum(axis=0)[:, None]
    steady &= seen.any(axis=0)
    here = steady & np.isfinite(now)
    wanted = np.where(here.any(axis=1, keepdims=True), here, steady)
    used = (seen | ~wanted).all(axis=2) & present & wanted.any(axis=1)
    return wanted, used


def _centre(past: Floats, used: Bools) -> tuple[Floats, Floats]:
    """Mean over the used nights and deviations from it, 0 elsewhere.

    Deviations are taken from the first used night, so that a constant feature has
    exactly no variance.
    """
    if not len(past):
        return np.full(past.shape[1:], np.nan), past
    first = used.argmax(axis=0)
    origin = np.take_along_axis(past, first[None, :, None], axis=0)[0]
    keep = used[..., None] & np.isfinite(past) & np.isfinite(origin)
    moved = np.where(keep, past, origin) - origin
    moved = np.where(keep, moved, 0.0)
    shift = moved.sum(axis=0) / np.maximum(used.sum(axis=0), 1)[:, None]
    return origin + shift, np.where(keep, moved - shift, 0.0)


def _finish(
    d2: Floats,
    log_p: Floats,
    null: Floats,
    parts: Floats,
    moved: Bools,
    n: NDArray[np.int64],
    floored: Bools,
) -> ShiftScores:
    """Turn parts into shares; a move of a constant feature outranks everything."""
    parts = np.where(moved.any(axis=1, keepdims=True), moved.astype(np.float64), parts)
    d2 = np.where(moved.any(axis=1), np.inf, d2)
    log_p = np.where(moved.any(axis=1), -np.inf, log_p)
    total = parts.sum(axis=1, keepdims=True)
    even = np.full(parts.shape, 1.0 / max(parts.shape[1], 1))
    shares = np.divide(parts, total, out=even, where=total > 0)
    shares = np.where(np.isnan(d2)[:, None], np.nan, shares)
    return ShiftScores(d2, log_p, null, shares, n, floored)
