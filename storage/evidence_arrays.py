"""Evidence as arrays in a store: one per column, read back so that damage raises."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from zarr.abc.store import Store

from storage.arrays import Stored, group_attributes, open_arrays, run
from storage.errors import Corrupt, NotFound, StoreFormat
from storage.evidence_content import EvidenceDigest
from storage.evidence_records import COLUMNS, EvidenceData
from storage.layout import cut
from storage.named import NamedArray
from storage.reading import chunk_count
from storage.records import SeqSpan, ShardRow

__all__ = [
    "ARRAYS",
    "CHUNK_ROWS",
    "LAYOUT",
    "Table",
    "evidence_arrays",
    "join_blocks",
    "open_table",
    "read_table",
    "read_table_chunks",
]

LAYOUT = 1
"""Version of the columns; a row of the ledger keeps it as its schema."""
CHUNK_ROWS = 2**20
"""Rows of a stored chunk, and of a block that is read."""
_CODES = ("agent", "kind", "hypothesis")
_NAMES = ("agent_name", "kind_name", "hypothesis_name")
ARRAYS = (*COLUMNS, *_NAMES)
"""Arrays of a shard of evidence."""


def evidence_arrays(data: EvidenceData) -> dict[str, NamedArray]:
    """Arrays of a shard as they are stored; rows lie in canonical order already."""
    rows = max(1, min(CHUNK_ROWS, data.n))
    items = {
        name: NamedArray(getattr(data, name), ("row",), {}, (rows,)) for name in COLUMNS
    }
    names = (data.agent_names, np.array(data.kind_names), np.array(data.hypotheses))
    for name, values in zip(_NAMES, names, strict=True):
        items[name] = NamedArray(values.astype(np.str_), (name,))
    return items


def _damaged(row: ShardRow, what: str, found: object, expected: object) -> Corrupt:
    return Corrupt(
        f"evidence {row.key} version {row.version}: {what} is {found}, "
        f"expected {expected}. Run `consilience verify` and have the shard sent again."
    )


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A shard of evidence, opened: its names are read, its rows are not.

    Attributes
    ----------
    row : ShardRow
    names : mapping of str to str array
        Of agents, types and hypotheses.
    opened : mapping of str to Stored
        Columns.
    """

    row: ShardRow
    names: Mapping[str, NDArray[np.str_]]
    opened: Mapping[str, Stored]

    def column(self, name: str, part: slice) -> NDArray[Any]:
        """Read some rows of a column.

        Raises
        ------
        Corrupt
            When a chunk is missing or does not decode.
        """
        return run(self.opened[name].read(part))

    def block(self, part: slice) -> EvidenceData:
        """Read some consecutive rows; names stay those of the whole shard.

        Raises
        ------
        Corrupt
            When a chunk is missing or does not decode, or the rows disagree with the
            ledger row or have codes without a name.
        """
        columns = run(self._columns(part))
        epoch = self._check(columns)
        return EvidenceData(
            source=self.row.key.site,
            epoch=epoch,
            agent_names=self.names["agent_name"],
            kind_names=tuple(self.names["kind_name"].tolist()),
            hypotheses=tuple(self.names["hypothesis_name"].tolist()),
            **columns,
        )

    async def _columns(self, part: slice) -> dict[str, NDArray[Any]]:
        found = await asyncio.gather(
            *(self.opened[name].read(part) for name in COLUMNS)
        )
        return dict(zip(COLUMNS, found, strict=True))

    def _check(self, columns: Mapping[str, NDArray[Any]]) -> int:
        """Refuse numbers outside the range of the row, and codes without a name."""
        limits = {
            column: (0, len(self.names[name]) - 1)
            for column, name in zip(_CODES, _NAMES, strict=True)
        }
        span = self.row.numbers or SeqSpan(0, 0, -1)
        limits["seq"] = (span.first, span.last)
        for name, (low, high) in limits.items():
            found = columns[name]
            if len(found) and not low <= found.min() <= found.max() <= high:
                seen = f"{found.min()} to {found.max()}"
                raise _damaged(self.row, name, seen, f"{low} to {high}")
        return span.epoch


def open_table(store: Store, row: ShardRow) -> Table:
    """Open a shard of evidence and compare its shape with its ledger row.

    Raises
    ------
    NotFound
        When the shard is not there.
    Corrupt
        When arrays are incomplete or disagree with the row.
    StoreFormat
        When it is no evidence, or of a newer layout.
    """
    if row.kind != "table" or row.schema != LAYOUT:
        raise StoreFormat(
            f"shard {row.key}: a {row.kind} of layout {row.schema}, expected a table "
            f"of layout {LAYOUT}. Read behaviour with `BehaviorStore.read`; for a "
            "newer layout install a newer consilience."
        )
    return run(_open(store, row))


async def _open(store: Store, row: ShardRow) -> Table:
    try:
        opened = await open_arrays(store, row.path, ARRAYS)
    except NotFound:
        await group_attributes(store, row.path)
        raise _damaged(row, "an array", "missing", "ten arrays") from None
    if row.n < 1 or row.numbers is None:
        raise _damaged(row, "number of rows", row.n, "1 or more, with their range")
    found = chunk_count(opened)
    if found != row.chunk_count:
        raise _damaged(row, "number of chunks", found, row.chunk_count)
    for name in COLUMNS:
        if opened[name].shape != (row.n,):
            raise _damaged(row, f"shape of {name}", opened[name].shape, (row.n,))
    names = await asyncio.gather(*(opened[name].read() for name in _NAMES))
    if len(names[0]) != row.agents:
        raise _damaged(row, "number of agents", len(names[0]), row.agents)
    return Table(row, dict(zip(_NAMES, names, strict=True)), opened)


def read_table_chunks(
    store: Store, row: ShardRow, *, rows: int = CHUNK_ROWS, verify: bool = False
) -> Iterator[EvidenceData]:
    """Yield blocks of consecutive rows; never more than one is held.

    Parameters
    ----------
    store : zarr store
    row : ShardRow
    rows : int
        Of a block; whole chunks are decoded, so multiples of `CHUNK_ROWS` are best.
    verify : bool
        Compare the hash once the last block was taken.

    Raises
    ------
    NotFound
        When the shard is not there.
    Corrupt
        When anything is incomplete, does not decode, or disagrees with the row.
    StoreFormat
        When it is no evidence, or of a newer layout.
    """
    table = open_table(store, row)
    digest = EvidenceDigest()
    for part in cut(row.n, rows):
        block = table.block(part)
        if verify:
            digest.update(block)
        yield block
    if verify and digest.hexdigest() != row.sha256:
        raise _damaged(row, "SHA-256", digest.hexdigest(), row.sha256)


def read_table(store: Store, row: ShardRow, *, verify: bool = False) -> EvidenceData:
    """Read a whole shard of evidence.

    Raises
    ------
    NotFound, Corrupt, StoreFormat
        As `read_table_chunks`.
    """
    return join_blocks(list(read_table_chunks(store, row, verify=verify)))


def join_blocks(blocks: Sequence[EvidenceData]) -> EvidenceData:
    """Join blocks of one shard, at least one, in the given order."""
    whole: dict[str, Any] = {
        name: np.concatenate([getattr(block, name) for block in blocks])
        for name in COLUMNS
    }
    return replace(blocks[0], **whole)
