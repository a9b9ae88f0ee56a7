"""Weekday effects of nightly means, and the means without them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from stats.averaged import averaged_t
from stats.fdr import control_false_discovery, q_values
from stats.ranges import miss_rate
from stats.serial import SerialDesign, SerialMemory, fit_serial
from stats.summary import Incompatible, InvalidInput

__all__ = ["MIN_NIGHTS", "Season", "weekday_columns", "weekday_season"]

Floats = NDArray[np.float64]

MIN_NIGHTS = 21
# Effects of seven days that sum to zero from six coefficients.
_CODING = np.vstack([np.eye(6), -np.ones(6)])


@dataclass(frozen=True, slots=True)
class Season:
    """Weekday effects per group and feature; NaN below three weeks of nights.

    Attributes
    ----------
    nights : int64 array, shape (g,)
        Nights behind it.
    effect, lower, upper : float64 arrays, shape (7, g, d)
        What each weekday adds to the mean, in the feature's unit; sum 0 over weekdays.
    p, q : float64 arrays, shape (g, d)
        Of the test that there is no effect; q over all groups and features.
    found : bool array, shape (g, d)
    adjusted : float64 array, shape (T, g, d)
        The nightly means without the effects; as given where there is no estimate.
    level, rate : float
        Of the intervals, and of false discovery.
    """

    nights: NDArray[np.int64]
    effect: Floats
    lower: Floats
    upper: Floats
    p: Floats
    q: Floats
    found: NDArray[np.bool_]
    adjusted: Floats
    level: float
    rate: float

    def __repr__(self) -> str:
        return (
            f"Season: nights={int(self.nights.max(initial=0))} | "
            f"groups={len(self.p)} | found={int(self.found.sum())} at {self.rate:g}"
        )


def weekday_columns(weekday: ArrayLike, nights: int) -> Floats:
    """Six columns (T, 6) whose coefficients are weekday effects that sum to zero.

    Parameters
    ----------
    weekday : array_like of int, shape (T,)
        In [0, 6].
    nights : int
        T.

    Raises
    ------
    Incompatible
        When there is not one weekday per night.
    InvalidInput
        When a weekday is not in [0, 6].
    """
    days = np.asarray(weekday)
    if days.shape != (nights,) or days.dtype.kind not in "iu":
        raise Incompatible(
            f"weekday_columns: weekdays {days.shape} of {days.dtype} for {nights} "
            "nights. Give one integer per night."
        )
    if days.size and not 0 <= days.min() <= days.max() <= 6:
        raise InvalidInput(
            f"weekday_columns: weekdays run from {days.min()} to {days.max()}. "
            "Give 0 for Monday to 6 for Sunday."
        )
    columns: Floats = _CODING[days.astype(np.int64)]
    return columns


def weekday_season(
    means: ArrayLike,
    weekday: ArrayLike,
    *,
    rate: float = 0.05,
    level: float = 0.95,
) -> Season:
    """Estimate weekday effects of every group and feature.

    Parameters
    ----------
    means : array_like, shape (T, g, d)
        Nightly means; NaN and infinities are missing.
    weekday : array_like of int, shape (T,)
        In [0, 6].
    rate : float
        False-discovery rate over groups and features, in (0, 1).
    level : float
        Of the intervals, in (0, 1).

    Returns
    -------
    Season
        NaN where a series has fewer than 21 nights, or misses a weekday altogether.

    Raises
    ------
    Incompatible
        When shapes do not fit.
    InvalidInput
        For a weekday, rate or level out of range.

    Notes
    -----
    x_t = mean + effect of the weekday + error, the error an AR(1) process, by
    generalised least squares; F = bᵀ V⁻¹ b / 6 on 6 and n - 7 degrees of freedom, its
    tail averaged over what is not known of the memory (`SerialMemory`).  Effects are
    taken to be the same in every week of the window.
    """
    x = np.asarray(means, np.float64)
    if x.ndim != 3:
        raise Incompatible(f"weekday_season: means {x.shape}. Give (T, g, d).")
    alpha = miss_rate(level, "weekday_season")
    nights, g, d = x.shape
    columns = np.column_stack([weekday_columns(weekday, nights), np.ones(nights)])
    used = np.isfinite(x).reshape(nights, g * d).T
    design = SerialDesign.of(columns, used, 6)
    series = np.where(used, np.nan_to_num(x).reshape(nights, g * d).T, 0.0)
    n = used.sum(axis=1)
    found = _effects(design, series[..., None], n >= MIN_NIGHTS, 1.0 - alpha)
    p = found[3]
    effect, lower, upper = (part.reshape(7, g, d) for part in found[:3])
    season = np.nan_to_num(effect)[np.asarray(weekday, np.int64)]
    return Season(
        nights=n.reshape(g, d).max(axis=1, initial=0),
        effect=effect,
        lower=lower,
        upper=upper,
        p=p.reshape(g, d),
        q=q_values(p).reshape(g, d),
        found=control_false_discovery(p, rate).reshape(g, d),
        adjusted=x - season,
        level=level,
        rate=rate,
    )


def _effects(
    design: SerialDesign, series: Floats, enough: NDArray[np.bool_], level: float
) -> tuple[Floats, Floats, Floats, Floats]:
    """Effects and bounds (7, series), and p of no effect (series,)."""
    memory = SerialMemory.estimate_from(design, series)
    known = design.known & enough
    dof = np.where(known, design.dof, np.nan)
    tails, effects, errors = [], [], []
    for node in memory.nodes:
        fit = fit_serial(design, series, node)
        beta, inverse = fit.coefficient[:, 0], fit.inverse[:, 0]
        variance = fit.scatter[:, 0, 0] / np.maximum(design.dof, 1)
        explained = np.einsum("gq,gq->g", beta, _solve(inverse, beta))
        with np.errstate(invalid="ignore", divide="ignore"):
            tails.append(special.fdtrc(6.0, dof, explained / 6.0 / variance))
        spread = np.einsum("kq,gqp,kp->kg", _CODING, inverse, _CODING)
        effects.append(np.where(known, _CODING @ beta.T, np.nan))
        errors.append(np.sqrt(np.maximum(spread * variance, 0.0)))
    weight = memory.weight
    found = averaged_t(np.stack(effects), np.stack(errors), dof, weight, level)
    p = np.asarray(np.einsum("k,kg->g", weight, np.stack(tails)), np.float64)
    return found[0], found[1], found[2], p


def _solve(inverse: Floats, beta: Floats) -> Floats:
    """Inverse of a covariance times a vector, per group."""
    return np.asarray(np.linalg.solve(inverse, beta[..., None])[..., 0], np.float64)
