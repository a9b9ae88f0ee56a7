"""Compare what is stored with what the ledger says of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import numpy as np

from storage.contents import check_statement
from storage.errors import Archived, StorageError
from storage.evidence_arrays import read_table_chunks
from storage.findings import Finding
from storage.layout import shard_path
from storage.ledger import scan
from storage.records import ShardData, ShardRow
from storage.schema import canonical_order
from storage.store import BehaviorStore

__all__ = ["Finding", "Progress", "verify", "verify_ledger"]

_SHA256 = re.compile(r"[0-9a-f]{64}")


Progress = Callable[[int, int], None]
"""Called with how much is done and how much there is."""


def verify(
    store: BehaviorStore,
    rows: Iterable[ShardRow] | None = None,
    full: bool = False,
    progress: Progress | None = None,
) -> tuple[Finding, ...]:
    """Look for damage in shards; nothing is repaired.

    Parameters
    ----------
    store : BehaviorStore
    rows : iterable of ShardRow, optional
        Shards to read.  None reads all, compares the ledger with a listing of
        everything, and resolves the tags.
    full : bool
        Also compare the SHA-256 of every shard read.
    progress : callable, optional
        Told after every shard.

    Returns
    -------
    tuple of Finding
        Empty when everything is as it should be.  A damaged shard is to be sent again.
    """
    findings: list[Finding] = []
    if rows is None:
        findings += [*verify_ledger(store), *_tags(store)]
        rows = store.rows()
    asked = tuple(rows)
    for done, row in enumerate(asked, 1):
        findings += _row(row) + _read(store, row, full)
        if progress is not None:
            progress(done, len(asked))
    return tuple(findings)


def _read(store: BehaviorStore, row: ShardRow, full: bool) -> list[Finding]:
    read = _READERS.get(row.kind, _data)
    try:
        return read(store, row, full)
    except Archived:
        return []
    except StorageError as error:
        expected = f"n = {row.n}, {row.chunk_count} chunks, {row.sha256[:12]}"
        return [Finding(row.path, "arrays", expected, str(error))]


def _data(store: BehaviorStore, row: ShardRow, full: bool) -> list[Finding]:
    return _order(row, store.read(row, verify=full))


def _table(store: BehaviorStore, row: ShardRow, full: bool) -> list[Finding]:
    """Check that the numbers of the rows increase over all blocks."""
    last, unsorted = -1, 0
    for block in read_table_chunks(store.reader, row, verify=full):
        seq = np.concatenate([[last], block.seq])
        unsorted += int((seq[1:] <= seq[:-1]).sum())
        last = int(seq[-1])
    if not unsorted:
        return []
    found = f"{unsorted} rows not above the one before"
    return [Finding(row.path, "order", "rows sorted by seq", found)]


def _statement(store: BehaviorStore, row: ShardRow, _: bool) -> list[Finding]:
    check_statement(store.reader, row)
    return []


_READERS = {
    "data": _data,
    "table": _table,
    "manifest": _statement,
    "retraction": _statement,
}


def _row(row: ShardRow) -> list[Finding]:
    """Check that a ledger row is well formed and lies where its identity says."""
    out = []
    places = (
        shard_path(row.key, row.version),
        shard_path(row.key, row.version, row.sha256),
    )
    if row.path not in places:
        out.append(Finding(row.path, "row", places[0], row.path))
    if _SHA256.fullmatch(row.sha256) is None:
        out.append(Finding(row.path, "row", "64 hexadecimal digits", row.sha256))
    if row.kind not in _READERS:
        expected = f"kind {' or '.join(_READERS)}"
        out.append(Finding(row.path, "row", expected, row.kind))
    if not 0 <= max(row.observed, default=0) <= row.n:
        expected = f"at most n = {row.n} observed"
        out.append(Finding(row.path, "row", expected, str(row.observed)))
    return out


def _order(row: ShardRow, data: ShardData) -> list[Finding]:
    """Check that agents are distinct and lie in (team, agent) order."""
    out = []
    if canonical_order(data) is not None:
        expected = "agents sorted by (team, agent)"
        out.append(Finding(row.path, "order", expected, "another order"))
    distinct = len(np.unique(data.agents))
    if distinct != len(data.agents):
        expected = f"{len(data.agents)} distinct agents"
        out.append(Finding(row.path, "order", expected, str(distinct)))
    return out


def verify_ledger(store: BehaviorStore) -> tuple[Finding, ...]:
    """Compare rows found through the history with a listing of everything."""
    listed = {row.path: row for row in scan(store.reader)}
    known = {row.path: row for row in store.rows()}
    return tuple(
        Finding(path, "ledger", str(listed.get(path)), str(known.get(path)))
        for path in sorted({*listed, *known})
        if listed.get(path) != known.get(path)
    )


def _tags(store: BehaviorStore) -> list[Finding]:
    """Open the snapshot of every tag."""
    out = []
    for name in store.tags():
        try:
            store.at(name)
        except StorageError as error:
            out.append(Finding(name, "tag", "a snapshot", str(error)))
    return out
