"""What a shard may hold: behaviour, evidence or a statement, stored in one way."""

from __future__ import annotations

from typing import Any

from zarr.abc.store import Store

from storage.arrays import group_attributes, run
from storage.errors import Corrupt
from storage.evidence_arrays import evidence_arrays, read_table_chunks
from storage.evidence_records import EvidenceData
from storage.layout import shard_arrays
from storage.named import NamedArray
from storage.reading import read_shard
from storage.records import ShardData, ShardRow
from storage.schema import Schema
from storage.statements import STATEMENTS, Statement

__all__ = ["Content", "arrays_of", "check_statement", "check_stored", "size_of"]

Content = ShardData | EvidenceData | Statement
"""Arrays of a shard."""


def arrays_of(data: Content, rows_per_chunk: int) -> dict[str, NamedArray]:
    """Arrays as they are stored; `rows_per_chunk` is that of behaviour."""
    if isinstance(data, EvidenceData):
        return evidence_arrays(data)
    if isinstance(data, Statement):
        return {}
    return shard_arrays(data, rows_per_chunk)


def size_of(data: Content) -> int:
    """Bytes that a shard holds in memory, without names."""
    if isinstance(data, Statement):
        return len(data.said)
    return data.nbytes if isinstance(data, EvidenceData) else data.values.nbytes


def check_statement(store: Store, row: ShardRow) -> None:
    """Compare a stored manifest or retraction with its row, hash included.

    Raises
    ------
    NotFound
        When it is not there.
    Corrupt
        When its place holds another row, or its content has another hash.
    """
    found = ShardRow.from_attributes(run(group_attributes(store, row.path)), row.path)
    kind: Any = row.kind
    if found != row or Statement(kind, row.said).sha256 != row.sha256:
        raise Corrupt(
            f"{row.path}: the {row.kind} is not what {row.sha256[:12]} is the hash of. "
            "Have it sent again."
        )


def check_stored(store: Store, schema: Schema, row: ShardRow) -> None:
    """Read a shard and compare it with its row, hash included.

    Raises
    ------
    NotFound
        When the shard is not there.
    Corrupt
        When anything is incomplete, does not decode, or disagrees with the row.
    """
    if row.kind in STATEMENTS:
        check_statement(store, row)
        return
    if row.kind != "table":
        read_shard(store, schema, row, verify=True)
        return
    for _ in read_table_chunks(store, row, verify=True):
        pass
