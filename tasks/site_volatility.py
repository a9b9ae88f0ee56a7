"""How much the mean of each site moves from night to night, from kept summaries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stats.backlog import nightly_volatility
from stats.moments import GroupMoments
from stats.summary import merge_all
from storage.checkpoints import Checkpoints
from storage.records import ShardRow
from storage.store import BehaviorStore
from tasks.ledgers import ledger_of
from tasks.schema_scale import schema_transforms
from tasks.summaries import checkpoint_key, decode_record

__all__ = ["site_volatility"]

_NIGHTS = 60
_LEAST = 0.1


def site_volatility(store: BehaviorStore, sites: Sequence[str]) -> NDArray[np.float64]:
    """Variance that the mean of each site gains per night, in units of its spread.

    Parameters
    ----------
    store : BehaviorStore
    sites : sequence of str

    Returns
    -------
    float64 array, shape (s,)
        Averaged over the transformed features, from the summaries that the store keeps
        of the last 60 nights it has; nothing is computed from raw values.  A site
        without a kept pair of neighbouring nights takes the median of the others, one
        that was not seen to move a tenth of their mean: its mass still counts.  1 for
        all when nothing is known.

    Raises
    ------
    Corrupt
        When a kept summary is damaged.
    """
    kept = _kept(store)
    if not kept:
        return np.ones(len(sites))
    means, noise = _standardised(kept, sites)
    features = range(means.shape[2])
    found = np.array(
        [nightly_volatility(means[:, :, f], noise[:, f]) for f in features]
    )
    known = np.isfinite(found)
    volatility = np.full(len(sites), np.nan)
    count = known.sum(axis=0)
    total = np.where(known, found, 0.0).sum(axis=0)
    np.divide(total, count, out=volatility, where=count > 0)
    seen = volatility[count > 0]
    if not seen.any():
        return np.ones(len(sites))
    usual = np.where(count > 0, volatility, np.median(seen))
    least: NDArray[np.float64] = np.maximum(usual, _LEAST * seen.mean())
    return least


def _kept(store: BehaviorStore) -> dict[tuple[str, str], GroupMoments]:
    """Moments over agents of each site and night that counts and has summaries."""
    rows = store.shards()
    nights = sorted({row.key.night for row in rows})[-_NIGHTS:]
    recent = tuple(row for row in rows if row.key.night in set(nights))
    counted = {(e.site, e.night, e.part, e.sha256) for e in ledger_of(recent).winners()}
    transforms = schema_transforms(store.schema)
    keys = {
        row: checkpoint_key(row, transforms) for row in recent if _name(row) in counted
    }
    found = Checkpoints(store).get(keys.values())
    parts: dict[tuple[str, str], list[GroupMoments]] = {}
    for row, key in keys.items():
        if key in found:
            cells = decode_record(found[key]).groups.cells
            whole = cells.rollup(np.zeros(cells.n_groups, dtype=np.int64), 1)
            parts.setdefault((row.key.site, row.key.night), []).append(whole)
    return {place: merge_all(some) for place, some in parts.items()}


def _name(row: ShardRow) -> tuple[str, str, str, str]:
    return row.key.site, row.key.night, row.key.part, row.sha256


def _standardised(
    kept: dict[tuple[str, str], GroupMoments], sites: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means (s, h, d) over the spread, and their usual sampling variance (s, d)."""
    nights = _calendar(sorted({night for _, night in kept}))
    d = next(iter(kept.values())).count.shape[1]
    means = np.full((len(sites), len(nights), d), np.nan)
    count, variance = np.zeros_like(means), np.zeros_like(means)
    for (site, night), moments in kept.items():
        if site in sites:
            place = sites.index(site), nights.index(night)
            means[place] = moments.mean()[0]
            count[place] = moments.count[0]
            variance[place] = np.nan_to_num(moments.variance()[0])
    freedom = np.maximum(count - 1, 0)
    spread = (freedom * variance).sum(axis=(0, 1))
    np.divide(spread, freedom.sum(axis=(0, 1)), out=spread, where=spread > 0)
    unit = np.where(spread > 0, np.sqrt(spread), 1.0)
    each = np.divide(variance, count, out=np.zeros_like(count), where=count > 1)
    there = np.maximum((count > 1).sum(axis=1), 1)
    return means / unit, each.sum(axis=1) / there / unit**2


def _calendar(nights: list[str]) -> list[str]:
    """Return every date from the first to the last: a gap is no neighbour."""
    first, last = np.datetime64(nights[0], "D"), np.datetime64(nights[-1], "D")
    return [str(day) for day in np.arange(first, last + np.timedelta64(1, "D"))]
