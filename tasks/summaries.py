"""Exact summaries of shards, computed once per content and kept as checkpoints."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from distributed import Client

from stats.labelled import Labelled
from stats.quantiles import GroupQuantiles
from stats.shard_moments import ShardMoments
from stats.summary import merge_all, pack, unpack
from stats.transforms import Transforms
from storage.checkpoints import CheckpointKey, Checkpoints
from storage.schema import ShardKey, ShardRow
from storage.store import BehaviorStore
from tasks.blocks import agent_baseline, block_refs, summarize_shard
from tasks.reconcile import NightView
from tasks.reduce import ProgressCallback, tree_reduce_many
from tasks.schema_scale import schema_origins, schema_transforms
from tasks.shard_summary import AgentHistory, ShardSummary

__all__ = [
    "AgentBaseline",
    "Quantiles",
    "Reduced",
    "agents_tonight",
    "checkpoint_key",
    "decode_quantiles",
    "decode_record",
    "encode_quantiles",
    "encode_record",
    "merge_parts",
    "quantile_key",
    "reduce_agents",
    "reduce_shards",
    "window_quantiles",
]

_MOMENTS = "shard-moments"
_QUANTILES = "shard-quantiles"
# Shards whose summaries go into one commit: a crash loses at most this many.
_BATCH = 256

AgentBaseline = AgentHistory
Quantiles = Labelled[GroupQuantiles]


@dataclass(frozen=True, slots=True)
class Reduced:
    """Summaries by shard, and where they came from.

    Attributes
    ----------
    records : dict of ShardRow to Labelled[ShardMoments]
    quantiles : dict of ShardRow to Labelled[GroupQuantiles]
    computed, reused : int
        Shards read this time, and shards whose checkpoint was there.
    """

    records: dict[ShardRow, Labelled[ShardMoments]]
    quantiles: dict[ShardRow, Quantiles]
    computed: int
    reused: int


class Identified(Protocol):
    """A shard as far as it decides the bits of its summary: key and content."""

    @property
    def key(self) -> ShardKey:
        """Dataset, site, night and part."""
        ...

    @property
    def sha256(self) -> str:
        """Of the canonical bytes."""
        ...


def checkpoint_key(row: Identified, transforms: Transforms) -> CheckpointKey:
    """Key of a shard's moments: all that determines their bits, and nothing else."""
    text = f"{row.sha256}|{_MOMENTS}|{ShardMoments.state_version}|{transforms!r}"
    return _key(_MOMENTS, row, text)


def quantile_key(row: Identified, origins: tuple[float, ...]) -> CheckpointKey:
    """Key of a shard's counts per bin."""
    text = f"{row.sha256}|{_QUANTILES}|{GroupQuantiles.state_version}|{origins!r}"
    return _key(_QUANTILES, row, text)


def _key(name: str, row: Identified, text: str) -> CheckpointKey:
    digest = hashlib.sha256(text.encode()).hexdigest()
    return CheckpointKey(name, row.key.site, row.key.night, row.key.part, digest)


def encode_record(record: Labelled[ShardMoments]) -> bytes:
    """Canonical bytes of a shard's moments."""
    return pack(record.to_arrays(), kind=_MOMENTS, version=ShardMoments.state_version)


def decode_record(data: bytes) -> Labelled[ShardMoments]:
    """Restore what `encode_record` gave.

    Raises
    ------
    stats.summary.InvalidInput
        When the bytes are damaged.
    """
    _, _, arrays = unpack(data)
    return Labelled.from_arrays(arrays, ShardMoments)


def encode_quantiles(record: Quantiles) -> bytes:
    """Canonical bytes of a shard's counts per bin."""
    version = GroupQuantiles.state_version
    return pack(record.to_arrays(), kind=_QUANTILES, version=version)


def decode_quantiles(data: bytes) -> Quantiles:
    """Restore what `encode_quantiles` gave.

    Raises
    ------
    stats.summary.InvalidInput
        When the bytes are damaged.
    """
    _, _, arrays = unpack(data)
    return Labelled.from_arrays(arrays, GroupQuantiles)


def reduce_shards(
    store: BehaviorStore,
    rows: Iterable[ShardRow],
    *,
    client: Client | None = None,
    rows_per_block: int | None = None,
    split_every: int = 16,
    progress: ProgressCallback | None = None,
) -> Reduced:
    """Summarise shards, reusing every checkpoint that is already there.

    Parameters
    ----------
    store : BehaviorStore
        Open for writing; new checkpoints are committed in batches as they finish.
    rows : iterable of ShardRow
    client : distributed.Client, optional
    rows_per_block : int, optional
        Agents per task; None takes the chunks as they are stored.
    split_every : int
        Fan-in of the merges.
    progress : ProgressCallback, optional

    Returns
    -------
    Reduced
    """
    scale = schema_transforms(store.schema), schema_origins(store.schema)
    keys = {
        row: (checkpoint_key(row, scale[0]), quantile_key(row, scale[1]))
        for row in rows
    }
    checkpoints = Checkpoints(store)
    found = _kept(checkpoints, keys)
    reused = len(found)
    missing = {
        row: block_refs(store, row, rows_per_block) for row in keys if row not in found
    }
    pending: dict[CheckpointKey, bytes] = {}

    def keep(row: ShardRow, summary: ShardSummary) -> None:
        one, two = keys[row]
        pending[one] = encode_record(summary.moments)
        pending[two] = encode_quantiles(summary.quantiles)
        if len(pending) >= 2 * _BATCH:
            checkpoints.put(pending)
            pending.clear()

    computed = tree_reduce_many(
        missing,
        functools.partial(summarize_shard, transforms=scale[0], origins=scale[1]),
        client=client,
        split_every=split_every,
        on_result=keep,
        progress=progress,
    )
    if pending:
        checkpoints.put(pending)
    found |= computed
    return Reduced(
        {row: found[row].moments for row in keys},
        {row: found[row].quantiles for row in keys},
        len(computed),
        reused,
    )


def _kept(
    checkpoints: Checkpoints,
    keys: Mapping[ShardRow, tuple[CheckpointKey, CheckpointKey]],
) -> dict[ShardRow, ShardSummary]:
    """Summaries of which both parts are there."""
    kept = checkpoints.get([key for pair in keys.values() for key in pair])
    return {
        row: ShardSummary(decode_record(kept[one]), decode_quantiles(kept[two]))
        for row, (one, two) in keys.items()
        if one in kept and two in kept
    }


def merge_parts(
    view: NightView, records: Mapping[ShardRow, Labelled[ShardMoments]]
) -> dict[tuple[str, str], Labelled[ShardMoments]]:
    """Merge the parts of every (site, night) of a view."""
    return {
        place: merge_all([records[row] for row in rows])
        for place, rows in view.winners.items()
    }


def window_quantiles(
    view: NightView, quantiles: Mapping[ShardRow, Quantiles]
) -> Quantiles | None:
    """Merge the counts per bin of every night before tonight; None for no shard."""
    parts = [
        quantiles[row]
        for (_, night), rows in sorted(view.winners.items())
        if night != view.night
        for row in rows
    ]
    return merge_all(parts) if parts else None


def reduce_agents(
    store: BehaviorStore,
    view: NightView,
    *,
    client: Client | None = None,
    rows_per_block: int | None = None,
    split_every: int = 16,
) -> dict[str, AgentBaseline]:
    """Exact baselines of every agent over the nights before tonight, per site."""
    blocks = {
        site.site: [
            ref
            for night in view.nights[:-1]
            for row in view.winners.get((site.site, night), ())
            for ref in block_refs(store, row, rows_per_block)
        ]
        for site in view.sites
    }
    filled = {site: refs for site, refs in blocks.items() if refs}
    return tree_reduce_many(
        filled, agent_baseline, client=client, split_every=split_every
    )


def agents_tonight(
    store: BehaviorStore,
    view: NightView,
    *,
    client: Client | None = None,
    rows_per_block: int | None = None,
) -> dict[str, tuple[str, ...]]:
    """Names of the agents of each site that were there tonight, sorted."""
    blocks = {
        site.site: [
            ref
            for row in view.winners.get((site.site, view.night), ())
            for ref in block_refs(store, row, rows_per_block)
        ]
        for site in view.sites
    }
    filled = {site: refs for site, refs in blocks.items() if refs}
    found = tree_reduce_many(filled, agent_baseline, client=client)
    return {site: summary.labels for site, summary in found.items()}
