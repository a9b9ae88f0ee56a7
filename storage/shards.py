"""Write shards in one transaction: data and ledger rows become visible together."""

from __future__ import annotations

import asyncio
import dataclasses
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from icechunk import IcechunkStore

from storage import repository
from storage.arrays import missing_groups, run, write_group, write_groups
from storage.contents import Content, arrays_of, check_stored
from storage.errors import Conflict, Corrupt
from storage.layout import parents, shard_path
from storage.ledger import SHARDS_ADDED
from storage.records import ShardData, ShardKey, ShardRow, Version
from storage.schema import Schema, canonical_order, content_hash
from storage.store import BehaviorStore

__all__ = ["Receipt", "Shard", "State", "make_shard", "plan", "write_shards"]

State = Literal["applied", "duplicate", "equivocation"]
_TRIES = 8


@dataclass(frozen=True, slots=True)
class Shard:
    """A validated shard on its way into the store: ledger row and arrays.

    The path and chunk count of the row are filled in when it is written.
    """

    row: ShardRow
    data: Content


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a shard that was handed in.

    Attributes
    ----------
    key, version : ShardKey, Version
    state : {"applied", "duplicate", "equivocation"}
        Duplicate: this identity was there.  Equivocation: other content was there
        under the same version; both are kept and the ledger counts neither.
    n : int
        Rows present.
    sha256 : str
    snapshot : str
        Snapshot in which it is visible.
    """

    key: ShardKey
    version: Version
    state: State
    n: int
    sha256: str
    snapshot: str


def make_shard(
    schema: Schema,
    key: ShardKey,
    version: Version,
    data: ShardData,
    *,
    event_end: int,
    ingested_at: int,
    issuer: str = "site",
) -> Shard:
    """Put arrays into canonical order, hash them and make their ledger row.

    Parameters
    ----------
    schema : Schema
    key : ShardKey
    version : Version
    data : ShardData
        Agents in any order; validated by the caller.
    event_end, ingested_at : int
        Nanoseconds UTC.
    issuer : str
        Who gave the version.
    """
    order = canonical_order(data)
    if order is not None:
        data = data.take(order)
    row = ShardRow(
        key=key,
        version=version,
        sha256=content_hash(schema, data),
        kind="data",
        n=data.n,
        observed=data.observed(),
        agents=len(data.agents),
        event_end=event_end,
        ingested_at=ingested_at,
        issuer=issuer,
        schema=1,
        chunk_count=0,
        path="",
    )
    return Shard(row, data)


def write_shards(
    store: BehaviorStore,
    shards: Sequence[Shard],
    *,
    message: str = "ingest shards",
    metadata: Mapping[str, Any] | None = None,
) -> tuple[Receipt, ...]:
    """Store shards that are not there yet, all in one commit or none of them.

    Parameters
    ----------
    store : BehaviorStore
        Open for writing; it moves on to the new snapshot.
    shards : sequence of Shard
        Duplicates, also of each other, are dropped.
    message, metadata
        Of the commit.

    Returns
    -------
    tuple of Receipt
        One per shard, in the given order.

    Raises
    ------
    Corrupt
        When what was written does not read back; nothing is committed.
    Locked, Conflict
        When the commit cannot be made; nothing is committed.
    """
    store.require_writable()
    for attempt in range(_TRIES):
        store.refresh()
        states, new = plan(store.rows(), shards, store.rows_per_chunk)
        if new:
            _ensure_parents(store, [shard.row.path for shard in new])
            snapshot = _write(store, new, message, metadata or {})
            if snapshot is None:
                time.sleep(random.uniform(0, 0.05 * 2**attempt))
                continue
            store.refresh()
        return tuple(
            Receipt(
                shard.row.key, shard.row.version, state, shard.row.n,
                shard.row.sha256, store.snapshot,
            )
            for shard, state in zip(shards, states, strict=True)
        )  # fmt: skip
    raise Conflict(
        f"store {store.url}: {len(shards)} shards collided with other writers "
        f"{_TRIES} times. Run it again when fewer writers are active."
    )


def plan(
    rows: Sequence[ShardRow], shards: Sequence[Shard], rows_per_chunk: int
) -> tuple[list[State], list[Shard]]:
    """Tell duplicates and equivocations from new shards, and give those a path."""
    hashes: dict[tuple[ShardKey, Version], set[str]] = {}
    for row in rows:
        hashes.setdefault((row.key, row.version), set()).add(row.sha256)
    states: list[State] = []
    new: list[Shard] = []
    for shard in shards:
        row = shard.row
        known = hashes.setdefault((row.key, row.version), set())
        if row.sha256 in known:
            states.append("duplicate")
            continue
        states.append("equivocation" if known else "applied")
        path = shard_path(row.key, row.version, row.sha256 if known else "")
        known.add(row.sha256)
        items = arrays_of(shard.data, rows_per_chunk).values()
        chunks = sum(item.chunk_count() for item in items)
        placed = dataclasses.replace(row, path=path, chunk_count=chunks)
        new.append(Shard(placed, shard.data))
    return states, new


def _ensure_parents(store: BehaviorStore, paths: list[str]) -> None:
    """Create the groups above in a commit of their own.

    Two writers that create the same parent cannot be rebased onto each other; with
    existing parents their shards never collide.
    """
    wanted = parents(paths)

    def write(session: IcechunkStore) -> None:
        run(write_groups(session, run(missing_groups(session, wanted))))

    if run(missing_groups(store.reader, wanted)):
        store.commit(write, "groups for shards")


def _write(
    store: BehaviorStore, new: list[Shard], message: str, metadata: Mapping[str, Any]
) -> str | None:
    session, began = store.repository.writable_session("main"), time.time()

    async def work() -> None:
        await asyncio.gather(
            *(
                write_group(
                    session.store,
                    shard.row.path,
                    shard.row.to_attributes(),
                    arrays_of(shard.data, store.rows_per_chunk),
                )
                for shard in new
            )
        )

    run(work())
    for shard in new:
        try:
            check_stored(session.store, store.schema, shard.row)
        except Corrupt as error:
            raise Corrupt(
                f"write_shards: {shard.row.key} did not read back as it was written; "
                f"nothing was committed. Check disk and memory. ({error})"
            ) from error
    stated = {**metadata, SHARDS_ADDED: len(new)}
    return repository.try_commit(session, store.url, message, stated, began)
