"""The store: one schema, immutable shards, results, all at one pinned snapshot."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from icechunk import IcechunkStore, Repository, Session

from storage import ledger, repository
from storage.arrays import run
from storage.errors import Conflict, StorageError
from storage.layout import chunk_rows, cut, read_preamble, write_preamble
from storage.reading import read_rows, read_shard
from storage.records import ShardData, ShardRow
from storage.schema import Schema
from storage.snapshots import Commit, Transaction, history, session_at, set_tag

__all__ = ["BehaviorStore", "Commit", "StoreHandle", "Transaction"]


@dataclass(frozen=True, slots=True)
class StoreHandle:
    """Address of a store at a snapshot: small, picklable, opened once per process."""

    url: str
    snapshot: str

    def open(self) -> BehaviorStore:
        """Open the store at the snapshot; later calls give the same object."""
        with _HANDLE_LOCK:
            return _open_handle(self.url, self.snapshot)


_HANDLE_LOCK = threading.Lock()


@functools.lru_cache(maxsize=8)
def _open_handle(url: str, snapshot: str) -> BehaviorStore:
    return BehaviorStore.open(url, "r", snapshot=snapshot)


class BehaviorStore:
    """Behavioural data of one dataset: open it, list shards, read them.

    A store object sees one snapshot.  Opened with mode ``a`` it moves on to each
    commit made through it; `refresh` moves it on to the newest.

    Attributes
    ----------
    url : str
        Path, ``file://`` or ``s3://``.
    schema : Schema
    rows_per_chunk : int
        Agents per stored chunk.
    """

    def __init__(
        self, url: str, repo: Repository, session: Session, mode: Literal["r", "a"]
    ) -> None:
        self.url = url
        self._repository = repo
        self._session = session
        self._mode = mode
        self.schema, self.rows_per_chunk = run(read_preamble(session.store, url))

    @classmethod
    def create(
        cls, url: str, schema: Schema, rows_per_chunk: int | None = None
    ) -> BehaviorStore:
        """Create an empty store and open it for writing.

        Parameters
        ----------
        url : str
        schema : Schema
        rows_per_chunk : int, optional
            Agents per chunk; None makes chunks of about 16 MiB of raw values.

        Raises
        ------
        StorageError
            When a store exists there.
        """
        url = repository.absolute(url)
        rows = chunk_rows(schema) if rows_per_chunk is None else rows_per_chunk
        cut(0, rows)
        repo = repository.create_repository(url)

        def write(store: IcechunkStore) -> None:
            run(write_preamble(store, schema, rows))

        repository.commit(repo, url, write, ledger.CREATED, {})
        return cls.open(url, "a")

    @classmethod
    def open(
        cls, url: str, mode: Literal["r", "a"] = "r", snapshot: str | None = None
    ) -> BehaviorStore:
        """Open a store at a snapshot, by default the newest.

        Raises
        ------
        NotFound
            When there is no store, or no such snapshot.
        StoreFormat
            When the layout is newer than this code, or not ours.
        """
        url = repository.absolute(url)
        repo = repository.open_repository(url)
        return cls(url, repo, session_at(repo, url, snapshot), mode)

    @staticmethod
    def exists(url: str) -> bool:
        """Tell whether there is a store at `url`."""
        return repository.repository_exists(str(url))

    @property
    def snapshot(self) -> str:
        """Id of the snapshot everything is read from."""
        return str(self._session.snapshot_id)

    @property
    def reader(self) -> IcechunkStore:
        """Read-only zarr store at the snapshot."""
        return self._session.store

    @property
    def repository(self) -> Repository:
        """The Icechunk repository."""
        return self._repository

    def refresh(self) -> Self:
        """Move on to the newest snapshot."""
        self._session = self._repository.readonly_session("main")
        return self

    def at(self, snapshot: str) -> BehaviorStore:
        """Open the same store read-only at another snapshot or tag."""
        session = session_at(self._repository, self.url, snapshot)
        return BehaviorStore(self.url, self._repository, session, "r")

    def handle(self) -> StoreHandle:
        """Address that a worker opens once per process."""
        return StoreHandle(self.url, self.snapshot)

    def rows(self) -> tuple[ShardRow, ...]:
        """Every ledger row at the snapshot, also those of evidence."""
        return ledger.rows_at(self._repository, self._session, self.url)

    def shards(
        self,
        site: str | None = None,
        night: str | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> tuple[ShardRow, ...]:
        """Ledger rows of the store's own dataset, sorted by key, version and hash.

        Parameters
        ----------
        site, night, since, until : str, optional
            As for `storage.ledger.select`.
        """
        own = ledger.select(self.rows(), "data", site, night, since, until)
        return tuple(row for row in own if row.key.dataset == self.schema.dataset)

    def read(self, row: ShardRow, *, verify: bool = False) -> ShardData:
        """Read a shard, checking that its chunks are all there and its counts agree.

        Parameters
        ----------
        row : ShardRow
        verify : bool
            Also compare the SHA-256 of the canonical bytes.

        Returns
        -------
        ShardData

        Raises
        ------
        NotFound
            When the shard is not in this snapshot.
        Corrupt
            When anything is missing, does not decode, or disagrees with the row.
        """
        return read_shard(self.reader, self.schema, row, verify=verify)

    def blocks(self, row: ShardRow, rows: int | None = None) -> tuple[slice, ...]:
        """Cut the agents of a shard into slices of `rows` (None: as chunks lie)."""
        return cut(row.agents, self.rows_per_chunk if rows is None else rows)

    def read_block(self, row: ShardRow, block: slice, *, ids: bool = True) -> ShardData:
        """Read some agents of a shard; only the chunks they lie in are touched.

        Teams keep the codes and names of the whole shard.

        Without `ids` it is not read who the agents are: agents and entities are empty.

        Raises
        ------
        NotFound, Corrupt
            As `read`, for the chunks touched.
        """
        start, stop, _ = block.indices(row.agents)
        return run(read_rows(self.reader, self.schema, row, start, stop, ids=ids))

    def commit(
        self,
        write: Callable[[IcechunkStore], None],
        message: str,
        metadata: Mapping[str, Any] | None = None,
    ) -> str:
        """Run `write` in a transaction, again if it collides, and move on to it.

        Returns
        -------
        str
            Snapshot id.

        Raises
        ------
        StorageError
            When the store is open for reading only.
        Locked, Conflict
            When the commit cannot be made.
        """
        self.require_writable()
        snapshot = repository.commit(
            self._repository, self.url, write, message, metadata or {}
        )
        self.refresh()
        return snapshot

    @contextlib.contextmanager
    def transaction(
        self, message: str, metadata: Mapping[str, Any] | None = None
    ) -> Iterator[Transaction]:
        """Write freely into a clean session; commit at the end, nothing on an error.

        Raises
        ------
        Conflict
            When another writer took the same place meanwhile.
        """
        self.require_writable()
        session, began = self._repository.writable_session("main"), time.time()
        transaction = Transaction(session.store)
        yield transaction
        snapshot = repository.try_commit(
            session, self.url, message, metadata or {}, began
        )
        if snapshot is None:
            raise Conflict(
                f"store {self.url}: {message!r} collided with another writer. "
                "Run it again."
            )
        transaction.snapshot = snapshot
        self.refresh()

    def require_writable(self) -> None:
        """Refuse when the store was opened for reading.

        Raises
        ------
        StorageError
        """
        if self._mode != "a":
            raise StorageError(
                f"store {self.url}: open for reading (mode 'r'). Open it with mode 'a'."
            )

    def tag(self, name: str, snapshot: str | None = None) -> None:
        """Give a snapshot, by default the present one, a name for good.

        Raises
        ------
        StorageError
            When the name is taken.
        """
        self.require_writable()
        set_tag(self._repository, self.url, name, snapshot or self.snapshot)

    def tags(self) -> tuple[str, ...]:
        """Names of all tags, sorted."""
        return tuple(sorted(self._repository.list_tags()))

    def history(self) -> tuple[Commit, ...]:
        """Return the commits that lead to the snapshot, newest first."""
        return history(self._repository, self.snapshot)

    def __repr__(self) -> str:
        return f"BehaviorStore({self.url!r}, snapshot={self.snapshot!r})"
