"""Snapshots of a store: open one, list those before it, describe a transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from icechunk import IcechunkError, IcechunkStore, Repository, Session

from storage.errors import Corrupt, NotFound, StorageError

__all__ = ["Commit", "Transaction", "history", "session_at", "set_tag"]


@dataclass(frozen=True, slots=True)
class Commit:
    """One entry of the history: snapshot id, time (ns UTC), message and metadata."""

    snapshot: str
    written_at: int
    message: str
    metadata: dict[str, Any]


@dataclass(slots=True)
class Transaction:
    """Open transaction: write into `store`; `snapshot` is set once it is committed."""

    store: IcechunkStore
    snapshot: str = ""


def session_at(repo: Repository, url: str, snapshot: str | None) -> Session:
    """Open a read-only session at a snapshot or tag, by default the newest.

    Raises
    ------
    NotFound
        When there is no such snapshot or tag.
    """
    if snapshot is None:
        return _newest(repo, url)
    try:
        if snapshot in repo.list_tags():
            return repo.readonly_session(tag=snapshot)
        return repo.readonly_session(snapshot_id=snapshot)
    except (IcechunkError, ValueError) as error:
        raise NotFound(
            f"store {url}: no snapshot or tag {snapshot!r}. See `BehaviorStore.tags()` "
            "and `.history()`."
        ) from error


def _newest(repo: Repository, url: str) -> Session:
    try:
        return repo.readonly_session("main")
    except IcechunkError as error:
        raise Corrupt(
            f"store {url}: the newest snapshot cannot be read: "
            f"{str(error).strip()[:200]}. Restore the store from a copy."
        ) from error


def history(repo: Repository, snapshot: str) -> tuple[Commit, ...]:
    """Return the commits that lead to a snapshot, newest first."""
    return tuple(
        Commit(
            info.id,
            int(info.written_at.timestamp() * 1e9),
            info.message,
            dict(info.metadata),
        )
        for info in repo.ancestry(snapshot_id=snapshot)
    )


def set_tag(repo: Repository, url: str, name: str, snapshot: str) -> None:
    """Give a snapshot a name for good.

    Raises
    ------
    StorageError
        When the name is, or ever was, taken.
    """
    try:
        repo.create_tag(name, snapshot_id=snapshot)
    except IcechunkError as error:
        raise StorageError(
            f"store {url}: tag {name!r} cannot be set: {str(error).strip()[:120]}. "
            "Choose a name that was never used."
        ) from error
