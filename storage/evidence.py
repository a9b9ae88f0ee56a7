"""Evidence in the store: write shards of it, find them in the ledger, read them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from storage.evidence_arrays import CHUNK_ROWS, LAYOUT, read_table, read_table_chunks
from storage.evidence_content import canonical_evidence, evidence_hash
from storage.evidence_records import EVIDENCE, EvidenceData
from storage.ledger import select
from storage.records import SeqSpan, ShardKey, ShardRow, Version
from storage.shards import Receipt, Shard, write_shards
from storage.store import BehaviorStore

__all__ = [
    "evidence_rows",
    "evidence_statements",
    "make_evidence_shard",
    "read_evidence",
    "read_evidence_chunks",
    "write_evidence",
]


def make_evidence_shard(
    night: str,
    version: Version,
    data: EvidenceData,
    *,
    part: str = "0",
    event_end: int,
    ingested_at: int,
    issuer: str = "site",
    signature: str = "",
    signer: str = "",
    where: str = "make_evidence_shard",
) -> Shard:
    """Check evidence, put it into canonical order, hash it and make its ledger row.

    Parameters
    ----------
    night : str
        Date of what was seen, ``YYYY-MM-DD``.
    version : Version
        Of the shard, not of its rows: a higher one corrects the shard as a whole.
    data : EvidenceData
        Rows and names in any order.
    part : str
    event_end, ingested_at : int
        Nanoseconds UTC.
    issuer : str
        Who gave the version.
    signature, signer : str
        Verified by the caller.
    where : str
        File, or what the caller calls the data; for errors.

    Raises
    ------
    Rejected
        As `storage.evidence_content.canonical_evidence`; ``unsafe-name`` for a source,
        night or part that cannot be part of a path.
    """
    data = canonical_evidence(data, where)
    row = ShardRow(
        key=ShardKey(EVIDENCE, data.source, night, part),
        version=version,
        sha256=evidence_hash(data),
        kind="table",
        n=data.n,
        observed=(),
        agents=len(data.agent_names),
        event_end=event_end,
        ingested_at=ingested_at,
        issuer=issuer,
        schema=LAYOUT,
        chunk_count=0,
        path="",
        signature=signature,
        signer=signer,
        numbers=SeqSpan(data.epoch, int(data.seq[0]), int(data.seq[-1])),
    )
    return Shard(row, data)


def write_evidence(
    store: BehaviorStore,
    shards: Sequence[Shard],
    *,
    message: str = "ingest evidence",
    metadata: Mapping[str, Any] | None = None,
) -> tuple[Receipt, ...]:
    """Store shards of evidence, all in one commit or none of them.

    Evidence and behaviour share ledger, lock and transaction: this is
    `storage.shards.write_shards`, which takes both in one commit.

    Raises
    ------
    Corrupt, Locked, Conflict
        As `write_shards`; nothing is committed.
    """
    return write_shards(store, shards, message=message, metadata=metadata)


def evidence_rows(
    store: BehaviorStore,
    *,
    night: str | None = None,
    nights: Collection[str] | None = None,
    source: str | None = None,
) -> tuple[ShardRow, ...]:
    """Ledger rows of evidence at the snapshot, also of versions that do not count.

    Parameters
    ----------
    store : BehaviorStore
    night : str, optional
        Only this night.
    nights : collection of str, optional
        Only these nights.
    source : str, optional
        Only this source.
    """
    found = select(store.rows(), "table", source, night)
    return tuple(row for row in found if nights is None or row.key.night in nights)


def evidence_statements(store: BehaviorStore) -> tuple[ShardRow, ...]:
    """Ledger rows of retractions of evidence at the snapshot, of any version."""
    found = select(store.rows(), "retraction")
    return tuple(row for row in found if row.key.dataset == EVIDENCE)


def read_evidence(
    store: BehaviorStore, row: ShardRow, *, verify: bool = False
) -> EvidenceData:
    """Read a whole shard of evidence.

    Parameters
    ----------
    store : BehaviorStore
    row : ShardRow
    verify : bool
        Also compare the SHA-256 of its content.

    Raises
    ------
    NotFound
        When the shard is not in this snapshot.
    Corrupt
        When anything is incomplete, does not decode, or disagrees with the row.
    StoreFormat
        When it is no evidence, or of a newer layout.
    """
    return read_table(store.reader, row, verify=verify)


def read_evidence_chunks(
    store: BehaviorStore,
    row: ShardRow,
    *,
    rows: int = CHUNK_ROWS,
    verify: bool = False,
) -> Iterator[EvidenceData]:
    """Yield a shard as blocks of consecutive rows, one of them in memory at a time.

    Parameters
    ----------
    store : BehaviorStore
    row : ShardRow
    rows : int
        Of a block; multiples of 2^20 decode every chunk once.
    verify : bool
        Compare the SHA-256 when the last block was taken.

    Raises
    ------
    NotFound, Corrupt, StoreFormat
        As `read_evidence`, when the block concerned is taken.
    """
    return read_table_chunks(store.reader, row, rows=rows, verify=verify)
