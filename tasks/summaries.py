"""Exact summaries of shards, computed once per content and kept as checkpoints."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from distributed import Client

from stats.labelled import Labelled
from stats.moments import GroupMoments
from stats.shard_moments import ShardMoments
from stats.summary import merge_all, pack, unpack
from stats.transforms import Transforms
from storage.checkpoints import CheckpointKey, Checkpoints
from storage.schema import ShardRow
from storage.store import BehaviorStore
from tasks.blocks import agent_baseline, block_refs, summarize
from tasks.reconcile import NightView
from tasks.reduce import ProgressCallback, tree_reduce_many
from tasks.schema_scale import schema_transforms

__all__ = [
    "AgentBaseline",
    "Reduced",
    "agents_tonight",
    "checkpoint_key",
    "decode_record",
    "encode_record",
    "merge_parts",
    "reduce_agents",
    "reduce_shards",
]

_NAME = "shard-moments"
# Shards whose summaries go into one commit: a crash loses at most this many.
_BATCH = 256

AgentBaseline = Labelled[GroupMoments]


@dataclass(frozen=True, slots=True)
class Reduced:
    """Summaries by shard, and where they came from.

    Attributes
    ----------
    records : dict of ShardRow to Labelled[ShardMoments]
    computed, reused : int
        Shards read this time, and shards whose checkpoint was there.
    """

    records: dict[ShardRow, Labelled[ShardMoments]]
    computed: int
    reused: int


def checkpoint_key(row: ShardRow, transforms: Transforms) -> CheckpointKey:
    """Key of a shard's summary: all that determines its bits, and nothing else."""
    text = f"{row.sha256}|{_NAME}|{ShardMoments.state_version}|{transforms!r}"
    digest = hashlib.sha256(text.encode()).hexdigest()
    return CheckpointKey(_NAME, row.key.site, row.key.night, row.key.part, digest)


def encode_record(record: Labelled[ShardMoments]) -> bytes:
    """Canonical bytes of a shard's summary."""
    return pack(record.to_arrays(), kind=_NAME, version=ShardMoments.state_version)


def decode_record(data: bytes) -> Labelled[ShardMoments]:
    """Restore what `encode_record` gave.

    Raises
    ------
    stats.summary.InvalidInput
        When the bytes are damaged.
    """
    _, _, arrays = unpack(data)
    return Labelled.from_arrays(arrays, ShardMoments)


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
    wanted = list(rows)
    transforms = schema_transforms(store.schema)
    keys = {row: checkpoint_key(row, transforms) for row in wanted}
    checkpoints = Checkpoints(store)
    kept = checkpoints.get(list(keys.values()))
    records = {
        row: decode_record(kept[key]) for row, key in keys.items() if key in kept
    }
    missing = {
        row: block_refs(store, row, rows_per_block)
        for row in wanted
        if row not in records
    }
    pending: dict[CheckpointKey, bytes] = {}

    def keep(row: ShardRow, record: Labelled[ShardMoments]) -> None:
        pending[keys[row]] = encode_record(record)
        if len(pending) >= _BATCH:
            checkpoints.put(pending)
            pending.clear()

    found = tree_reduce_many(
        missing,
        functools.partial(summarize, transforms=transforms),
        client=client,
        split_every=split_every,
        on_result=keep,
        progress=progress,
    )
    if pending:
        checkpoints.put(pending)
    records |= found
    return Reduced({row: records[row] for row in wanted}, len(found), len(kept))


def merge_parts(
    view: NightView, records: Mapping[ShardRow, Labelled[ShardMoments]]
) -> dict[tuple[str, str], Labelled[ShardMoments]]:
    """Merge the parts of every (site, night) of a view."""
    return {
        place: merge_all([records[row] for row in rows])
        for place, rows in view.winners.items()
    }


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
