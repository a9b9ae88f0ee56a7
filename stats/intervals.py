"""Confidence intervals and bounds, vectorised; NaN where the data are too few."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from stats.ranges import floats, miss_rate, usual_range
from stats.summary import InvalidInput
from stats.variances import variance_interval, variance_ratio_interval
from stats.worst_case import worst_case_mean

__all__ = [
    "clustered_mean_interval",
    "correlation_interval",
    "mean_interval",
    "usual_range",
    "variance_interval",
    "variance_ratio_interval",
    "wilson_interval",
    "worst_case_mean",
]

Floats = NDArray[np.float64]


def mean_interval(
    n: ArrayLike, mean: ArrayLike, variance: ArrayLike, level: float = 0.95
) -> tuple[Floats, Floats]:
    """Student's interval of a mean of independent observations.

    Parameters
    ----------
    n, mean, variance : array_like
        Count, mean and variance (ddof 1); they broadcast.
    level : float
        Confidence level in (0, 1).

    Returns
    -------
    lower, upper : float64 arrays
        NaN where n < 2 or the mean or variance is NaN.

    Raises
    ------
    InvalidInput
        When the level is not in (0, 1).

    Notes
    -----
    mean ± t(n-1) √(variance / n).  Exact for normal data.

    Examples
    --------
    >>> lower, upper = mean_interval(4, 0.0, 1.0)
    >>> float(upper.round(4))
    1.5912
    """
    alpha = miss_rate(level, "mean_interval")
    count, centre, spread = floats(n, mean, variance)
    few = count < 2
    safe = np.where(few, 2.0, count)
    half = special.stdtrit(safe - 1.0, 1.0 - alpha / 2.0) * np.sqrt(spread / safe)
    half = np.where(few, np.nan, half)
    return centre - half, centre + half


def correlation_interval(
    n: ArrayLike, r: ArrayLike, level: float = 0.95
) -> tuple[Floats, Floats]:
    """Fisher's interval of a correlation.

    Parameters
    ----------
    n, r : array_like
        Pairs and correlation in [-1, 1]; they broadcast.
    level : float
        Confidence level in (0, 1).

    Returns
    -------
    lower, upper : float64 arrays, in [-1, 1]
        NaN where n < 4 or r is NaN; r = ±1 gives ±1 at both ends.

    Raises
    ------
    InvalidInput
        When the level is not in (0, 1).

    Notes
    -----
    tanh(atanh r ± z / √(n-3)).  Source: Fisher, Metron 1 (1921).  Assumes independent
    pairs of normal data; serial correlation makes it too narrow.
    """
    alpha = miss_rate(level, "correlation_interval")
    count, rho = floats(n, r)
    width = np.sqrt(np.where(count < 4, np.nan, count) - 3.0)
    half = -special.ndtri(alpha / 2.0) / width
    with np.errstate(divide="ignore"):
        z = np.arctanh(np.clip(rho, -1.0, 1.0))
    return np.tanh(z - half), np.tanh(z + half)


def wilson_interval(
    k: ArrayLike, n: ArrayLike, level: float = 0.95
) -> tuple[Floats, Floats]:
    """Wilson's interval of a share k / n.

    Parameters
    ----------
    k, n : array_like
        Successes and trials; they broadcast.
    level : float
        Confidence level in (0, 1).

    Returns
    -------
    lower, upper : float64 arrays, in [0, 1]
        NaN where n = 0.

    Raises
    ------
    InvalidInput
        When the level is not in (0, 1).

    Notes
    -----
    Source: Wilson, JASA 22 (1927).
    """
    alpha = miss_rate(level, "wilson_interval")
    hits, trials = floats(k, n)
    trials = np.where(trials > 0, trials, np.nan)
    z2 = special.ndtri(alpha / 2.0) ** 2
    share = hits / trials
    centre = (share + z2 / (2.0 * trials)) / (1.0 + z2 / trials)
    spread = share * (1.0 - share) / trials + z2 / (4.0 * trials**2)
    half = np.sqrt(z2 * spread) / (1.0 + z2 / trials)
    lower = np.where(hits == 0, 0.0 * centre, np.maximum(centre - half, 0.0))
    upper = np.where(hits == trials, 0.0 * centre + 1.0, np.minimum(centre + half, 1.0))
    return lower, upper


def clustered_mean_interval(
    count: ArrayLike,
    total: ArrayLike,
    groups: ArrayLike,
    n_groups: int,
    level: float = 0.95,
) -> tuple[Floats, Floats, Floats]:
    """Mean of rows that repeat within clusters, with an interval that respects it.

    Parameters
    ----------
    count, total : array_like, shape (m,)
        Rows of each cluster and their sum.  Clusters without rows are not counted.
    groups : integer array_like, shape (m,)
        Group of each cluster, in [0, n_groups); -1 leaves the cluster out.
    n_groups : int
    level : float
        Confidence level in (0, 1).

    Returns
    -------
    mean, lower, upper : float64 arrays, shape (n_groups,)
        Row-weighted mean; NaN bounds for fewer than two clusters, NaN mean for none.

    Raises
    ------
    InvalidInput
        When the level is not in (0, 1) or shapes do not fit.

    Notes
    -----
    Linearised variance of a ratio, C/(C-1) Σ (total_c - count_c · mean)² / n², with
    Student's t on C-1 degrees of freedom.  Treating rows as independent is too narrow
    by √(1 + (m-1) ρ) for m rows a cluster with correlation ρ inside.
    Source: Cochran, Sampling Techniques (1977), section 11.
    """
    alpha = miss_rate(level, "clustered_mean_interval")
    rows, sums = np.asarray(count, np.float64), np.asarray(total, np.float64)
    codes = np.asarray(groups, np.int64)
    if not rows.shape == sums.shape == codes.shape or rows.ndim != 1:
        raise InvalidInput(
            f"clustered_mean_interval: count {rows.shape}, total {sums.shape} and "
            f"groups {codes.shape} differ. Give one entry of each per cluster."
        )
    seen = (rows > 0) & (codes >= 0)
    rows, sums, codes = rows[seen], sums[seen], codes[seen]

    def add(weights: Floats) -> Floats:
        return np.bincount(codes, weights, n_groups).astype(np.float64)

    clusters = add(np.ones_like(rows))
    n = add(rows)
    n = np.where(n > 0, n, np.nan)
    mean = add(sums) / n
    scatter = add((sums - rows * mean[codes]) ** 2)
    dof = np.where(clusters > 1, clusters - 1.0, np.nan)
    half = np.sqrt(clusters / dof * scatter) / n
    half = half * special.stdtrit(dof, 1.0 - alpha / 2.0)
    return mean, mean - half, mean + half
