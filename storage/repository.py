"""One Icechunk repository: where it lies, who may commit, and how a commit is tried."""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import os
import random
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import icechunk
from filelock import FileLock, Timeout
from icechunk import (
    ConflictDetector,
    ConflictError,
    IcechunkError,
    IcechunkStore,
    RebaseFailedError,
    Repository,
    Session,
)

from storage.errors import (
    Conflict,
    Corrupt,
    Locked,
    NotFound,
    StorageError,
    StoreFormat,
)
from storage.object_storage import object_storage

__all__ = [
    "absolute",
    "commit",
    "committer",
    "create_repository",
    "local_path",
    "open_repository",
    "repository_exists",
    "try_commit",
]

LOCK_SECONDS = 600.0
"""How long a commit waits for another process."""
WRITER_SECONDS = 6 * 3600.0
"""A transaction that is older is refused: garbage collection counts on it."""
_TRIES = 8
_COLLISIONS = (ConflictError, RebaseFailedError)


@functools.cache
def _quiet() -> None:
    """Silence the warning about local commits: the file lock is the answer to it."""
    if "ICECHUNK_LOG" not in os.environ:
        icechunk.set_logs_filter("error")


def local_path(url: str) -> Path | None:
    """Folder of a local store; None for an object store."""
    parts = urlparse(url)
    if parts.scheme == "s3":
        return None
    if parts.scheme == "file":
        return Path(parts.path)
    if "://" in url:
        raise StoreFormat(
            f"store {url}: unknown scheme {parts.scheme!r}. Give a path, file:// or s3://."
        )
    return Path(url)


def absolute(url: str) -> str:
    """Address that holds in every process: a local path becomes absolute."""
    path = local_path(str(url))
    return str(url) if path is None else str(path.absolute())


def _storage(url: str) -> icechunk.Storage:
    _quiet()
    path = local_path(url)
    if path is not None:
        return icechunk.local_filesystem_storage(str(path))
    return object_storage(url)


def repository_exists(url: str) -> bool:
    """Tell whether there is a repository; never creates anything.

    Raises
    ------
    Corrupt
        When there is one whose branch cannot be read.
    """
    path = local_path(url)
    if path is not None and not path.is_dir():
        return False
    try:
        return Repository.exists(_storage(url))
    except IcechunkError as error:
        raise Corrupt(
            f"store {url}: the branch cannot be read: {str(error).strip()[:200]}. "
            "Check disk and access; restore the store from a copy."
        ) from error


def create_repository(url: str) -> Repository:
    """Create an empty repository in the format that every supported version reads.

    Raises
    ------
    StorageError
        When there is one already.
    """
    if repository_exists(url):
        raise StorageError(
            f"store {url}: exists already. Open it, or choose a new path."
        )
    extra: dict[str, Any] = {}
    if "spec_version" in inspect.signature(Repository.create).parameters:
        extra["spec_version"] = 1
    path = local_path(url)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    return Repository.create(_storage(url), **extra)


def open_repository(url: str) -> Repository:
    """Open a repository.

    Raises
    ------
    NotFound
        When there is none.
    StoreFormat
        When it is not readable by the installed version.
    """
    if not repository_exists(url):
        raise NotFound(
            f"store {url}: does not exist. Check the path, or create it with "
            "`consilience ingest`."
        )
    try:
        return Repository.open(_storage(url))
    except IcechunkError as error:
        raise StoreFormat(
            f"store {url}: cannot be opened: {str(error).strip()[:200]}. "
            f"This is icechunk {icechunk.__version__}; use the version that wrote it."
        ) from error


@contextlib.contextmanager
def committer(url: str) -> Iterator[None]:
    """Hold the committer lock of a local store; nothing to hold on object stores.

    Icechunk's local storage loses acknowledged commits when two processes commit at
    once.  The lock is the kernel's: it is free when its holder is killed.
    """
    path = local_path(url)
    if path is None:
        yield
        return
    file = path.with_name(f"{path.name}.lock")
    holder = path.with_name(f"{path.name}.lock.holder")
    try:
        lock = FileLock(str(file), timeout=LOCK_SECONDS)
        lock.acquire()
    except Timeout as error:
        who = holder.read_text() if holder.exists() else "unknown"
        raise Locked(
            f"store {url}: the committer lock {file} is held by {who} for more than "
            f"{LOCK_SECONDS:.0f} s. Wait for that process or end it, then run again."
        ) from error
    try:
        holder.write_text(
            json.dumps({"host": socket.gethostname(), "pid": os.getpid()})
        )
        yield
    finally:
        lock.release()


def try_commit(
    session: Session,
    url: str,
    message: str,
    metadata: Mapping[str, Any],
    began: float | None = None,
) -> str | None:
    """Commit a session; None when another writer took the same place.

    Parameters
    ----------
    session : icechunk.Session
    url : str
    message, metadata
        Of the commit.
    began : float, optional
        When the session was opened, seconds since 1970.

    Returns
    -------
    str or None
        Snapshot id; the present one when nothing changed.

    Raises
    ------
    Locked
        When the committer lock is not free within `LOCK_SECONDS`.
    Conflict
        When the session is older than `WRITER_SECONDS`.
    """
    if not session.has_uncommitted_changes:
        return str(session.snapshot_id)
    age = 0.0 if began is None else time.time() - began
    if age > WRITER_SECONDS:
        raise Conflict(
            f"store {url}: {message!r} took {age / 3600:.1f} h, at most "
            f"{WRITER_SECONDS / 3600:.0f} h are safe from garbage collection. Run it "
            "again, in smaller batches."
        )
    with committer(url):
        try:
            return str(
                session.commit(message, dict(metadata), rebase_with=ConflictDetector())
            )
        except _COLLISIONS:
            return None


def commit(
    repository: Repository,
    url: str,
    write: Callable[[IcechunkStore], None],
    message: str,
    metadata: Mapping[str, Any],
) -> str:
    """Run `write` on a clean session and commit; again on a newer one if it collides.

    Parameters
    ----------
    repository : icechunk.Repository
    url : str
    write : callable
        Writes into the store it is given; may run several times.
    message, metadata
        Of the commit.

    Returns
    -------
    str
        Snapshot id; the present one when `write` changed nothing.

    Raises
    ------
    Conflict
        When other writers win every time.
    """
    for attempt in range(_TRIES):
        session, began = repository.writable_session("main"), time.time()
        write(session.store)
        snapshot = try_commit(session, url, message, metadata, began)
        if snapshot is not None:
            return snapshot
        time.sleep(random.uniform(0, 0.05 * 2**attempt))
    raise Conflict(
        f"store {url}: {message!r} collided with other writers {_TRIES} times. "
        "Run it again when fewer writers are active."
    )
