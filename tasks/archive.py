"""Summaries of dropped nights: of teams, later of sites; and what they can answer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
import xarray as xr

from stats.labelled import Labelled
from stats.quantiles import GroupQuantiles
from stats.shard_moments import ShardMoments
from stats.summary import merge_all
from storage.checkpoints import CheckpointKey, Checkpoints
from storage.errors import Archived, NotFound
from storage.schema import ShardRow
from storage.store import BehaviorStore
from tasks.ledgers import dataset_rows, ledger_of
from tasks.schema_scale import schema_origins, schema_transforms
from tasks.shard_summary import ShardSummary
from tasks.summaries import (
    checkpoint_key,
    decode_quantiles,
    decode_record,
    encode_quantiles,
    encode_record,
    quantile_key,
)

__all__ = ["Kept", "archive_sites", "counted_rows", "kept_summary", "night_summary"]

G = TypeVar("G", ShardMoments, GroupQuantiles)
Keys = tuple[CheckpointKey, CheckpointKey]
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is left of one shard: exact summaries, and of what groups.

    Attributes
    ----------
    level : {"team", "site"}
        The finest groups that are kept.
    summary : ShardSummary
    """

    level: Literal["team", "site"]
    summary: ShardSummary


def counted_rows(store: BehaviorStore) -> tuple[ShardRow, ...]:
    """Rows of behaviour that count at the store's snapshot, sorted."""
    counting = {
        (e.site, e.night, e.part, e.sha256)
        for e in ledger_of(dataset_rows(store)).winners()
    }
    return tuple(
        row
        for row in store.shards()
        if (row.key.site, row.key.night, row.key.part, row.sha256) in counting
    )


def team_keys(store: BehaviorStore, row: ShardRow) -> Keys:
    """Keys of the summaries of a shard's teams."""
    return (
        checkpoint_key(row, schema_transforms(store.schema)),
        quantile_key(row, schema_origins(store.schema)),
    )


def site_keys(store: BehaviorStore, row: ShardRow) -> Keys:
    """Keys of the summaries of a shard's site: those of its teams, added up."""
    one, two = (
        CheckpointKey(
            f"site-{key.summary}",
            key.site,
            key.night,
            key.part,
            hashlib.sha256(f"site|{key.content_hash}".encode()).hexdigest(),
        )
        for key in team_keys(store, row)
    )
    return one, two


def archive_sites(store: BehaviorStore, rows: Iterable[ShardRow]) -> int:
    """Keep the summaries of whole sites beside those of their teams.

    Parameters
    ----------
    store : BehaviorStore
        Open for writing.
    rows : iterable of ShardRow
        Of which the summaries of teams are kept; others are left out.

    Returns
    -------
    int
        Shards that have summaries of their site now, and had none.
    """
    kept = Checkpoints(store)
    new: dict[CheckpointKey, bytes] = {}
    for row in rows:
        teams, sites = team_keys(store, row), site_keys(store, row)
        found = kept.get([*teams, *sites])
        if all(key in found for key in sites) or not all(k in found for k in teams):
            continue
        moments = decode_record(found[teams[0]])
        bins = decode_quantiles(found[teams[1]])
        new[sites[0]] = encode_record(_whole(moments, row.key.site))
        new[sites[1]] = encode_quantiles(_whole(bins, row.key.site))
    if new:
        kept.put(new)
    return len(new) // 2


def _whole(teams: Labelled[G], site: str) -> Labelled[G]:
    """Add all teams up."""
    parent = np.zeros(teams.n_groups, dtype=np.int64)
    return Labelled((site,), teams.groups.rollup(parent, 1))


def kept_summary(store: BehaviorStore, row: ShardRow) -> Kept:
    """Read the finest summary that is kept of a shard; its values are not touched.

    Raises
    ------
    Archived
        When none is kept.
    """
    teams, sites = team_keys(store, row), site_keys(store, row)
    found = Checkpoints(store).get([*teams, *sites])
    levels: tuple[tuple[Literal["team", "site"], Keys], ...]
    levels = (("team", teams), ("site", sites))
    for level, (one, two) in levels:
        if one in found and two in found:
            moments, bins = decode_record(found[one]), decode_quantiles(found[two])
            return Kept(level, ShardSummary(moments, bins))
    raise Archived(
        f"shard {row.key} version {row.version}: no summary is kept of it. Published "
        "results are; restore the store from a copy for more."
    )


def night_summary(
    store: BehaviorStore, night: str, site: str | None = None
) -> xr.Dataset:
    """Answer from summaries what a night was like, also once its values are dropped.

    Parameters
    ----------
    store : BehaviorStore
    night : str
    site : str, optional
        One site, by team where these are kept; None gives all sites.

    Returns
    -------
    xarray.Dataset
        Over ``group`` and ``feature``: n, mean with a 95 % interval, sd, covariance,
        minimum, maximum, quantiles.  The attribute ``error`` says how far an answer may
        be off: not at all, but for quantiles.

    Raises
    ------
    Archived
        When no summary of a shard is kept.
    NotFound
        When nothing counts for that night.
    """
    rows = [
        row
        for row in counted_rows(store)
        if row.key.night == night and site in (None, row.key.site)
    ]
    if not rows:
        raise NotFound(f"night {night}, {site or 'all sites'}: no shard counts.")
    kept = [kept_summary(store, row) for row in rows]
    team = site is not None and all(one.level == "team" for one in kept)
    moments = merge_all(
        [
            one.summary.moments if team else _whole(one.summary.moments, row.key.site)
            for row, one in zip(rows, kept, strict=True)
        ]
    )
    bins = merge_all(
        [
            one.summary.quantiles
            if team
            else _whole(one.summary.quantiles, row.key.site)
            for row, one in zip(rows, kept, strict=True)
        ]
    )
    return _table(
        store, moments, bins.align(moments.labels), "team" if team else "site"
    )


def _table(
    store: BehaviorStore, moments: Labelled[ShardMoments], bins: GroupQuantiles, by: str
) -> xr.Dataset:
    found, axes = moments.groups.rows, ("group", "feature")
    mean, lower, upper = moments.groups.mean_interval(0.95)
    origins = np.array(schema_origins(store.schema))
    quantiles = np.moveaxis(bins.quantile(_QUANTILES) + origins, 0, -1)
    names = list(store.schema.names)
    return xr.Dataset(
        {
            "n": (axes, found.count),
            "mean": (axes, mean),
            "lower": (axes, lower),
            "upper": (axes, upper),
            "sd": (axes, np.sqrt(found.variance())),
            "covariance": ((*axes, "other_feature"), found.covariance()),
            "minimum": (axes, found.minimum),
            "maximum": (axes, found.maximum),
            "quantiles": ((*axes, "quantile"), quantiles),
        },
        {
            "group": list(moments.labels),
            "feature": names,
            "other_feature": names,
            "quantile": list(_QUANTILES),
        },
        {
            "level": by,
            "snapshot": store.snapshot,
            "error": "counts, means, variances, covariances, extremes: none, they are "
            "exact and rounded once; quantiles: at most "
            f"{bins.quantile_error:.4g} of their distance from the feature's origin",
        },
    )
