"""Drop arrays and kept summaries for good, in commits that look at every hold."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from icechunk import IcechunkStore
from zarr.abc.store import Store

from storage.arrays import (
    group_attributes,
    missing_groups,
    open_arrays,
    run,
    write_group,
)
from storage.dropped import Dropped, mark_path, read_mark
from storage.holds import Hold, look_at_holds
from storage.layout import ARRAYS
from storage.records import ShardRow
from storage.results import KEPT_BY_STORE
from storage.store import BehaviorStore

__all__ = [
    "Drop", "array_bytes", "drop_arrays", "drop_groups", "drop_results",
]  # fmt: skip

_BATCH = 128


@dataclass(frozen=True, slots=True)
class Drop:
    """Arrays of one shard that are to go.

    Attributes
    ----------
    row : ShardRow
    arrays : tuple of str
    tier : str
        Rule that says so.
    n_bytes : int
        What they take, compressed.
    """

    row: ShardRow
    arrays: tuple[str, ...]
    tier: str
    n_bytes: int


def array_bytes(store: Store, rows: Iterable[ShardRow]) -> dict[str, dict[str, int]]:
    """Compressed bytes of each stored array of shards of behaviour, by path and name.

    Raises
    ------
    Corrupt
        When the metadata of an array are damaged.
    """
    held = list(rows)
    return dict(zip((row.path for row in held), run(_sizes(store, held)), strict=True))


async def _sizes(store: Store, rows: list[ShardRow]) -> list[dict[str, int]]:
    return list(await asyncio.gather(*(_shard_bytes(store, row) for row in rows)))


async def _shard_bytes(store: Store, row: ShardRow) -> dict[str, int]:
    absent = set(await missing_groups(store, [f"{row.path}/{n}" for n in ARRAYS]))
    names = [name for name in ARRAYS if f"{row.path}/{name}" not in absent]
    opened = await open_arrays(store, row.path, names)
    out = {}
    for name, item in opened.items():
        counts = [-(-a // b) for a, b in zip(item.shape, item.chunks, strict=True)]
        keys = [
            f"{row.path}/{name}/{item.array.metadata.encode_chunk_key(place)}"
            for place in itertools.product(*map(range, counts))
        ]
        out[name] = sum(await asyncio.gather(*(store.getsize(key) for key in keys)))
    return out


def drop_arrays(
    store: BehaviorStore,
    drops: Sequence[Drop],
    *,
    now: int,
    held: Callable[[ShardRow, tuple[Hold, ...]], str],
) -> tuple[Drop, ...]:
    """Delete arrays and leave a mark; the ledger row stays as it is.

    Parameters
    ----------
    store : BehaviorStore
        Open for writing.
    drops : sequence of Drop
    now : int
        Nanoseconds UTC.
    held : callable
        Gives the name of the hold that keeps a shard, from those in force when the
        commit is made; empty to let it go.

    Returns
    -------
    tuple of Drop
        What was dropped: all that was asked for and is not held.

    Raises
    ------
    Locked, Conflict
        When a commit cannot be made; earlier batches of 128 shards stay dropped.
    """
    done: list[Drop] = []
    for start in range(0, len(drops), _BATCH):
        batch = drops[start : start + _BATCH]
        gone: list[Drop] = []

        def write(
            session: IcechunkStore,
            batch: Sequence[Drop] = batch,
            gone: list[Drop] = gone,
        ) -> None:
            holds = look_at_holds(session)
            gone[:] = [drop for drop in batch if not held(drop.row, holds)]
            run(_drop(session, gone, now))

        tiers = sorted({drop.tier for drop in batch})
        said = {"dropped": len(batch), "tiers": tiers}
        store.commit(write, f"retention: arrays of {len(batch)} shards", said)
        done += gone
    return tuple(done)


async def _drop(store: IcechunkStore, drops: Sequence[Drop], now: int) -> None:
    for drop in drops:
        before = await read_mark(store, drop.row)
        for name in drop.arrays:
            await store.delete_dir(f"{drop.row.path}/{name}")
        earlier = () if before is None else before.arrays
        mark = Dropped((*earlier, *drop.arrays), now, drop.tier, drop.n_bytes)
        await write_group(store, mark_path(drop.row), mark.to_attributes(), {})


def drop_groups(store: BehaviorStore, paths: Sequence[str], message: str) -> None:
    """Delete groups that can be made again or are kept coarser: summaries.

    Raises
    ------
    Locked, Conflict
    """

    async def work(session: IcechunkStore) -> None:
        for path in paths:
            await session.delete_dir(path)

    if paths:
        store.commit(lambda session: run(work(session)), message)


def drop_results(
    store: BehaviorStore, groups: Sequence[str], said: Mapping[str, Any]
) -> None:
    """Delete the arrays of groups of results; the groups stay and say so.

    Raises
    ------
    NotFound, Corrupt, Locked, Conflict
    """

    async def work(session: IcechunkStore) -> None:
        for path in groups:
            found = await group_attributes(session, path)
            names = found.pop(KEPT_BY_STORE[0], [])
            for name in KEPT_BY_STORE[1:]:
                found.pop(name, None)
            await session.delete_dir(path)
            fields = {
                **found,
                KEPT_BY_STORE[0]: [],
                "dropped": {**said, "arrays": names},
            }
            await write_group(session, path, fields, {})

    if groups:
        message = f"retention: {len(groups)} groups of results"
        store.commit(lambda session: run(work(session)), message)
