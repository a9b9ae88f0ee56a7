"""Give space back: cut the history off, delete what nothing reaches any more."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from storage.errors import StorageError
from storage.released import note_released
from storage.repository import committer
from storage.snapshots import Commit
from storage.store import BehaviorStore

__all__ = ["GRACE_SECONDS", "Collected", "collect_garbage", "kept_from"]

GRACE_SECONDS = 48 * 3600.0
"""Readers and writers that are younger than this lose nothing; at least a day."""
_LEAST_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Collected:
    """What was deleted, or would be.

    Attributes
    ----------
    dry_run : bool
    snapshots : int
        Snapshots that left, or would leave, the history.
    tags : tuple of str
        Tags that were deleted, or would be.
    objects, n_bytes : int
        Objects that nothing reaches.  A dry run counts what is unreachable now: what
        expiring snapshots sets free is known once they are gone.
    """

    dry_run: bool
    snapshots: int
    tags: tuple[str, ...]
    objects: int
    n_bytes: int


def kept_from(commits: Sequence[Commit], limit: int) -> Commit:
    """Return the oldest commit that must stay so that readers since `limit` are safe.

    Parameters
    ----------
    commits : sequence of Commit
        Newest first.
    limit : int
        Nanoseconds UTC.

    Notes
    -----
    A reader that began at `limit` may be on what was newest then, however old that
    commit is; all commits after it stay as well.
    """
    return next((c for c in commits if c.written_at <= limit), commits[-1])


def collect_garbage(
    store: BehaviorStore,
    *,
    now: int,
    history_from: int,
    tags: Sequence[str] = (),
    grace: float = GRACE_SECONDS,
    dry_run: bool = True,
) -> Collected:
    """Delete tags, expire snapshots and delete what nothing reaches.

    Parameters
    ----------
    store : BehaviorStore
        Open for writing, unless it is a dry run.
    now : int
        Nanoseconds UTC, of the clock that the files are dated by.
    history_from : int
        Nanoseconds UTC: snapshots before it leave the history.
    tags : sequence of str
        To delete; their names stay in the register.
    grace : float
        Seconds; what is younger is never deleted.
    dry_run : bool

    Raises
    ------
    StorageError
        When `grace` is less than a day.
    Locked
        When another process commits, or collects, for too long.
    """
    if grace < _LEAST_SECONDS:
        raise StorageError(
            f"collect_garbage: a grace of {grace:.0f} s would delete what open writers "
            f"have written. Give {_LEAST_SECONDS:.0f} s or more."
        )
    limit = now - round(grace * 1e9)
    there = tuple(name for name in tags if name in store.tags())
    commits = store.history()
    first = kept_from(commits, min(limit, history_from))
    older = [c for c in commits[:-1] if c.written_at < first.written_at]
    if not dry_run:
        store.require_writable()
        note_released(store, {name: store.at(name).snapshot for name in there})
        for name in there:
            store.repository.delete_tag(name)
    with committer(store.url):
        if not dry_run and older:
            store.repository.expire_snapshots(_moment(first.written_at))
        found = store.repository.garbage_collect(_moment(limit), dry_run=dry_run)
    objects = (
        found.chunks_deleted
        + found.manifests_deleted
        + found.snapshots_deleted
        + found.transaction_logs_deleted
    )
    return Collected(dry_run, len(older), there, objects, found.bytes_deleted)


def _moment(nanoseconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(nanoseconds / 1e9, dt.UTC)
