"""Correlation between many series: averages of all pairs without forming the pairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.series_sums import SeriesSums
from stats.top_pairs import top_correlated_pairs

__all__ = ["mean_pairwise_correlation", "top_correlated_pairs"]

Floats = NDArray[np.float64]


def mean_pairwise_correlation(
    series: ArrayLike, groups: ArrayLike, n_groups: int
) -> tuple[Floats, Floats]:
    """Mean correlation of all pairs of series, within and between groups.

    Parameters
    ----------
    series : array_like, shape (n, T)
        NaN and infinities are missing.  Constant series have no correlation and are
        left out.
    groups : integer array_like, shape (n,)
        In [0, n_groups); -1 leaves a series out.
    n_groups : int

    Returns
    -------
    within : float64 array, shape (g,)
        Over pairs of one group; NaN for fewer than two series that vary.
    between : float64 array, shape (g, g)
        Over pairs across two groups; the diagonal is `within`.

    Raises
    ------
    InvalidInput
        When shapes do not fit or a group is out of range.

    Notes
    -----
    Without gaps exactly the mean of all Pearson correlations, with gaps their mean
    weighted by overlap, each series standardised over its own steps: see
    `stats.series_sums.SeriesSums`, which also merges, rolls up to the next level, and
    counts what was left out.  O(n T), never n².

    Examples
    --------
    >>> x = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [3.0, 2.0, 1.0]])
    >>> within, _ = mean_pairwise_correlation(x, [0, 0, 0], 1)
    >>> within.round(6)
    array([-0.333333])
    """
    state = SeriesSums.from_block(series, groups, n_groups)
    between = state.between()
    return np.diagonal(between).copy(), between
