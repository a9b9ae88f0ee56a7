"""Each row of evidence counts once, also when several shards of a source hold it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storage.errors import StorageError
from storage.evidence_arrays import CHUNK_ROWS, Table, join_blocks, open_table
from storage.evidence_overlaps import (
    Settled,
    overlapping,
    settle_rows,
    shared_numbers,
)
from storage.evidence_records import EvidenceData
from storage.layout import cut
from storage.records import ShardRow
from storage.store import BehaviorStore

__all__ = ["Contradiction", "CountedRows", "count_once"]

_SHOWN = 1_000


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A source that gave a number to two different rows.

    Attributes
    ----------
    source : str
    epoch : int
    n : int
        Numbers that stand for different rows.
    seq : tuple of int
        The first thousand of them.
    shards : tuple of str
        Keys of the shards that hold them.
    """

    source: str
    epoch: int
    n: int
    seq: tuple[int, ...]
    shards: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CountedRows:
    """Which rows of a set of shards count.

    Attributes
    ----------
    masks : mapping of path to bool array
        Rows that count, of the shards of which not every row does, by the path of
        their ledger row; every row of the other shards counts.
    repeated : int
        Rows that say what an earlier one says, and do not count again.
    contradictions : tuple of Contradiction
        Sorted by source and epoch; no row of these numbers counts.
    compared : int
        Rows whose columns were read to decide that.
    """

    masks: Mapping[str, NDArray[np.bool_]]
    repeated: int
    contradictions: tuple[Contradiction, ...]
    compared: int

    def mask(self, row: ShardRow) -> NDArray[np.bool_] | None:
        """Rows of a shard that count; None when all do."""
        return self.masks.get(row.path)

    def take(
        self, row: ShardRow, blocks: Iterator[EvidenceData]
    ) -> Iterator[EvidenceData]:
        """Leave out of consecutive blocks of a shard the rows that do not count."""
        mask, at = self.mask(row), 0
        for block in blocks:
            if mask is None:
                yield block
            else:
                yield block.take(np.flatnonzero(mask[at : at + block.n]))
            at += block.n


def count_once(store: BehaviorStore, rows: Sequence[ShardRow]) -> CountedRows:
    """Find rows that several shards hold, and decide which of them count.

    Parameters
    ----------
    store : BehaviorStore
    rows : sequence of ShardRow
        Winning shards of evidence, each key once.  Of equal rows, the one in the first
        night and part counts, whatever the order given here.

    Returns
    -------
    CountedRows

    Raises
    ------
    StorageError
        When a key comes twice, or a row is no evidence.
    NotFound, Corrupt
        When a shard cannot be read.

    Notes
    -----
    Only shards whose ranges of numbers overlap are touched: of those the numbers are
    read, 8 bytes a row, and the other columns only of the chunks with numbers that
    come twice.
    """
    rows = sorted(rows, key=lambda row: (row.key, row.version, row.sha256))
    spans = [row.numbers for row in rows if row.numbers]
    if len(spans) != len(rows) or len({row.key for row in rows}) != len(rows):
        raise StorageError(
            f"count_once: {len(rows)} shards with {len({r.key for r in rows})} keys, "
            "expected evidence, each key once. Give the winning shards."
        )
    names = [(row.key.site, span.epoch) for row, span in zip(rows, spans, strict=True)]
    group = np.unique(np.array([f"{e} {s}" for s, e in names]), return_inverse=True)[1]
    first = np.array([span.first for span in spans], dtype=np.int64)
    last = np.array([span.last for span in spans], dtype=np.int64)
    cluster = overlapping(group.astype(np.int64), first, last)
    masks: dict[str, NDArray[np.bool_]] = {}
    clashes: list[_Clash] = []
    repeated, compared = 0, 0
    for k in range(int(cluster.max(initial=-1)) + 1):
        members = [rows[i] for i in np.flatnonzero(cluster == k)]
        places, parts = _shared_rows(store, members)
        settled = settle_rows(parts)
        repeated += settled.repeated
        compared += sum(part.n for part in parts)
        masks |= _masks(members, places, settled)
        if len(settled.contradicted):
            name = names[int(np.flatnonzero(cluster == k)[0])]
            clashes.append(
                (name, settled.contradicted, _holders(members, parts, settled))
            )
    return CountedRows(masks, repeated, _contradictions(clashes), compared)


_Clash = tuple[tuple[str, int], NDArray[np.int64], list[str]]


def _shared_rows(
    store: BehaviorStore, members: Sequence[ShardRow]
) -> tuple[list[NDArray[np.int64]], list[EvidenceData]]:
    """Places of the numbers that come more than once, and the rows there."""
    tables = [open_table(store.reader, row) for row in members]
    places = shared_numbers([t.column("seq", slice(0, t.row.n)) for t in tables])
    return places, [_rows_at(*pair) for pair in zip(tables, places, strict=True)]


def _rows_at(table: Table, at: NDArray[np.int64]) -> EvidenceData:
    """Read some rows of a shard; chunks without any are not touched."""
    found = [table.block(slice(0, 0))]
    for part in cut(table.row.n, CHUNK_ROWS):
        inside = slice(*np.searchsorted(at, [part.start, part.stop]))
        if len(at[inside]):
            found.append(table.block(part).take(at[inside] - part.start))
    return join_blocks(found)


def _masks(
    members: Sequence[ShardRow], places: Sequence[NDArray[np.int64]], settled: Settled
) -> dict[str, NDArray[np.bool_]]:
    out = {}
    for row, at, counts in zip(members, places, settled.counts, strict=True):
        if not counts.all():
            out[row.path] = np.ones(row.n, dtype=bool)
            out[row.path][at] = counts
    return out


def _holders(
    members: Sequence[ShardRow], parts: Sequence[EvidenceData], settled: Settled
) -> list[str]:
    """Keys of the shards that hold a number with two meanings."""
    return [
        str(row.key)
        for row, part in zip(members, parts, strict=True)
        if np.isin(part.seq, settled.contradicted, assume_unique=True).any()
    ]


def _contradictions(clashes: Sequence[_Clash]) -> tuple[Contradiction, ...]:
    """One report per source and epoch."""
    out = []
    for name in sorted({name for name, _, _ in clashes}):
        mine = [(numbers, keys) for whose, numbers, keys in clashes if whose == name]
        numbers = np.sort(np.concatenate([found for found, _ in mine]))
        shards = tuple(sorted(key for _, keys in mine for key in keys))
        shown = tuple(numbers[:_SHOWN].tolist())
        out.append(Contradiction(*name, len(numbers), shown, shards))
    return tuple(out)
