"""Correlation between many series: averages of all pairs without forming the pairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.summary import InvalidInput

__all__ = ["mean_pairwise_correlation", "top_correlated_pairs"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Series per side of a block of candidate pairs.
_BLOCK = 1024


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
    With y = (x - mean) / sd over a series' own steps (ddof 0), 0 where missing, Y the
    group's sum of y and c its number of observed steps, both along time:
    within = (‖Y‖² - Σ‖y‖²) / (‖c‖² - Σ n), between = Y·Y' / (c·c').  O(n T), never n².
    Without gaps it is exactly the mean of all Pearson correlations.  With gaps it is
    their mean weighted by overlap, each standardised over its own steps: consistent
    when values are missing at random.
    """
    x, codes = _checked(series, groups, n_groups)
    y, seen = _standardise(x)
    keep = (codes >= 0) & seen.any(axis=1)
    order = np.flatnonzero(keep)[np.argsort(codes[keep], kind="stable")]
    total = _group_sums(y[order], codes[order], n_groups)
    steps = _group_sums(seen[order].astype(np.float64), codes[order], n_groups)
    own = np.bincount(codes[order], (y[order] ** 2).sum(axis=1), n_groups)
    n = np.bincount(codes[order], seen[order].sum(axis=1), n_groups)
    within = _divide((total**2).sum(axis=1) - own, (steps**2).sum(axis=1) - n)
    between = _divide(total @ total.T, steps @ steps.T)
    np.fill_diagonal(between, within)
    return within, between


def top_correlated_pairs(series: ArrayLike, k: int) -> tuple[Ints, Ints, Floats]:
    """Find the k pairs of series with the highest correlation, exactly.

    Parameters
    ----------
    series : array_like, shape (n, T)
        Complete: no NaN.  Constant series have no correlation and are left out.
    k : int
        Pairs wanted; fewer come back when there are fewer.

    Returns
    -------
    i, j : int64 arrays
        Positions in `series`, i < j, by falling correlation, ties by (i, j).
    r : float64 array

    Raises
    ------
    InvalidInput
        For missing values, a shape that is not (n, T), or k < 0.

    Notes
    -----
    Blocks of float32 products find candidates above the k-th best less twice their
    error bound (T + 8) 2⁻²⁴; candidates are computed again in float64.  Memory is a
    block squared and the candidates, never n².
    """
    x = np.asarray(series, np.float64)
    if x.ndim != 2 or not np.isfinite(x).all() or k < 0:
        raise InvalidInput(
            f"top_correlated_pairs: series of shape {x.shape} with "
            f"{int((~np.isfinite(x)).sum())} missing values, k = {k}. "
            "Give complete series (n, T) and k >= 0."
        )
    y, seen = _standardise(x)
    place = np.flatnonzero(seen.any(axis=1))
    z = y[place] / np.sqrt(max(x.shape[1], 1))
    wanted = min(k, len(place) * (len(place) - 1) // 2)
    if wanted == 0:
        none = np.zeros(0, dtype=np.int64)
        return none, none, np.zeros(0)
    i, j = _candidates(z, wanted)
    r = np.clip((z[i] * z[j]).sum(axis=1), -1.0, 1.0)
    best = np.lexsort((j, i, -r))[:wanted]
    return place[i[best]], place[j[best]], r[best]


def _candidates(z: Floats, k: int) -> tuple[Ints, Ints]:
    """Pairs that may be among the k best, from float32 products block by block."""
    n, steps = z.shape
    small = z.astype(np.float32)
    slack = 2.0 * (steps + 8) * 2.0**-24
    best = np.full(k, -np.inf, dtype=np.float32)
    found: list[tuple[Ints, Ints, NDArray[np.float32]]] = []
    for a in range(0, n, _BLOCK):
        for b in range(a, n, _BLOCK):
            r = small[a : a + _BLOCK] @ small[b : b + _BLOCK].T
            if a == b:
                r[np.tril_indices(len(r))] = -np.inf
            rows, columns = np.nonzero(r >= best[0] - slack)
            values = r[rows, columns]
            usable = np.isfinite(values)
            rows, columns, values = rows[usable], columns[usable], values[usable]
            found.append((rows + a, columns + b, values))
            joined = np.concatenate([best, values])
            best = np.sort(np.partition(joined, len(joined) - k)[len(joined) - k :])
            found = [_above(part, float(best[0]) - slack) for part in found]
    i, j = (np.concatenate([part[c] for part in found]) for c in (0, 1))
    return i, j


def _above(
    part: tuple[Ints, Ints, NDArray[np.float32]], least: float
) -> tuple[Ints, Ints, NDArray[np.float32]]:
    keep = part[2] >= least
    return part[0][keep], part[1][keep], part[2][keep]


def _standardise(x: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Mean 0 and sd 1 over own steps, 0 where missing; constant series are unseen."""
    seen = np.isfinite(x)
    low = np.where(seen, x, np.inf).min(axis=1, initial=np.inf)
    high = np.where(seen, x, -np.inf).max(axis=1, initial=-np.inf)
    seen &= (high > low)[:, None]
    n = np.maximum(seen.sum(axis=1), 1)[:, None]
    values = np.where(seen, x, 0.0)
    centred = np.where(seen, values - values.sum(axis=1)[:, None] / n, 0.0)
    sd = np.sqrt((centred**2).sum(axis=1)[:, None] / n)
    return centred / np.where(sd > 0, sd, 1.0), seen


def _group_sums(rows: Floats, codes: Ints, n_groups: int) -> Floats:
    """Sum of rows per group; rows are sorted by group."""
    out = np.zeros((n_groups, rows.shape[1]))
    size = np.bincount(codes, minlength=n_groups)
    some = size > 0
    if some.any():
        start = np.cumsum(size) - size
        out[some] = np.add.reduceat(rows, start[some], axis=0)
    return out


def _divide(top: Floats, bottom: Floats) -> Floats:
    out: Floats = np.full(top.shape, np.nan)
    np.divide(top, bottom, out=out, where=bottom > 0)
    return out


def _checked(
    series: ArrayLike, groups: ArrayLike, n_groups: int
) -> tuple[Floats, Ints]:
    x, codes = np.asarray(series, np.float64), np.asarray(groups, np.int64)
    if x.ndim != 2 or codes.shape != x.shape[:1]:
        raise InvalidInput(
            f"mean_pairwise_correlation: series {x.shape} and groups {codes.shape} do "
            "not fit. Give (n, T) and (n,)."
        )
    if ((codes < -1) | (codes >= n_groups)).any():
        raise InvalidInput(
            f"mean_pairwise_correlation: groups from {codes.min()} to {codes.max()} "
            f"for {n_groups} groups. Give [0, {n_groups}), or -1 for none."
        )
    return x, codes
