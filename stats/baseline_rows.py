"""Baseline rows or their moments: what a detector is fitted to."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.heavy_tails import DEGREES, tail_weights
from stats.moments import GroupMoments
from stats.robust import robust_fit
from stats.summary import InvalidInput, NotEnoughData
from stats.tails import left_out_distance, new_row_log_p

__all__ = ["baseline_rows", "complete_rows", "from_moments", "from_rows", "row_tails"]

Floats = NDArray[np.float64]


def from_moments(moments: GroupMoments, group: int) -> tuple[Floats, Floats, Floats]:
    """Rows per pair of features (NaN for a feature never seen), mean, covariance."""
    one = moments.take(np.array([group]))
    covariance = one.covariance()[0]
    seen = one.count[0] > 0
    pairs = np.where(seen & seen[:, None], one.pair_count[0], np.nan)
    n = int(np.nanmin(pairs)) if seen.any() else 0
    if n < 3:
        raise NotEnoughData(
            f"MahalanobisDetector.fit: {n} rows in group {group}, at least 3 are "
            "needed. Take a longer window or a higher level."
        )
    return pairs, one.mean()[0], covariance


def from_rows(rows: Floats, *, robust: bool) -> tuple[Floats, Floats, Floats]:
    """As `from_moments`; a robust fit takes the complete rows only."""
    if robust:
        complete = complete_rows(rows)
        d = rows.shape[1]
        return np.full((d, d), float(len(complete))), *robust_fit(complete)
    finite = np.where(np.isfinite(rows), rows, np.nan)
    one = np.zeros(len(rows), dtype=np.int64)
    return from_moments(GroupMoments.from_block(finite, one, 1), 0)


def baseline_rows(data: ArrayLike) -> Floats:
    """Return (n, d) float64; InvalidInput for any other shape."""
    rows = np.asarray(data, np.float64)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise InvalidInput(
            f"MahalanobisDetector.fit: rows of shape {rows.shape}. Give (n, d), d > 0."
        )
    return rows


def complete_rows(rows: Floats) -> Floats:
    """Return the rows that miss nothing."""
    return rows[np.isfinite(rows).all(axis=1)]


def row_tails(rows: Floats) -> Floats:
    """Tail weights from each complete row left out of the others, shape (8,).

    Distances run over the directions in which the rows vary.
    """
    x = complete_rows(rows)
    n, d = x.shape
    normal: Floats = (np.arange(len(DEGREES)) == 0).astype(np.float64)
    if n < d + 5:
        return normal
    scale = x.std(axis=0)
    z = (x - x.mean(axis=0)) / np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(z.T @ z / (n - 1))
    real = values > 1e-10 * max(values[-1], 1e-300)
    rank = int(real.sum())
    if rank == 0:
        return normal
    d2 = ((z @ vectors[:, real]) ** 2 / values[real]).sum(axis=1)
    log_p = new_row_log_p(left_out_distance(d2, n), rank, n - 1)
    return tail_weights(log_p, n, rank)
