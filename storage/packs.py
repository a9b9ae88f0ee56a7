"""A shard version as one stream of bytes: its stored arrays, in a fixed order."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from icechunk import IcechunkError
from zarr.abc.store import Store
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import MemoryStore

from storage.arrays import open_arrays, run
from storage.contents import Content
from storage.errors import Corrupt, NotFound, Rejected
from storage.evidence import make_evidence_shard
from storage.evidence_arrays import ARRAYS as TABLE_ARRAYS
from storage.evidence_arrays import read_table
from storage.evidence_records import EvidenceData
from storage.layout import ARRAYS
from storage.reading import read_shard
from storage.records import ShardRow
from storage.schema import Schema
from storage.shards import Shard, make_shard
from storage.statement_staging import make_statement_shard
from storage.statements import STATEMENTS, Statement, restored

__all__ = ["Pack", "open_pack", "unpack_shard"]

_MAGIC = b"CSHARD1\n"
_LENGTH = 8
_PLACE = "pack"
_PROTOTYPE = default_buffer_prototype()


@dataclass(frozen=True, slots=True)
class Pack:
    """A stored shard version, ready to be sent from any place on.

    Attributes
    ----------
    store : zarr store
    head : bytes
        Names and sizes of what follows.
    objects : tuple of (key, size)
    size : int
        Bytes in all.
    """

    store: Store
    head: bytes
    objects: tuple[tuple[str, int], ...]

    @property
    def size(self) -> int:
        """Bytes of the whole stream."""
        return len(self.head) + sum(size for _, size in self.objects)

    def read(self, start: int = 0) -> Iterator[bytes]:
        """Yield the bytes from `start` on, one stored object at a time.

        Raises
        ------
        Corrupt
            When an object is gone or not as long as it was.
        """
        if start < len(self.head):
            yield self.head[start:]
        done = len(self.head)
        for key, size in self.objects:
            skip = max(0, start - done)
            done += size
            if skip < size:
                yield _object(self.store, key, size)[skip:]


def _object(store: Store, key: str, size: int) -> bytes:
    try:
        found = run(store.get(key, _PROTOTYPE))
    except IcechunkError as error:
        raise _damaged(key, str(error).strip()[:200]) from error
    data = b"" if found is None else found.to_bytes()
    if len(data) != size:
        raise _damaged(key, f"{len(data)} bytes, expected {size}")
    return data


def _damaged(key: str, what: str) -> Corrupt:
    return Corrupt(
        f"{key}: cannot be sent: {what}. Run `consilience verify` and have the shard "
        "sent again."
    )


def open_pack(store: Store, row: ShardRow) -> Pack:
    """Find what is stored of a shard version, without reading the chunks.

    Raises
    ------
    NotFound
        When an array is not there.
    Corrupt
        When a chunk is missing or the metadata are damaged.
    """
    return run(_open(store, row))


def _names(row: ShardRow) -> tuple[str, ...]:
    """Arrays that a shard of this kind has."""
    if row.kind in STATEMENTS:
        return ()
    return TABLE_ARRAYS if row.kind == "table" else ARRAYS


async def _open(store: Store, row: ShardRow) -> Pack:
    opened = await open_arrays(store, row.path, _names(row))
    keys: list[str] = []
    for name, item in opened.items():
        keys.append(f"{row.path}/{name}/zarr.json")
        counts = [-(-a // b) for a, b in zip(item.shape, item.chunks, strict=True)]
        encode = item.array.metadata.encode_chunk_key
        keys += [
            f"{row.path}/{name}/{encode(place)}"
            for place in itertools.product(*map(range, counts))
        ]
    try:
        sizes = await asyncio.gather(*(store.getsize(key) for key in keys))
    except (IcechunkError, FileNotFoundError, KeyError) as error:
        raise _damaged(row.path, str(error).strip()[:200]) from error
    index = [
        [key.removeprefix(f"{row.path}/"), size]
        for key, size in zip(keys, sizes, strict=True)
    ]
    text = json.dumps(index, separators=(",", ":")).encode()
    head = _MAGIC + len(text).to_bytes(_LENGTH, "little") + text
    return Pack(store, head, tuple(zip(keys, sizes, strict=True)))


def unpack_shard(data: bytes, row: ShardRow, schema: Schema) -> Shard:
    """Restore a shard from its bytes, and hold all of it against its row.

    Parameters
    ----------
    data : bytes
        Stream of `Pack.read`.
    row : ShardRow
        As announced; signature and key are kept and not verified here.
    schema : Schema
        Of the store it is for.

    Returns
    -------
    Shard
        Not placed yet.

    Raises
    ------
    Corrupt
        When the bytes are not those of a shard, the hash of its content is another one,
        or content and row disagree.
    """
    content = _content(_objects(data, row), row, schema)
    found = _made_again(content, row, schema)
    said = replace(row, path="", chunk_count=0, signature="", signer="")
    if found.row != replace(said, deps=()):
        raise Corrupt(
            f"shard {row.key} version {row.version}: received with the row {said}, its "
            f"content gives {found.row}. Nothing was applied; verify the other store."
        )
    kept = replace(said, signature=row.signature, signer=row.signer)
    return Shard(kept, found.data)


def _content(objects: Mapping[str, bytes], row: ShardRow, schema: Schema) -> Content:
    """Arrays or statement, with the hash that the row states."""
    store, placed = _memory(objects), replace(row, path=_PLACE)
    try:
        if row.kind in STATEMENTS:
            return restored(row.kind, row.said, str(row.key))
        if row.kind == "table":
            return read_table(store, placed, verify=True)
        return read_shard(store, schema, placed, verify=True)
    except (NotFound, Rejected) as error:
        raise _no_shard(row, str(error)) from error


def _made_again(content: Content, row: ShardRow, schema: Schema) -> Shard:
    """Shard that taking this content in gives."""
    key, version, issuer = row.key, row.version, row.issuer
    end, taken_in = row.event_end, row.ingested_at
    if isinstance(content, Statement):
        return make_statement_shard(
            key, version, content,
            event_end=end, ingested_at=taken_in, issuer=issuer,
        )  # fmt: skip
    if isinstance(content, EvidenceData):
        return make_evidence_shard(
            key.night, version, content, part=key.part, where=str(key),
            event_end=end, ingested_at=taken_in, issuer=issuer,
        )  # fmt: skip
    return make_shard(
        schema, key, version, content,
        event_end=end, ingested_at=taken_in, issuer=issuer,
    )  # fmt: skip


def _objects(data: bytes, row: ShardRow) -> dict[str, bytes]:
    start = len(_MAGIC) + _LENGTH
    if not data.startswith(_MAGIC):
        raise _no_shard(row, "they begin otherwise")
    at = start + int.from_bytes(data[len(_MAGIC) : start], "little")
    found = {}
    try:
        for name, size in json.loads(data[start:at]):
            found[str(name)] = data[at : at + int(size)]
            at += int(size)
    except (ValueError, TypeError) as error:
        raise _no_shard(row, repr(error)) from error
    if at != len(data):
        raise _no_shard(row, f"{len(data)} bytes, announced {at}")
    return found


def _no_shard(row: ShardRow, what: str) -> Corrupt:
    return Corrupt(
        f"shard {row.key} version {row.version}: received bytes are no shard ({what}). "
        "Nothing was applied; run the same command again."
    )


def _memory(objects: Mapping[str, bytes]) -> MemoryStore:
    make = _PROTOTYPE.buffer.from_bytes
    found = {f"{_PLACE}/{name}": make(data) for name, data in objects.items()}
    return MemoryStore(store_dict=found, read_only=True)
