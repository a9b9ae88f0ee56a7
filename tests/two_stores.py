"""Two stores that know different things, and ways to see that they know the same."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from storage.arrays import run
from storage.key_registry import KeyRegistry
from storage.key_store import write_keys
from storage.layout import ARRAYS
from storage.records import ShardKey, Version
from storage.shards import Shard, make_shard, write_shards
from storage.statement_staging import make_statement_shard
from storage.statements import MANIFEST, manifest_of, retraction_of
from storage.store import BehaviorStore
from storage.tables import shard_from_table
from tasks.ledgers import ledger_of
from tests.storage.evidence_rows import START, evidence
from tests.storage.evidence_rows import shard as evidence_shard
from tests.storage.key_rings import first_key
from tests.storage.landing import DAY, NIGHT, SCHEMA, table

NIGHTS = ("2026-03-05", "2026-03-06", "2026-03-07", NIGHT)
LATER = START + 300 * DAY
"""A clock at which everything here is past."""


def shard(
    site: str, night: str, *, seq: int = 1, seed: int = 0, part: str = "0"
) -> Shard:
    """Make behaviour of one site and night; another seed is another content."""
    import pyarrow as pa

    frame = table(seed + 17 * NIGHTS.index(night), agents=8)
    return make_shard(
        SCHEMA,
        ShardKey("demo", site, night, part),
        Version(0, seq),
        shard_from_table(pa.Table.from_pandas(frame), SCHEMA, "test"),
        event_end=START + DAY,
        ingested_at=START + DAY // 4,
    )


def retraction(site: str, night: str, *, seq: int) -> Shard:
    """Take back a site's night."""
    said = retraction_of({"reason": "wrong clock"}, "test")
    return make_statement_shard(
        ShardKey("demo", site, night), Version(0, seq), said,
        event_end=START + DAY, ingested_at=START + DAY // 4,
    )  # fmt: skip


def manifest(site: str, night: str, *, seq: int) -> Shard:
    """Say what belongs to a site's night."""
    said = manifest_of({"parts": ["0"], "agents": 8, "seq_high": seq}, "test")
    return make_statement_shard(
        ShardKey("demo", site, night, MANIFEST), Version(0, seq), said,
        event_end=START + DAY, ingested_at=START + DAY // 4, deps=("north/0-1",),
    )  # fmt: skip


def make(path: Path, *shards: Shard) -> BehaviorStore:
    """Make a store with some shards."""
    store = BehaviorStore.create(str(path), SCHEMA, rows_per_chunk=4)
    if shards:
        write_shards(store, shards)
    return store


def both(folder: Path) -> tuple[BehaviorStore, BehaviorStore]:
    """Two stores of which each knows what the other does not.

    A part in common, a correction, an equivocation, evidence, a retraction, a manifest
    and a key on the left; a
    night of its own and the other content of the equivocation on the right.
    """
    common = [shard("north", night) for night in NIGHTS]
    left = make(
        folder / "left",
        *common,
        *(shard("south", night, seed=3) for night in NIGHTS),
        shard("north", NIGHT, seq=2, seed=9),
        shard("west", NIGHT, seed=1),
        evidence_shard(evidence(1)),
        retraction("south", NIGHTS[0], seq=5),
        manifest("south", NIGHTS[1], seq=6),
    )
    write_keys(left, KeyRegistry().add(first_key("probe-2"), at=START), message="key")
    right = make(
        folder / "right",
        *common,
        shard("west", NIGHT, seed=2),
        shard("west", NIGHTS[0], seed=5),
    )
    return left, right


def ledger(store: BehaviorStore) -> str:
    """Digest of everything a store knows now."""
    return ledger_of(store.refresh().rows()).digest()


def contents(store: BehaviorStore) -> dict[tuple, str]:
    """Hash of the stored arrays of every shard version of behaviour, by identity."""
    found = {}
    for row in store.refresh().rows():
        if row.kind == "data":
            digest = hashlib.sha256()
            for name in ARRAYS:
                digest.update(run(_bytes(store, f"{row.path}/{name}")))
            found[row.key, row.version, row.sha256] = digest.hexdigest()
    return found


async def _bytes(store: BehaviorStore, path: str) -> bytes:
    from zarr.core.buffer import default_buffer_prototype

    keys = sorted([key async for key in store.reader.list_prefix(f"{path}/")])
    assert len(keys) > 1  # a document and at least one chunk
    found = [await store.reader.get(k, default_buffer_prototype()) for k in keys]
    return b"".join(one.to_bytes() for one in found if one is not None)


def rows_apart_from_place(store: BehaviorStore) -> set:
    """Ledger rows of a store; a path belongs to the store alone."""
    return {replace(row, path="") for row in store.refresh().rows()}
