"""The mean over all sites while some are silent, and how far off it can be.

A silent site is carried forward and moved with the sites that arrived.  How wrong that
is, is read off the past by playing the same gap back on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from stats.missing_input import Sites, checked
from stats.missing_replay import common_change
from stats.missing_variance import VarianceParts, degrees_of_freedom, error_variance
from stats.ranges import miss_rate
from stats.worst_case import worst_case_mean

__all__ = [
    "ASSUMPTION",
    "MissingDataInterval",
    "VarianceParts",
    "joint_level",
    "missing_data_interval",
]

Floats = NDArray[np.float64]

ASSUMPTION = "assumes silent sites drift as in their history"
NOTHING_MISSING = "nothing is missing"
LAST_VALUE = "nothing arrived: last known values, no interval"
NO_DATA = "no data"


@dataclass(frozen=True, slots=True)
class MissingDataInterval:
    """Means of all sites together, one per feature.

    Attributes
    ----------
    n : int
        Agents of the sites that arrived.
    estimate, lower, upper : float64 arrays, shape (d,)
        Centre and interval.  Without any arrived site the centre is the last value
        and the bounds are NaN; all are NaN where nothing is known.
    worst_lower, worst_upper : float64 arrays, shape (d,)
        Whatever the silent sites did, within the declared range; infinite without one.
    arrived_mass : float64 array, shape (d,)
        Share of the whole that arrived with the feature, in [0, 1].
    age : int64 array, shape (S, d)
        Nights since the newest known value, 0 for tonight, -1 where there is none.
    variance_parts : VarianceParts
        What the width is made of.
    pairs : int64 array, shape (d,)
        Past nights on which the whole gap could be replayed.
    flagged : bool array, shape (d,)
        The history is too short for the interval to be trusted: fewer than 20 pairs,
        or a silent site that could not be replayed.
    level : float
    assumption : str
        What has to hold for the interval to cover.
    """

    n: int
    estimate: Floats
    lower: Floats
    upper: Floats
    worst_lower: Floats
    worst_upper: Floats
    arrived_mass: Floats
    age: NDArray[np.int64]
    variance_parts: VarianceParts
    pairs: NDArray[np.int64]
    flagged: NDArray[np.bool_]
    level: float
    assumption: str

    def __str__(self) -> str:
        return (
            f"MissingDataInterval: n={self.n:_} | mean={self.estimate} "
            f"[{self.lower}, {self.upper}] | arrived {self.arrived_mass.min():.0%} | "
            f"{self.assumption}"
        )


def joint_level(level: float, features: int) -> float:
    """Level of each of `features` intervals so that all hold together (Bonferroni).

    Raises
    ------
    stats.summary.InvalidInput
        When the level is not in (0, 1).

    Examples
    --------
    >>> joint_level(0.95, 5)
    0.99
    """
    return 1.0 - miss_rate(level, "joint_level") / max(features, 1)


def missing_data_interval(
    history: ArrayLike,
    current: ArrayLike,
    mass: ArrayLike,
    agents: ArrayLike,
    sigma2: ArrayLike,
    silent_nights: ArrayLike,
    *,
    level: float = 0.95,
    valid_range: tuple[ArrayLike, ArrayLike] | None = None,
    max_change: ArrayLike | None = None,
    current_error2: ArrayLike | None = None,
) -> MissingDataInterval:
    """Estimate the mean over all sites tonight although some are silent.

    Parameters
    ----------
    history : array_like, shape (S, H, d)
        Nightly site means, oldest first, last night last; NaN is missing.
    current : array_like, shape (S, d)
        Tonight's site means; not looked at for silent sites.
    mass : array_like, shape (S,)
        Share of each site in the whole; scaled to sum 1.
    agents : array_like, shape (S,)
        Agents behind a site mean.
    sigma2 : array_like, shape (), (d,) or (S, d)
        Variance between the agents of a site.
    silent_nights : array_like of int, shape (S,)
        0 for a site that is here tonight, else nights since it last was: the newest
        value of a site silent for h nights is ``history[s, H - h]``.
    level : float
        Confidence level of each feature's interval; see `joint_level`.
    valid_range : pair of array_like, each shape () or (d,), optional
        Declared range of the feature.
    max_change : array_like, shape () or (d,), optional
        Declared largest change of a site mean in one night; narrows the worst case.
    current_error2 : array_like, shape (S, d), optional
        Squared standard error of tonight's means where it is not ``sigma2 / agents``.

    Returns
    -------
    MissingDataInterval

    Raises
    ------
    InvalidInput
        When shapes do not fit, or a mass, number of agents, variance, age or level is
        out of range.

    Notes
    -----
    Centre: ``Σ_O w y(T) + Σ_M w [y(T-h) + D(h)]`` with D(h) the mean change of the
    arrived sites O since the silent site's last night.  Error variance: the larger of
    *pool* (sites move independently) and *block* (the same silent sites replayed on
    history, so that what they share is in it), plus the noise of the arrived means,
    whose covariance with D(h) makes it ``(1 + 2 W_M / W_O) Σ_O w² σ² / n``.  Both are
    fitted over lags by `stats.lag_fit.fit_lags`.  Student's t with 2.5 H / h degrees
    of freedom, at least 3, H the nights on which all silent sites are known.

    Independence alone covers far too little when silent sites share a cause; something
    new that happens only at the silent sites cannot be seen by any rule, which is what
    the worst case is for.  Measured: docs/explanation/missing-data.md.
    Naive twin: tests/stats/test_missing_data.py.

    Examples
    --------
    >>> history = np.zeros((2, 40, 1)) + np.arange(40.0)[:, None]
    >>> found = missing_data_interval(
    ...     history, [[40.0], [np.nan]], [0.5, 0.5], [10, 10], 0.0, [0, 1]
    ... )
    >>> found.estimate, found.lower, found.upper
    (array([40.]), array([40.]), array([40.]))
    """
    alpha = miss_rate(level, "missing_data_interval")
    sites = checked(history, current, mass, agents, sigma2, silent_nights,
                    current_error2)  # fmt: skip
    columns = _by_pattern(sites.age)
    estimate, half = (np.full(sites.features, np.nan) for _ in range(2))
    parts = VarianceParts.empty(sites.features)
    pairs = np.zeros(sites.features, np.int64)
    flagged = np.zeros(sites.features, np.bool_)
    for chosen in columns:
        part = sites.of(chosen)
        estimate[chosen] = _centre(part)
        found = error_variance(part)
        parts.put(chosen, found.parts)
        pairs[chosen], flagged[chosen] = found.pairs, found.flagged
        quantile = special.stdtrit(degrees_of_freedom(part, found), 1.0 - alpha / 2.0)
        half[chosen] = quantile * np.sqrt(found.parts.total)
    worst = _worst_case(sites, valid_range, max_change, level)
    return MissingDataInterval(
        n=int(sites.agents[(sites.age == 0).any(axis=1)].sum()),
        estimate=estimate,
        lower=estimate - half,
        upper=estimate + half,
        worst_lower=worst[0],
        worst_upper=worst[1],
        arrived_mass=sites.arrived_mass,
        age=sites.age,
        variance_parts=parts,
        pairs=pairs,
        flagged=flagged,
        level=level,
        assumption=_assumption(sites),
    )


def _by_pattern(age: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Columns that have the same sites missing for the same time."""
    if not age.shape[1]:
        return []
    _, which = np.unique(age, axis=1, return_inverse=True)
    which = which.ravel()
    return [np.flatnonzero(which == k) for k in range(int(which.max()) + 1)]


def _centre(sites: Sites) -> Floats:
    """Carry silent sites forward, and move them with those that arrived, (d,)."""
    gap = sites.gap
    total = np.tensordot(gap.mass, sites.last, 1)
    if not gap.here.any():
        return np.asarray(total)
    for age in np.unique(gap.age[gap.age > 0]):
        before = sites.history[:, sites.history.shape[1] - age]
        moved = common_change(gap.weight, sites.current, before)
        total = total + gap.mass[gap.age == age].sum() * moved
    return np.asarray(total)


def _worst_case(
    sites: Sites,
    valid_range: tuple[ArrayLike, ArrayLike] | None,
    max_change: ArrayLike | None,
    level: float,
) -> tuple[Floats, Floats]:
    """Bounds with the silent sites anywhere in the range that is left to them."""
    shape = sites.age.shape
    ends = (-np.inf, np.inf) if valid_range is None else valid_range
    low, high = (np.broadcast_to(np.asarray(e, np.float64), shape[1]) for e in ends)
    low, high = (np.broadcast_to(e, shape).copy() for e in (low, high))
    error2 = np.where(sites.age == 0, sites.current_error2, 0.0)
    if max_change is not None:
        step = np.broadcast_to(np.asarray(max_change, np.float64), shape[1])
        known = np.isfinite(sites.last)
        low = np.where(known, np.fmax(low, sites.last - sites.age * step), low)
        high = np.where(known, np.fmin(high, sites.last + sites.age * step), high)
        error2 = np.where(sites.age == 0, error2, np.where(known, sites.noise, 0.0))
    mass = np.broadcast_to(sites.mass[:, None], shape)
    here = np.where(sites.age == 0, mass, 0.0)
    away = np.where(sites.age == 0, 0.0, mass)
    share, missing = here.sum(axis=0), away.sum(axis=0)
    missing = np.where(missing > 0, missing, 1.0)
    arrived = np.where(here > 0, here * sites.last, 0.0).sum(axis=0)
    reach = away / missing
    bounds = ((reach * np.where(away > 0, e, 0.0)).sum(axis=0) for e in (low, high))
    return worst_case_mean(
        arrived / np.where(share > 0, share, 1.0),
        np.minimum(share, 1.0),
        *bounds,
        error=np.sqrt((mass**2 * error2).sum(axis=0)),
        level=level,
    )


def _assumption(sites: Sites) -> str:
    if not np.isfinite(sites.last).any():
        return NO_DATA
    if (sites.age == 0).all():
        return NOTHING_MISSING
    return ASSUMPTION if sites.arrived_mass.max() > 0 else LAST_VALUE
