"""Updates as means of windows of time, so that silent sources can be estimated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from stats.ledger import LedgerEntry
from stats.missing_data import MissingDataInterval, missing_data_interval

__all__ = ["WINDOWS", "estimate_all"]

WINDOWS = 90
"""How many windows of the past are looked at."""

Floats = NDArray[np.float64]


def estimate_all(
    winners: Sequence[LedgerEntry],
    vectors: Mapping[str, Floats],
    *,
    seconds: float,
    now: float,
    level: float = 0.95,
) -> MissingDataInterval | None:
    """Estimate the mean over all sources now, each weighted by its updates.

    Parameters
    ----------
    winners : sequence of LedgerEntry
        Updates that count.
    vectors : mapping of str to float64 array, shape (d,)
        Their values by content hash.
    seconds : float
        Length of a window; the last one ends now.
    now : float
        Seconds UTC.
    level : float

    Returns
    -------
    MissingDataInterval or None
        None when nothing is known, or windows have no length.

    Notes
    -----
    A source with an update in the last window has arrived, any other is silent since
    its last one; windows take the place of nights in
    `stats.missing_data.missing_data_interval`, which carries silent sources forward
    with those that arrived and reads the error off past windows.  The variance within a
    source is pooled over sources and windows.
    """
    if not winners or not seconds > 0.0:
        return None
    sources = sorted({entry.site for entry in winners})
    at = {source: i for i, source in enumerate(sources)}
    source = np.array([at[entry.site] for entry in winners])
    age = now - np.array([entry.event_end for entry in winners]) / 1e9
    window = WINDOWS - np.clip(age // seconds, 0, WINDOWS + 1).astype(np.int64)
    values = np.stack([vectors[entry.sha256] for entry in winners])
    kept = window >= 0
    cell = source[kept] * (WINDOWS + 1) + window[kept]
    shape = len(sources), WINDOWS + 1, values.shape[1]
    count, mean, within = _cells(cell, values[kept], shape)
    seen = np.any(count > 0, axis=2)
    rows = np.bincount(source, minlength=len(sources))
    usual = count.max(axis=2).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    now_rows = np.maximum(count[:, -1], 1)
    return missing_data_interval(
        mean[:, :-1], mean[:, -1], rows, np.maximum(usual.round(), 1).astype(np.int64),
        within, _silent(seen), level=level,
        current_error2=within / now_rows,
    )  # fmt: skip


def _cells(
    cell: NDArray[np.int64], values: Floats, shape: tuple[int, int, int]
) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Count and mean of each source and window, and the variance within them (d,)."""
    n, d = shape[0] * shape[1], shape[2]
    here = np.isfinite(values)
    filled = np.where(here, values, 0.0)
    count = np.zeros((n, d), dtype=np.int64)
    total = np.zeros((n, d))
    np.add.at(count, cell, here)
    np.add.at(total, cell, filled)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    off = np.where(here, values - mean[cell], 0.0)
    free = np.maximum((count - (count > 0)).sum(axis=0), 1)
    return count.reshape(shape), mean.reshape(shape), (off**2).sum(axis=0) / free


def _silent(seen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Windows since each source was last heard of, 0 for one that is here now."""
    since = np.where(seen.any(axis=1), seen[:, ::-1].argmax(axis=1), WINDOWS)
    return since.astype(np.int64)
