"""Whether the recent nights of a group differ from the nights before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.averaged import averaged_t
from stats.distance import condition, marginal_distances
from stats.drift_law import joint_log_p
from stats.drift_windows import choose, shift_columns, windows
from stats.fdr import control_false_discovery, q_values
from stats.ranges import miss_rate
from stats.serial import SerialDesign, SerialFit, SerialMemory, fit_serial
from stats.summary import Incompatible
from stats.within import RELATIVE_FLOOR

__all__ = ["Drift", "detect_drift"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Degrees of freedom below which nothing is tested.
MIN_DOF = 5


@dataclass(frozen=True, slots=True)
class Drift:
    """The recent window against the reference, per group; NaN where not tested.

    Attributes
    ----------
    recent, reference : int64 arrays, shape (g,)
        Nights of each window that the group has.
    d2, log_p : float64 arrays, shape (g,)
        Squared distance of the shift of all features, and the natural logarithm of its
        p.  A feature that never changed and moves has no scale: inf and -inf.
    q : float64 array, shape (g,)
        Adjusted for false discovery over the groups.
    found : bool array, shape (g,)
    difference, lower, upper, p : float64 arrays, shape (g, d)
        Shift of each feature in its unit, its interval and its own p.
    feature_q : float64 array, shape (g, d)
        Adjusted over the features of the group.
    feature_found : bool array, shape (g, d)
        Of a found group, at the rate times the share of groups found.
    variance_ratio, variance_lower, variance_upper, variance_p : float64, shape (g, d)
        Recent over reference variance within a night, its interval and p; NaN when no
        variances were given.
    variance_q : float64 array, shape (g, d)
        Adjusted over all groups and features.
    variance_found : bool array, shape (g, d)
    memory : float64 array, shape (g, d)
        Correlation of a night with the next that the tests reckon with.
    level, rate : float
        Of the intervals, and of false discovery.
    """

    recent: NDArray[np.int64]
    reference: NDArray[np.int64]
    d2: Floats
    log_p: Floats
    q: Floats
    found: Bools
    difference: Floats
    lower: Floats
    upper: Floats
    p: Floats
    feature_q: Floats
    feature_found: Bools
    variance_ratio: Floats
    variance_lower: Floats
    variance_upper: Floats
    variance_p: Floats
    variance_q: Floats
    variance_found: Bools
    memory: Floats
    level: float
    rate: float

    def __repr__(self) -> str:
        tested = int(np.isfinite(self.q).sum())
        return (
            f"Drift: groups={len(self.q)} | tested={tested} | "
            f"found={int(self.found.sum())} at {self.rate:g}"
        )


def detect_drift(
    means: ArrayLike,
    *,
    recent: int = 7,
    reference: slice | None = None,
    weekday: ArrayLike | None = None,
    variances: ArrayLike | None = None,
    floors: ArrayLike = 0.0,
    rate: float = 0.05,
    level: float = 0.95,
) -> Drift:
    """Test the last nights of every group against the nights before.

    Parameters
    ----------
    means : array_like, shape (T, g, d)
        Nightly means, tonight last; NaN and infinities are missing.
    recent : int
        Nights of the recent window, tonight included; 1 is tonight alone.
    reference : slice, optional
        Nights to compare with; by default all before the recent window.  A fixed one
        keeps a slow drift in sight that a rolling one absorbs.
    weekday : array_like of int, shape (T,), optional
        Day of the week of every night, 0 to 6.  Where a group has three weeks, weekday
        effects are taken out in the same fit.
    variances : array_like, shape (T, g, d), optional
        Variances within a night.
    floors : array_like, shape (d,) or scalar
        Smallest standard deviation of a nightly mean.  At least 1 % of the feature's
        over all groups is taken.
    rate : float
        False-discovery rate over the groups, in (0, 1).
    level : float
        Of the intervals, in (0, 1).

    Returns
    -------
    Drift

    Raises
    ------
    Incompatible
        When shapes do not fit.
    InvalidInput
        When no night is left on either side, the windows overlap, or a rate or level
        is not in (0, 1).

    Notes
    -----
    x_t = mean + season + shift (recent) + error, the error an AR(1) process: the shift
    is estimated by generalised least squares, and T² = (shift / √v)ᵀ S⁻¹ (shift / √v)
    with S the covariance of whitened nightly vectors on ν degrees of freedom has
    T² (ν-p+1) / (ν p) ~ F(p, ν-p+1), exact for normal nights of one known memory.  Its
    tail is averaged over what is not known of the memory.  Below 3 p degrees of freedom
    S is shrunk and the law is that of the shrunk distance (`ShrunkLaw`).  For a single
    recent night the shift is what last night did not announce.
    Variances are compared as logarithms night by night, so their own scatter, which
    grows with kurtosis and with shocks that rows share, is what they are measured by.
    A shift of β a night that began L nights ago biases a mean over T nights by
    β L² / (2 T): give an older `reference` to see it.
    Source: Hotelling, Annals of Math. Statistics 2 (1931); Prais, Winsten (1954).
    Features of found groups: Benjamini, Bogomolov, JRSS B 76 (2014).
    """
    x = np.asarray(means, np.float64)
    step, within = windows(x, recent, reference)
    alpha = miss_rate(level, "detect_drift")
    wanted, used = choose(x, step, within)
    columns = shift_columns(used, step, weekday)
    design = SerialDesign.of(columns, used, 1)
    series = _series(x, used, wanted)
    memory = SerialMemory.estimate_from(design, series)
    fits = [fit_serial(design, series, node) for node in memory.nodes]
    tested = wanted & (design.known & (design.dof >= MIN_DOF))[:, None]
    d2, log_p = _joint(fits, memory, design, tested, np.asarray(floors, np.float64))
    shift, error = _shifts(fits, design, tested)
    part = averaged_t(shift, error, design.dof[:, None], memory.weight, 1.0 - alpha)
    spread = _variances(x, variances, step, within, weekday, level)
    recent_nights = step.astype(bool)
    return Drift(
        recent=(used & recent_nights).sum(axis=1),
        reference=(used & ~recent_nights).sum(axis=1),
        d2=d2,
        log_p=log_p,
        difference=part[0],
        lower=part[1],
        upper=part[2],
        p=part[3],
        variance_ratio=spread[0],
        variance_lower=spread[1],
        variance_upper=spread[2],
        variance_p=spread[3],
        memory=np.where(wanted, memory.estimate, np.nan),
        level=level,
        rate=rate,
        **_discoveries(log_p, part[3], spread[3], rate),
    )


def _discoveries(
    log_p: Floats, p: Floats, variance_p: Floats, rate: float
) -> dict[str, Any]:
    """Control false discoveries over groups, features of found groups and variances."""
    with np.errstate(under="ignore"):
        joint = np.exp(log_p)
    q, found = q_values(joint), control_false_discovery(joint, rate)
    feature_q = np.stack([q_values(row) for row in p]) if len(p) else p
    share = found.sum() / max(int(np.isfinite(q).sum()), 1)
    least = np.nan_to_num(feature_q, nan=2.0) <= rate * share
    flat, shape = variance_p.ravel(), variance_p.shape
    return {
        "q": q,
        "found": found,
        "feature_q": feature_q,
        "feature_found": found[:, None] & least,
        "variance_q": q_values(flat).reshape(shape),
        "variance_found": control_false_discovery(flat, rate).reshape(shape),
    }


def _series(x: Floats, used: Bools, wanted: Bools) -> Floats:
    """Nights (g, T, d) from the first used one on, so that a constant is exactly 0."""
    at = np.moveaxis(np.where(np.isfinite(x), x, 0.0), 0, 1)
    first = np.take_along_axis(at, used.argmax(axis=1)[:, None, None], axis=1)
    moved: Floats = np.where(used[..., None] & wanted[:, None], at - first, 0.0)
    return moved


def _shifts(
    fits: list[SerialFit], design: SerialDesign, tested: Bools
) -> tuple[Floats, Floats]:
    """Shift and its standard error at every node, each (k, g, d)."""
    dof = np.maximum(design.dof, 1)[:, None]
    shift = np.stack([fit.coefficient[..., 0] for fit in fits])
    own = np.stack([np.einsum("gdd->gd", fit.scatter) for fit in fits])
    unit = np.stack([fit.inverse[..., 0, 0] for fit in fits])
    error = np.sqrt(np.maximum(own / dof * unit, 0.0))
    return np.where(tested, shift, np.nan), np.where(tested, error, np.nan)


def _joint(
    fits: list[SerialFit],
    memory: SerialMemory,
    design: SerialDesign,
    tested: Bools,
    floors: Floats,
) -> tuple[Floats, Floats]:
    """Distance and log p of the shift of all features, each (g,)."""
    groups = np.arange(len(tested))
    dof = np.maximum(design.dof, 1)
    parts = []
    for fit in fits:
        covariance = fit.scatter / dof[:, None, None]
        either = tested[:, :, None] & tested[:, None, :]
        covariance = np.where(either, covariance, np.nan)
        variance = np.einsum("gdd->gd", covariance)
        some = np.isfinite(variance)
        weight = np.where(some, dof[:, None], 0)
        pooled = np.where(some, variance * weight, 0.0).sum(axis=0)
        fleet = np.sqrt(pooled / np.maximum(weight.sum(axis=0), 1))
        least = np.maximum(floors, RELATIVE_FLOOR * fleet)
        fitted = condition(covariance, least, dof=dof).covariance
        unit = np.sqrt(np.maximum(fit.inverse[..., 0, 0], 1e-300))
        moved = np.where(tested, fit.coefficient[..., 0] / unit, np.nan)
        parts.append((moved, fitted))
    log_p = joint_log_p(parts, memory.weight, dof)
    middle = len(parts) // 2
    d2, p, _ = marginal_distances(parts[middle][0], groups, parts[middle][1])
    moved, fitted = parts[middle]
    fixed = np.einsum("gdd->gd", fitted) == 0
    far = (fixed & np.isfinite(moved) & (np.abs(moved) > 0)).any(axis=1)
    d2, log_p = np.where(far, np.inf, d2), np.where(far, -np.inf, log_p)
    none = p + far == 0
    return np.where(none, np.nan, d2), np.where(none, np.nan, log_p)


def _variances(
    x: Floats,
    variances: ArrayLike | None,
    step: Floats,
    within: Bools,
    weekday: ArrayLike | None,
    level: float,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Ratio of variances, its bounds and p, each (g, d), one series at a time."""
    nights, g, d = x.shape
    if variances is None:
        nothing = np.full((g, d), np.nan)
        return nothing, nothing, nothing, nothing
    given = np.asarray(variances, np.float64)
    if given.shape != x.shape:
        raise Incompatible(
            f"detect_drift: variances {given.shape} and means {x.shape} differ. "
            "Give one variance per mean."
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(given).reshape(nights, g * d, 1)
    wanted, used = choose(logs, step, within)
    design = SerialDesign.of(shift_columns(used, step, weekday), used, 1)
    series = _series(logs, used, wanted)
    memory = SerialMemory.estimate_from(design, series)
    fits = [fit_serial(design, series, node) for node in memory.nodes]
    tested = wanted & (design.known & (design.dof >= MIN_DOF))[:, None]
    shift, error = _shifts(fits, design, tested)
    found = averaged_t(shift, error, design.dof[:, None], memory.weight, level)
    middle, lower, upper, p = (part.reshape(g, d) for part in found)
    return np.exp(middle), np.exp(lower), np.exp(upper), p
