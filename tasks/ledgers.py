"""The ledger of a store: rows of its snapshot as a lattice of versions."""

from __future__ import annotations

import json
from collections.abc import Iterable

from stats.ledger import LedgerEntry, ShardLedger
from stats.manifest import Manifest, note_text
from storage.schema import ShardRow
from storage.store import BehaviorStore

__all__ = ["dataset_rows", "ledger_of"]


def ledger_of(rows: Iterable[ShardRow]) -> ShardLedger:
    """Build the ledger lattice of the given rows."""
    return ShardLedger.from_entries(_entry(row) for row in rows)


def dataset_rows(
    store: BehaviorStore, dataset: str | None = None, *, until: str | None = None
) -> tuple[ShardRow, ...]:
    """Ledger rows of one dataset, of every kind, at the store's snapshot.

    Parameters
    ----------
    store : BehaviorStore
    dataset : str, optional
        None takes the store's own.
    until : str, optional
        Last night, included.
    """
    name = store.schema.dataset if dataset is None else dataset
    return tuple(
        row
        for row in store.rows()
        if row.key.dataset == name and (until is None or row.key.night <= until)
    )


def _entry(row: ShardRow) -> LedgerEntry:
    manifest = _manifest(row) if row.kind == "manifest" else None
    return LedgerEntry(
        dataset=row.key.dataset,
        site=row.key.site,
        night=row.key.night,
        part=row.key.part,
        epoch=row.version.epoch,
        seq=row.version.seq,
        sha256=row.sha256,
        kind=row.kind,
        n=row.n,
        event_end=row.event_end,
        note=note_text(manifest, row.deps),
    )


def _manifest(row: ShardRow) -> Manifest:
    said = json.loads(row.said)
    return Manifest(
        parts=tuple(said["parts"]),
        agents=said["agents"],
        seq_high=said["seq_high"] or 0,
        void=tuple(said["void"]),
        closed=said["closed"],
        previous_end=said["previous_end"],
    )
