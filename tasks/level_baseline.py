"""What a window of nights says of one level beyond its means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from stats.clustered_spread import (
    clustered_correlation_interval,
    clustered_variance_interval,
)
from stats.effective import effective_n
from stats.kurtosis import quantile_kurtosis
from stats.moments import GroupMoments
from stats.quantiles import GroupQuantiles
from stats.shrinkage import oas

__all__ = ["QUANTILES", "LevelBaseline", "level_baseline"]

Floats = NDArray[np.float64]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True)
class LevelBaseline:
    """The rows of all nights before tonight; NaN where the window says nothing.

    Attributes
    ----------
    variance, variance_lower, variance_upper : float64 arrays, shape (g, d)
        Over all rows, ddof 1; the 95 % interval treats nights as clusters.
    correlation : float64 array, shape (g, d, d)
        Exact, pairwise complete.
    correlation_lower, correlation_upper : float64 arrays, shape (g, d, d)
        95 % interval with nights as clusters, about the correlation.
    shrunk, intensity : float64 arrays, shape (g, d, d) and (g,)
        Covariance after oracle approximating shrinkage, and how far it was pulled.
    effective_n : float64 array, shape (g, d)
        Independent rows that would give the mean its standard error over nights.
    excess_kurtosis : float64 array, shape (g, d)
        Of the rows, from the counts per bin.
    quantile, quantile_lower, quantile_upper : float64 arrays, shape (5, g, d)
        At `QUANTILES`, with the interval of order statistics for independent rows:
        infinite where so few rows bound no side.
    quantile_error : float
        Largest error of a quantile relative to its distance from the origin.
    """

    variance: Floats
    variance_lower: Floats
    variance_upper: Floats
    correlation: Floats
    correlation_lower: Floats
    correlation_upper: Floats
    shrunk: Floats
    intensity: Floats
    effective_n: Floats
    excess_kurtosis: Floats
    quantile: Floats
    quantile_lower: Floats
    quantile_upper: Floats
    quantile_error: float


def level_baseline(
    window: GroupMoments,
    n: NDArray[np.int64],
    mean: Floats,
    covariance: Floats,
    bounds: tuple[Floats, Floats],
    bins: GroupQuantiles | None,
    origins: tuple[float, ...],
) -> LevelBaseline:
    """Derive the baseline of one level from exact states; no second pass.

    Parameters
    ----------
    window : GroupMoments, (g, d)
        Of all nights before tonight.
    n : int64 array, shape (T, g, d)
        Rows of each of these nights.
    mean : float64 array, shape (T, g, d)
    covariance : float64 array, shape (T, g, d, d)
    bounds : pair of float64 arrays, shape (g, d)
        95 % interval of the window's mean with nights as clusters.
    bins : GroupQuantiles, (g, d), or None
    origins : tuple of float
        What was taken off each feature before it was counted.
    """
    shown = clustered_variance_interval(n, mean, np.einsum("tgii->tgi", covariance))
    variance = window.variance()
    shrunk, intensity = oas(window.covariance(), window.count.min(axis=1, initial=0))
    nights = np.maximum((n > 0).sum(axis=0), 2)
    error = (bounds[1] - bounds[0]) / 2.0 / special.stdtrit(nights - 1.0, 0.975)
    correlation, low, high = _correlations(window.correlation(), n, mean, covariance)
    with np.errstate(invalid="ignore", divide="ignore"):
        below, above = (variance * part / shown[0] for part in shown[1:])
    return LevelBaseline(
        variance=variance,
        variance_lower=below,
        variance_upper=above,
        correlation=correlation,
        correlation_lower=low,
        correlation_upper=high,
        shrunk=shrunk,
        intensity=intensity,
        effective_n=effective_n(variance, error),
        **_quantiles(bins, origins, variance.shape),
    )


def _correlations(
    exact: Floats, n: NDArray[np.int64], mean: Floats, covariance: Floats
) -> tuple[Floats, Floats, Floats]:
    """Exact correlations, with the half widths that nights as clusters give."""
    rows = n.max(axis=2, initial=0)
    about, lower, upper = clustered_correlation_interval(rows, mean, covariance)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre, at = (np.arctanh(np.clip(r, -1, 1)) for r in (about, exact))
        low = np.tanh(at + np.arctanh(np.clip(lower, -1, 1)) - centre)
        high = np.tanh(at + np.arctanh(np.clip(upper, -1, 1)) - centre)
    fixed = np.abs(exact) >= 1.0
    return exact, np.where(fixed, exact, low), np.where(fixed, exact, high)


def _quantiles(
    bins: GroupQuantiles | None, origins: tuple[float, ...], shape: tuple[int, ...]
) -> dict[str, Any]:
    """Quantiles with their bounds and error, and the kurtosis of the same counts."""
    if bins is None:
        none = np.full((len(QUANTILES), *shape), np.nan)
        parts, kurtosis, error = (none, none, none), none[0], np.nan
    else:
        read = (bins.quantile(QUANTILES), *bins.quantile_interval(QUANTILES))
        found, lower, upper = (part + np.array(origins) for part in read)
        parts, kurtosis = (found, lower, upper), quantile_kurtosis(bins)
        error = bins.quantile_error
    return {
        "quantile": parts[0],
        "quantile_lower": parts[1],
        "quantile_upper": parts[2],
        "quantile_error": float(error),
        "excess_kurtosis": kurtosis,
    }
