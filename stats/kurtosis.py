"""Excess kurtosis pooled over groups of few rows, without the bias of few rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.quantile_results import QuantileResults, bin_values
from stats.ranges import floats

__all__ = ["kurtosis_terms", "pooled_excess_kurtosis", "quantile_kurtosis"]

Floats = NDArray[np.float64]

# Excess kurtosis of a distribution is never smaller.
_LEAST = -2.0


def kurtosis_terms(
    n: ArrayLike, variance: ArrayLike, fourth: ArrayLike
) -> tuple[Floats, Floats]:
    """Unbiased estimates of the fourth cumulant and of the squared variance.

    Parameters
    ----------
    n : array_like
        Rows of each group.
    variance : array_like
        With ddof 1.
    fourth : array_like
        Mean fourth power of the deviations from the group's own mean.

    Returns
    -------
    cumulant, square : float64 arrays
        Sums over groups, shards and nights are terms of the pooled estimate: they
        merge by addition.  0 where n < 4 or a value is NaN, which leaves a group out.

    Notes
    -----
    With m₂ = (n-1)/n s²: k₄ = n² ((n+1) m₄ - 3 (n-1) m₂²) / ((n-1)(n-2)(n-3)), and
    E s⁴ = σ⁴ (n+1)/(n-1) + κ₄/n gives σ⁴ ≈ (s⁴ - k₄/n) (n-1)/(n+1).
    Source: Fisher, Proc. London Math. Society 30 (1930).
    """
    rows, s2, m4 = floats(n, variance, fourth)
    usable = (rows >= 4) & np.isfinite(s2) & np.isfinite(m4)
    k = np.where(usable, rows, 4.0)
    m2 = s2 * (k - 1.0) / k
    scale = k**2 / ((k - 1.0) * (k - 2.0) * (k - 3.0))
    cumulant = scale * ((k + 1.0) * m4 - 3.0 * (k - 1.0) * m2**2)
    square = (s2**2 - cumulant / k) * (k - 1.0) / (k + 1.0)
    return np.where(usable, cumulant, 0.0), np.where(usable, square, 0.0)


def pooled_excess_kurtosis(
    n: ArrayLike, variance: ArrayLike, fourth: ArrayLike, axis: int = 0
) -> Floats:
    """Excess kurtosis common to groups that may differ in mean and variance.

    Parameters
    ----------
    n, variance, fourth : array_like
        As for `kurtosis_terms`.
    axis : int
        Of the groups.

    Returns
    -------
    float64 array
        Σ n cumulant / Σ n square: a ratio of unbiased sums, so its bias falls with the
        number of groups, however few rows each has.  NaN without usable groups; at
        least -2.

    Notes
    -----
    A mean of the groups' own kurtoses would be biased at any number of groups: with
    five rows the sample kurtosis cannot exceed 3.25 - 3.

    Examples
    --------
    >>> x = np.random.default_rng(0).laplace(size=(20_000, 5))
    >>> fourth = ((x - x.mean(1, keepdims=True)) ** 4).mean(1)
    >>> bool(abs(pooled_excess_kurtosis(5, x.var(1, ddof=1), fourth) - 3) < 0.5)
    True
    """
    cumulant, square = kurtosis_terms(n, variance, fourth)
    rows = np.broadcast_to(np.asarray(n, np.float64), cumulant.shape)
    top, low = (rows * cumulant).sum(axis=axis), (rows * square).sum(axis=axis)
    found = top / np.where(low > 0, low, np.nan)
    return np.asarray(np.maximum(found, _LEAST))


def quantile_kurtosis(state: QuantileResults) -> Floats:
    """Excess kurtosis of every group and feature from its counts per bin.

    Parameters
    ----------
    state : GroupQuantiles
        Infinite values are left out.

    Returns
    -------
    float64 array, shape (g, d)
        k₄ / σ⁴ as in `kurtosis_terms`; NaN below four rows or without variance.

    Notes
    -----
    A value stands for its bin, so the moments are those of values off by at most the
    state's relative error of their distance from 0: small against a standard deviation
    when the state's origin lies within the data.
    """
    values = bin_values(state.bins, state.mantissa_bits)
    cell = np.repeat(np.arange(len(state.cells)), np.diff(state.starts))
    finite = np.isfinite(values)
    weight = np.where(finite, state.counts, 0).astype(np.float64)
    values = np.where(finite, values, 0.0)
    cells = len(state.cells)

    def mean(of: Floats) -> Floats:
        total = np.bincount(cell, weight * of, cells)
        return np.asarray(total / np.maximum(n, 1.0))

    n = np.bincount(cell, weight, cells)
    centred = values - mean(values)[cell]
    s2 = mean(centred**2) * n / np.maximum(n - 1.0, 1.0)
    cumulant, square = kurtosis_terms(n, s2, mean(centred**4))
    with np.errstate(invalid="ignore", divide="ignore"):
        held = np.where(square > 0, cumulant / square, np.nan)
    out = np.full(state.n_groups * state.d, np.nan)
    out[state.cells] = np.maximum(held, _LEAST)
    return out.reshape(state.n_groups, state.d)
