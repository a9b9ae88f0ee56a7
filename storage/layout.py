"""Where things lie in a store, and how a shard becomes arrays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from zarr.abc.store import Store

from storage.arrays import group_attributes, write_group
from storage.errors import NotFound, StorageError, StoreFormat
from storage.named import NamedArray
from storage.records import ShardData, ShardKey, Version
from storage.schema import Schema

__all__ = [
    "ARRAYS",
    "LAYOUT",
    "chunk_rows",
    "cut",
    "parents",
    "read_preamble",
    "shard_arrays",
    "shard_path",
    "write_preamble",
]

LAYOUT = 1
"""Version of the layout on disk; a newer one than this is refused."""
ARRAYS = ("values", "count", "agent_id", "entity", "team", "team_name")
"""Arrays of a shard."""
CHUNK_N = "chunk_n"
"""Attribute of ``count``: rows present in each chunk, so that a part can be checked."""
_CHUNK_BYTES = 16 * 2**20
_ROOTS = ("schema", "shards", "summaries", "runs")


def shard_path(key: ShardKey, version: Version, sha256: str = "") -> str:
    """Path of a shard version; with a hash, of a sibling that holds other content."""
    tail = f"-{sha256[:12]}" if sha256 else ""
    return f"shards/{key}/{version}{tail}"


def parents(paths: Iterable[str]) -> list[str]:
    """Return the groups above `paths`, each once, parents before children."""
    found: set[str] = set()
    for path in paths:
        parts = path.split("/")
        found.update("/".join(parts[:depth]) for depth in range(1, len(parts)))
    return sorted(found)


def chunk_rows(schema: Schema) -> int:
    """Agents whose raw values fill about 16 MiB."""
    row = len(schema.times) * len(schema.features) * np.dtype(schema.dtype).itemsize
    return max(1, _CHUNK_BYTES // row)


def cut(length: int, step: int) -> tuple[slice, ...]:
    """Cut an axis into slices of `step`, the last one shorter.

    Raises
    ------
    StorageError
        When `step` is below 1.
    """
    if step < 1:
        raise StorageError(f"blocks of {step} rows. Give 1 or more.")
    return tuple(
        slice(start, min(start + step, length)) for start in range(0, length, step)
    )


async def write_preamble(store: Store, schema: Schema, rows_per_chunk: int) -> None:
    """Write the root group, the schema and the empty top groups."""
    attributes = {
        "layout": LAYOUT,
        "created_by": "consilience",
        "rows_per_chunk": rows_per_chunk,
    }
    await write_group(store, "", attributes, {})
    for path in _ROOTS:
        await write_group(store, path, {}, {})
    await write_group(store, "schema/1", {"schema": schema.to_json()}, {})


async def read_preamble(store: Store, url: str) -> tuple[Schema, int]:
    """Read schema and rows per chunk.

    Raises
    ------
    StoreFormat
        When the layout is newer than this code, or the repository is not ours.
    """
    try:
        root = await group_attributes(store, "")
        schema = await group_attributes(store, "schema/1")
        layout, rows = int(root["layout"]), int(root["rows_per_chunk"])
    except (NotFound, KeyError) as error:
        raise StoreFormat(
            f"store {url}: an Icechunk repository, but not one of consilience "
            f"({error}). Choose another path."
        ) from error
    if layout > LAYOUT:
        raise StoreFormat(
            f"store {url}: layout {layout}, this code reads up to {LAYOUT}. "
            "Install a newer consilience."
        )
    return Schema.from_json(schema["schema"]), rows


def shard_arrays(data: ShardData, rows_per_chunk: int) -> dict[str, NamedArray]:
    """Arrays of a shard as they are stored; agents lie in canonical order already."""
    agents = len(data.agents)
    rows = max(1, min(rows_per_chunk, agents))
    times, features = data.values.shape[1:]
    per_chunk: list[int] = [
        int(data.count[start : start + rows].sum(dtype=np.int64))
        for start in range(0, agents, rows)
    ]

    def along(
        values: NDArray[Any], dims: tuple[str, ...], *rest: int, **attributes: Any
    ) -> NamedArray:
        return NamedArray(values, dims, attributes, (rows, *rest))

    values = ("agent", "time", "feature")
    return {
        "values": along(data.values, values, times, features),
        "count": along(data.count, values[:2], times, **{CHUNK_N: per_chunk}),
        "agent_id": along(data.agents, values[:1]),
        "entity": along(data.entities, values[:1]),
        "team": along(data.team, values[:1]),
        "team_name": NamedArray(data.team_names, ("team_name",)),
    }
