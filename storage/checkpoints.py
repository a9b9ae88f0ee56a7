"""Summaries of shards kept by content, so that nothing is reduced twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from icechunk import IcechunkStore
from zarr.abc.store import Store

from storage.arrays import (
    group_attributes,
    missing_groups,
    open_arrays,
    run,
    write_group,
    write_groups,
)
from storage.digests import CONTENT, bytes_digest
from storage.errors import Corrupt
from storage.layout import parents
from storage.named import NamedArray
from storage.records import check_name
from storage.store import BehaviorStore

__all__ = ["CheckpointKey", "Checkpoints"]


@dataclass(frozen=True, slots=True, order=True)
class CheckpointKey:
    """What a checkpoint summarises.

    Attributes
    ----------
    summary : str
        Name of the summary.
    site, night, part : str
        Of the shard.
    content_hash : str
        Hash of all that determines the bytes: the shard's SHA-256, the class, its
        parameters and its state version.

    Raises
    ------
    Rejected
        Reason ``unsafe-name``.
    """

    summary: str
    site: str
    night: str
    part: str
    content_hash: str

    def __post_init__(self) -> None:
        for column in ("summary", "site", "night", "part", "content_hash"):
            check_name(getattr(self, column), column=column, source="CheckpointKey")

    @property
    def path(self) -> str:
        """Group in the store."""
        place = (self.summary, self.site, self.night, self.part, self.content_hash)
        return "summaries/" + "/".join(place)


class Checkpoints:
    """Checkpoints of a store: one array of bytes each, written once, never changed.

    Parameters
    ----------
    store : BehaviorStore
    """

    def __init__(self, store: BehaviorStore) -> None:
        self._store = store

    def get(self, keys: Iterable[CheckpointKey]) -> dict[CheckpointKey, bytes]:
        """Read those of `keys` that exist at the store's snapshot.

        Raises
        ------
        Corrupt
            When a checkpoint is damaged.
        """
        return run(_get(self._store.reader, list(keys)))

    def put(self, checkpoints: Mapping[CheckpointKey, bytes]) -> None:
        """Store checkpoints in one commit; those that exist are left alone.

        Raises
        ------
        StorageError
            When the store is open for reading only.
        Locked, Conflict
            When the commit cannot be made; nothing is stored.
        """
        kept = dict(checkpoints)

        def write(session: IcechunkStore) -> None:
            run(_put(session, kept))

        self._store.commit(write, f"{len(kept)} checkpoints")


async def _get(store: Store, keys: list[CheckpointKey]) -> dict[CheckpointKey, bytes]:
    absent = set(await missing_groups(store, [key.path for key in keys]))
    present = [key for key in keys if key.path not in absent]
    found = await asyncio.gather(*(_read(store, key.path) for key in present))
    return dict(zip(present, found, strict=True))


async def _read(store: Store, path: str) -> bytes:
    attributes = await group_attributes(store, path)
    opened = await open_arrays(store, path, ["state"])
    data = bytes((await opened["state"].read()).tobytes())
    stated = attributes.get(CONTENT)
    if stated is not None and bytes_digest(data) != stated:
        raise Corrupt(
            f"{path}: the summary has the hash {bytes_digest(data)[:12]}, was kept "
            f"with {stated[:12]}. Run `consilience verify`; restore it from a copy."
        )
    return data


async def _put(store: Store, checkpoints: Mapping[CheckpointKey, bytes]) -> None:
    paths = {key.path: data for key, data in checkpoints.items()}
    absent = await missing_groups(store, list(paths))
    above = parents(absent)
    await write_groups(store, await missing_groups(store, above))
    await asyncio.gather(*(_write(store, path, paths[path]) for path in absent))


async def _write(store: Store, path: str, data: bytes) -> None:
    state = NamedArray(np.frombuffer(data, dtype=np.uint8), ("byte",))
    fields = {CONTENT: bytes_digest(data)}
    await write_group(store, path, fields, {"state": state})
