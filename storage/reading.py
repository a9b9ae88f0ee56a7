"""Read shards so that damage raises: a missing chunk is never a missing value."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from zarr.abc.store import Store

from storage.arrays import Stored, group_attributes, open_arrays, run
from storage.dropped import Dropped, read_mark
from storage.errors import Archived, Corrupt, NotFound, StoreFormat
from storage.layout import ARRAYS, CHUNK_N
from storage.records import ShardData, ShardRow
from storage.schema import Schema, content_hash

__all__ = ["chunk_count", "read_rows", "read_shard", "read_teams"]


def _damaged(row: ShardRow, what: str, found: object, expected: object) -> Corrupt:
    return Corrupt(
        f"shard {row.key} version {row.version}: {what} is {found}, "
        f"expected {expected}. Run `consilience verify` and have the shard sent again."
    )


def _archived(row: ShardRow, mark: Dropped) -> Archived:
    when = dt.datetime.fromtimestamp(mark.at / 1e9, dt.UTC).date()
    return Archived(
        f"shard {row.key} version {row.version}: {', '.join(mark.arrays)} were dropped "
        f"on {when}, as retention allows ({mark.tier}). Its ledger row and summary are "
        "kept, and so are published results; restore the store from a copy for more, "
        "or keep values for longer."
    )


async def _open(store: Store, row: ShardRow) -> dict[str, Stored]:
    if row.kind != "data":
        raise StoreFormat(
            f"shard {row.key}: holds a {row.kind}, expected data. "
            "Read evidence with `storage.evidence.read_evidence`."
        )
    if row.schema != 1:
        raise StoreFormat(
            f"shard {row.key}: follows schema {row.schema}, this code reads schema 1. "
            "Install a newer consilience."
        )
    try:
        opened = await open_arrays(store, row.path, ARRAYS)
    except NotFound:
        await group_attributes(store, row.path)
        mark = await read_mark(store, row)
        if mark is not None:
            raise _archived(row, mark) from None
        raise _damaged(row, "an array", "missing", "six arrays") from None
    found = chunk_count(opened)
    if found != row.chunk_count:
        raise _damaged(row, "number of chunks", found, row.chunk_count)
    return opened


def chunk_count(opened: dict[str, Stored]) -> int:
    """Chunks that the grids of the arrays have."""
    total = 0
    for item in opened.values():
        pairs = zip(item.shape, item.chunks, strict=True)
        total += int(np.prod([-(-size // chunk) for size, chunk in pairs]))
    return total


async def _read_count(
    row: ShardRow, item: Stored, start: int, stop: int
) -> NDArray[np.uint32]:
    """Read whole chunks of the counts, compare them with their sums, and cut."""
    rows = item.chunks[0]
    first, last = start // rows, -(-stop // rows)
    below = first * rows
    counts = await item.read(slice(below, min(last * rows, item.shape[0])))
    stated = item.attributes.get(CHUNK_N, [])[first:last]
    edges = np.arange(0, len(counts), rows)
    found = np.add.reduceat(counts.sum(axis=1, dtype=np.int64), edges).tolist()
    if found != stated:
        raise _damaged(row, "rows present per chunk", found, stated)
    return counts[start - below : stop - below]


async def read_rows(
    store: Store,
    schema: Schema,
    row: ShardRow,
    start: int,
    stop: int,
    *,
    ids: bool = True,
) -> ShardData:
    """Read agents `start` to `stop` of a shard.

    Parameters
    ----------
    store : zarr store
    schema : Schema
    row : ShardRow
    start, stop : int
    ids : bool
        Also read who the agents are; without, agents and entities are empty.

    Raises
    ------
    NotFound
        When the shard is not there.
    Corrupt
        When what was touched is incomplete, does not decode, or disagrees.
    """
    opened = await _open(store, row)
    if opened["values"].shape[0] != row.agents:
        raise _damaged(row, "agents", opened["values"].shape[0], row.agents)
    part = slice(start, stop)
    values, counts, agents, entities, team, names = await asyncio.gather(
        opened["values"].read(part),
        _read_count(row, opened["count"], start, stop),
        opened["agent_id"].read(part) if ids else _no_ids(),
        opened["entity"].read(part) if ids else _no_ids(),
        opened["team"].read(part),
        opened["team_name"].read(),
    )
    times = np.asarray(schema.times, dtype=np.int64)
    data = ShardData(values, counts, agents, entities, team, names, times)
    _check_shapes(row, schema, data, stop - start, named=stop - start if ids else 0)
    return data


async def _no_ids() -> NDArray[Any]:
    return np.zeros(0, dtype=np.str_)


def read_teams(
    store: Store, row: ShardRow
) -> tuple[NDArray[np.int32], NDArray[np.str_]]:
    """Read which team each agent of a shard belongs to, and nothing else of it.

    Returns
    -------
    codes : int32 array, shape (agents,)
        Agents lie sorted by the name of their team.
    names : str array
        Names of the teams, in the order of the codes.

    Raises
    ------
    NotFound, Corrupt
        As `read_rows`.
    """

    async def work() -> tuple[NDArray[Any], NDArray[Any]]:
        opened = await _open(store, row)
        codes, names = await asyncio.gather(
            opened["team"].read(), opened["team_name"].read()
        )
        return codes, names

    codes, names = run(work())
    if len(codes) != row.agents:
        raise _damaged(row, "number of team codes", len(codes), row.agents)
    return codes, names


def _check_shapes(
    row: ShardRow, schema: Schema, data: ShardData, agents: int, *, named: int
) -> None:
    shape: tuple[Any, ...] = (agents, len(schema.times), len(schema.features))
    checks = (
        ("shape of values", data.values.shape, shape),
        ("shape of counts", data.count.shape, shape[:2]),
        ("number of ids", len(data.agents), named),
        ("number of entities", len(data.entities), named),
        ("number of team codes", len(data.team), agents),
    )
    for what, found, expected in checks:
        if found != expected:
            raise _damaged(row, what, found, expected)
    if agents and not 0 <= data.team.min() <= data.team.max() < len(data.team_names):
        raise _damaged(
            row, "highest team code", data.team.max(), len(data.team_names) - 1
        )


def read_shard(
    store: Store, schema: Schema, row: ShardRow, *, verify: bool = False
) -> ShardData:
    """Read a whole shard and compare it with its ledger row.

    Parameters
    ----------
    store : zarr store
    schema : Schema
    row : ShardRow
    verify : bool
        Also hash the canonical bytes.

    Raises
    ------
    NotFound
        When the shard is not there.
    Corrupt
        When anything is incomplete, does not decode, or disagrees with the row.
    """
    data = run(read_rows(store, schema, row, 0, row.agents))
    if data.n != row.n:
        raise _damaged(row, "rows present", data.n, row.n)
    if data.observed() != row.observed:
        raise _damaged(row, "observations per feature", data.observed(), row.observed)
    if verify:
        found = content_hash(schema, data)
        if found != row.sha256:
            raise _damaged(row, "SHA-256", found, row.sha256)
    return data
