"""Ledger rows of a snapshot, found from what the commits added."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable

from icechunk import IcechunkError, Repository, Session
from zarr.abc.store import Store

from storage.arrays import group_attributes, run
from storage.errors import Corrupt, NotFound
from storage.records import ShardRow

__all__ = ["SHARDS_ADDED", "rows_at", "scan"]

SHARDS_ADDED = "shards_added"
"""Field of a commit's metadata: how many shards became visible with it."""

_DEPTH = 6
_LOCK = threading.Lock()
# Rows of the snapshot last asked for, per store: the next one is a small step away.
_KNOWN: dict[str, tuple[str, tuple[ShardRow, ...]]] = {}


def _sorted(rows: Iterable[ShardRow]) -> tuple[ShardRow, ...]:
    return tuple(sorted(rows, key=lambda row: (row.key, row.version, row.sha256)))


async def _load(store: Store, paths: list[str]) -> list[ShardRow]:
    found = await asyncio.gather(*(group_attributes(store, path) for path in paths))
    return [
        ShardRow.from_attributes(attributes, path)
        for path, attributes in zip(paths, found, strict=True)
        if "kind" in attributes
    ]


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

    Rows already known to this process are reused: only the groups that commits since
    then added are read.

    Raises
    ------
    Corrupt
        When a row is malformed.
    """
    snapshot = str(session.snapshot_id)
    with _LOCK:
        known = _KNOWN.get(url)
        if known is not None and known[0] == snapshot:
            return known[1]
        rows = _step(repository, session, snapshot, known)
        if rows is None:
            rows = scan(session.store)
        _KNOWN[url] = (snapshot, rows)
        return rows


def _step(
    repository: Repository,
    session: Session,
    snapshot: str,
    known: tuple[str, tuple[ShardRow, ...]] | None,
) -> tuple[ShardRow, ...] | None:
    """Rows known at an ancestor and those added since; None without such a way.

    Transaction logs, which say what was added, carry no checksum: the commits state
    how many shards each of them added, and without agreement everything is listed.
    """
    try:
        base, stated = "", 0
        before: tuple[ShardRow, ...] = ()
        for info in repository.ancestry(snapshot_id=snapshot):
            base = str(info.id)
            if known is not None and base == known[0]:
                before = known[1]
                break
            stated += int(info.metadata.get(SHARDS_ADDED, 0))
        else:
            oldest = repository.readonly_session(snapshot_id=base)
            if run(oldest.store.exists("shards/zarr.json")):
                return None
        if base == snapshot:
            return before
        change = repository.diff(from_snapshot_id=base, to_snapshot_id=snapshot)
        paths = {p.strip("/") for p in change.new_groups}
        found = sorted(path for path in paths if _is_shard(path))
        added = run(_load(session.store, found))
    except (IcechunkError, NotFound, ValueError, TypeError):
        return None  # expired or damaged history: the caller lists everything
    gone = {p.strip("/") for p in change.deleted_groups}
    if gone or len(added) != stated:
        return None
    return _sorted([*before, *added])
