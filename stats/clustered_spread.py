"""Variance and correlation of rows in nights, with nights as the clusters."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from stats.ranges import miss_rate
from stats.summary import Incompatible

__all__ = ["clustered_correlation_interval", "clustered_variance_interval"]

Floats = NDArray[np.float64]


def clustered_variance_interval(
    n: ArrayLike, mean: ArrayLike, variance: ArrayLike, level: float = 0.95
) -> tuple[Floats, Floats, Floats]:
    """Variance over all rows of a window, from what is known of each night.

    Parameters
    ----------
    n, mean, variance : array_like, shape (T, ...)
        Rows, mean and variance (ddof 1) of each night; a night without rows is left
        out, and one row has variance 0 or NaN.
    level : float
        Confidence level in (0, 1).

    Returns
    -------
    variance, lower, upper : float64 arrays, shape (...)
        With ddof 1 over all rows; NaN bounds below three nights.

    Raises
    ------
    Incompatible
        When shapes differ.
    InvalidInput
        When the level is not in (0, 1).

    Notes
    -----
    log s² ± t(T-1) times the jackknife error of log s² over nights.  Rows of one night
    may depend on each other in any way: no kurtosis and no independence is assumed
    within a night, only that nights are alike and independent.  With few nights, or one
    that holds most of the spread, it is too narrow (docs/explanation/baselines.md).
    Source: Efron, Stein, Annals of Statistics 9 (1981).
    """
    alpha = miss_rate(level, "clustered_variance_interval")
    rows, centre, scatter = _night_sums(
        n, mean, variance, "clustered_variance_interval"
    )
    whole = _variance(rows.sum(0), (rows * centre).sum(0), scatter.sum(0))
    left = _variance(
        rows.sum(0) - rows,
        (rows * centre).sum(0) - rows * centre,
        scatter.sum(0) - scatter,
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(rows > 0, np.log(left), np.nan)
        half = _jackknife(logs, rows > 0, alpha)
        return whole, whole * np.exp(-half), whole * np.exp(half)


def clustered_correlation_interval(
    n: ArrayLike, mean: ArrayLike, covariance: ArrayLike, level: float = 0.95
) -> tuple[Floats, Floats, Floats]:
    """Correlations over all rows of a window, from what is known of each night.

    Parameters
    ----------
    n : array_like, shape (T, ...)
        Complete rows of each night.
    mean : array_like, shape (T, ..., d)
    covariance : array_like, shape (T, ..., d, d)
        With ddof 1.
    level : float
        Confidence level in (0, 1).

    Returns
    -------
    correlation, lower, upper : float64 arrays, shape (..., d, d)
        NaN bounds below three nights; 1 on the diagonal, NaN where a feature is
        constant.

    Raises
    ------
    Incompatible
        When shapes differ.
    InvalidInput
        When the level is not in (0, 1).

    Notes
    -----
    tanh(atanh r ± t(T-1) times the jackknife error of atanh r over nights): Fisher's
    scale, without his assumption of independent normal rows.
    """
    alpha = miss_rate(level, "clustered_correlation_interval")
    m = np.asarray(mean, np.float64)
    count = np.broadcast_to(
        np.asarray(n, np.float64)[..., None, None], (*m.shape, m.shape[-1])
    )
    own = np.broadcast_to(m[..., :, None], count.shape)
    other = np.broadcast_to(m[..., None, :], count.shape)
    rows, centre, products = _night_sums(
        count, own, covariance, "clustered_correlation_interval", other
    )
    _, across, _ = _night_sums(
        count, other, covariance, "clustered_correlation_interval"
    )
    total, first, second = rows.sum(0), (rows * centre).sum(0), (rows * across).sum(0)
    together = products.sum(0)
    whole = _correlation(total, first, second, together)
    left = _correlation(
        total - rows, first - rows * centre, second - rows * across, together - products
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        angles = np.where(rows > 0, np.arctanh(np.clip(left, -1.0, 1.0)), np.nan)
        half = _jackknife(angles, rows > 0, alpha)
        at = np.arctanh(np.clip(whole, -1.0, 1.0))
        lower, upper = np.tanh(at - half), np.tanh(at + half)
    fixed = np.abs(whole) >= 1.0
    return whole, np.where(fixed, whole, lower), np.where(fixed, whole, upper)


def _night_sums(
    n: ArrayLike,
    mean: ArrayLike,
    spread: ArrayLike,
    where: str,
    other: Floats | None = None,
) -> tuple[Floats, Floats, Floats]:
    """Rows, means about a common origin, and products about it, 0 for no rows."""
    count, centre, second = (np.asarray(v, np.float64) for v in (n, mean, spread))
    if not count.shape == centre.shape == second.shape:
        raise Incompatible(
            f"{where}: counts {count.shape}, means {centre.shape} and (co)variances "
            f"{second.shape} do not fit. Give one of each per night."
        )
    rows = np.where(np.isfinite(centre), count, 0.0)
    seen = rows > 0
    total = np.maximum(rows.sum(axis=0), 1.0)

    def about_origin(values: Floats) -> Floats:
        kept = np.where(seen, values, 0.0)
        return np.where(seen, kept - (rows * kept).sum(axis=0) / total, 0.0)

    moved = about_origin(centre)
    across = moved if other is None else about_origin(other)
    inner = np.where(seen & (rows > 1), (rows - 1.0) * second, 0.0)
    return rows, moved, inner + rows * moved * across


def _variance(rows: Floats, total: Floats, squares: Floats) -> Floats:
    n = np.where(rows > 1, rows, np.nan)
    return np.asarray(np.maximum(squares - total**2 / n, 0.0) / (n - 1.0))


def _correlation(rows: Floats, first: Floats, second: Floats, both: Floats) -> Floats:
    n = np.where(rows > 1, rows, np.nan)
    products = both - first * second / n
    variance = np.einsum("...ii->...i", products)
    scale = np.sqrt(np.where(variance > 0, variance, np.nan))
    r = products / (scale[..., :, None] * scale[..., None, :])
    return np.asarray(np.clip(r, -1.0, 1.0))


def _jackknife(values: Floats, seen: NDArray[np.bool_], alpha: float) -> Floats:
    """Student half width of what was recomputed without each night."""
    clusters = seen.sum(axis=0)
    count = np.where(clusters > 2, clusters, np.nan)
    centre = np.where(seen, values, 0.0).sum(axis=0) / count
    squares = np.where(seen, (values - centre) ** 2, 0.0).sum(axis=0)
    error = np.sqrt((count - 1.0) / count * squares)
    return np.asarray(special.stdtrit(count - 1.0, 1.0 - alpha / 2.0) * error)
