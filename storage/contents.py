"""What a shard may hold, behaviour or evidence, behind one way of storing it."""

from __future__ import annotations

from zarr.abc.store import Store

from storage.evidence_arrays import evidence_arrays, read_table_chunks
from storage.evidence_records import EvidenceData
from storage.layout import shard_arrays
from storage.named import NamedArray
from storage.reading import read_shard
from storage.records import ShardData, ShardRow
from storage.schema import Schema

__all__ = ["Content", "arrays_of", "check_stored", "size_of"]

Content = ShardData | EvidenceData
"""Arrays of a shard."""


def arrays_of(data: Content, rows_per_chunk: int) -> dict[str, NamedArray]:
    """Arrays as they are stored; `rows_per_chunk` is that of behaviour."""
    if isinstance(data, EvidenceData):
        return evidence_arrays(data)
    return shard_arrays(data, rows_per_chunk)


def size_of(data: Content) -> int:
    """Bytes that a shard holds in memory, without names."""
    return data.nbytes if isinstance(data, EvidenceData) else data.values.nbytes


def check_stored(store: Store, schema: Schema, row: ShardRow) -> None:
    """Read a shard and compare it with its row, hash included.

    Raises
    ------
    NotFound
        When the shard is not there.
    Corrupt
        When anything is incomplete, does not decode, or disagrees with the row.
    """
    if row.kind != "table":
        read_shard(store, schema, row, verify=True)
        return
    for _ in read_table_chunks(store, row, verify=True):
        pass
