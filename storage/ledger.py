"""Ledger rows of a snapshot, found from what the commits added."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from icechunk import IcechunkError, Repository, Session
from zarr.abc.store import Store

from storage.arrays import group_attributes, run
from storage.errors import Corrupt, NotFound
from storage.layout import shard_path
from storage.ledger_memory import recall, remember
from storage.records import ShardRow

__all__ = ["CREATED", "SHARDS_ADDED", "SHARDS_TOTAL", "rows_at", "scan", "select"]

SHARDS_ADDED = "shards_added"
"""Field of a commit's metadata: how many shards became visible with it."""

SHARDS_TOTAL = "shards_total"
"""Field of a commit's metadata: how many shards there were at an earlier snapshot."""
CREATED = "create store"
"""Message of the first commit of a store."""

_DEPTH = 6
_LOCK = threading.Lock()
# Rows of the snapshot last asked for, per store: the next one is a small step away.
_KNOWN: dict[str, tuple[str, tuple[ShardRow, ...]]] = {}


def _sorted(rows: Iterable[ShardRow]) -> tuple[ShardRow, ...]:
    return tuple(sorted(rows, key=lambda row: (row.key, row.version, row.sha256)))


def select(
    rows: Iterable[ShardRow],
    kind: str,
    site: str | None = None,
    night: str | None = None,
    since: str | None = None,
    until: str | None = None,
) -> tuple[ShardRow, ...]:
    """Rows of a kind, in the given order.

    Parameters
    ----------
    rows : iterable of ShardRow
    kind : str
        ``data`` or ``table``.
    site, night : str, optional
        Only this site, only this night.
    since, until : str, optional
        First and last night, both included.
    """
    return tuple(
        row
        for row in rows
        if row.kind == kind
        and (site is None or row.key.site == site)
        and (night is None or row.key.night == night)
        and (since is None or row.key.night >= since)
        and (until is None or row.key.night <= until)
    )


async def _load(store: Store, paths: list[str]) -> list[ShardRow]:
    found = await asyncio.gather(*(group_attributes(store, path) for path in paths))
    return [
        _placed(ShardRow.from_attributes(attributes, path))
        for path, attributes in zip(paths, found, strict=True)
        if "kind" in attributes
    ]


def _placed(row: ShardRow) -> ShardRow:
    """Refuse a row that does not lie where its identity says."""
    usual = shard_path(row.key, row.version)
    if row.path not in (usual, shard_path(row.key, row.version, row.sha256)):
        raise Corrupt(
            f"ledger row at {row.path}: belongs at {usual}. "
            "Run `consilience verify` and restore the store from a copy."
        )
    return row


def _is_shard(path: str) -> bool:
    parts = path.split("/")
    return parts[0] == "shards" and len(parts) == _DEPTH


def scan(store: Store) -> tuple[ShardRow, ...]:
    """Ledger rows by listing everything: slow, and needs no history.

    Raises
    ------
    Corrupt
        When a row is malformed, or the snapshot cannot be listed.
    """

    async def work() -> list[ShardRow]:
        paths = []
        async for key in store.list_prefix("shards/"):
            path, _, last = key.rpartition("/")
            if last == "zarr.json" and _is_shard(path):
                paths.append(path)
        return await _load(store, sorted(paths))

    try:
        return _sorted(run(work()))
    except IcechunkError as error:
        raise Corrupt(
            f"ledger: the snapshot cannot be listed: {str(error).strip()[:200]}. "
            "Restore the store from a copy."
        ) from error


def rows_at(repository: Repository, session: Session, url: str) -> tuple[ShardRow, ...]:
    """Ledger rows of the session's snapshot, sorted by key, version and hash.

    Rows already known to this process, or left by an earlier one, are reused: only the
    groups that commits since then added are read.

    Raises
    ------
    Corrupt
        When a row is malformed, or there are not as many as the commits added.

    Notes
    -----
    Neither the list of groups in a snapshot nor the transaction logs carry a checksum.
    Every commit therefore states how many shards it added.  When what the logs name
    does not agree, everything is listed; when that does not agree, it is damage.
    """
    snapshot = str(session.snapshot_id)
    with _LOCK:
        known = _KNOWN.get(url) or recall(url)
        new = url not in _KNOWN
        if known is not None and known[0] == snapshot:
            _KNOWN[url] = known
            return known[1]
        way = _way(repository, snapshot, known)
        rows = None if way is None else _added(repository, session, snapshot, way)
        if rows is None:
            rows = scan(session.store)
            if way is not None and len(rows) != way.expected:
                raise Corrupt(
                    f"store {url}: snapshot {snapshot} lists {len(rows)} shards, its "
                    f"commits added {way.expected}. Restore the store from a copy."
                )
        _KNOWN[url] = (snapshot, rows)
        if new:
            remember(url, snapshot, rows)
        return rows


@dataclass(frozen=True, slots=True)
class _Way:
    """From a snapshot whose rows, or their number, are known to the wanted one."""

    base: str
    before: tuple[ShardRow, ...] | None
    added: int
    total: int = 0

    @property
    def expected(self) -> int:
        return self.added + (self.total if self.before is None else len(self.before))


def _way(
    repository: Repository,
    snapshot: str,
    known: tuple[str, tuple[ShardRow, ...]] | None,
) -> _Way | None:
    """Walk the history back; None when its beginning is gone or cannot be read.

    Retention cuts the history off, and states before it does how many shards there
    were at a snapshot that it keeps.
    """
    base, last, added = "", "", 0
    stated: Mapping[str, Any] | None = None
    try:
        for info in repository.ancestry(snapshot_id=snapshot):
            base = str(info.id)
            if known is not None and base == known[0]:
                return _Way(base, known[1], added)
            if stated is not None and base == stated["at"]:
                return _Way(base, None, added, int(stated["n"]))
            stated = info.metadata.get(SHARDS_TOTAL) if stated is None else stated
            added += int(info.metadata.get(SHARDS_ADDED, 0))
            last = info.message if info.parent_id is not None else last
        first = repository.readonly_session(snapshot_id=base)
        whole = last == CREATED and not run(first.store.exists("shards/zarr.json"))
    except (IcechunkError, ValueError, TypeError, KeyError):
        return None
    return _Way(base, (), added) if whole else None


def _added(
    repository: Repository, session: Session, snapshot: str, way: _Way
) -> tuple[ShardRow, ...] | None:
    """Rows by the transaction logs; None when those cannot be trusted."""
    if way.before is None:
        return None
    try:
        change = repository.diff(from_snapshot_id=way.base, to_snapshot_id=snapshot)
        paths = {path.strip("/") for path in change.new_groups}
        found = sorted(path for path in paths if _is_shard(path))
        rows = (*way.before, *run(_load(session.store, found)))
    except (IcechunkError, NotFound):
        return None
    return _sorted(rows) if len(rows) == way.expected else None
