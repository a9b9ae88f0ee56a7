"""Bytes under keys, from a folder or an Icechunk snapshot: what chunks are made of."""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from icechunk import IcechunkError, IcechunkStore
from zarr.abc.store import Store
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import LocalStore

from storage import repository
from storage.arrays import run
from storage.errors import Corrupt
from storage.snapshots import session_at

__all__ = ["ByteStore", "open_store"]

_PROTOTYPE = default_buffer_prototype()
_DOCUMENTS = ("zarr.json", ".zarray", ".zgroup")
_LOCK = threading.Lock()


class ByteStore(Protocol):
    """Reads whole objects; knows the zarr store that zarr-python reads them through."""

    @property
    def snapshot(self) -> str | None:
        """Pinned snapshot; None for a folder."""
        ...

    @property
    def zarr(self) -> Store:
        """The same place as a zarr store."""
        ...

    def get(self, key: str) -> memoryview | None:
        """Bytes under `key`; None when there are none."""
        ...

    def has(self, key: str) -> bool:
        """Tell whether there is anything under `key`."""
        ...


@dataclass(frozen=True, slots=True)
class _Folder:
    root: Path

    @property
    def snapshot(self) -> None:
        return None

    @property
    def zarr(self) -> Store:
        return LocalStore(self.root, read_only=True)

    def get(self, key: str) -> memoryview | None:
        try:
            with (self.root / key).open("rb") as file:
                return memoryview(file.read())
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def has(self, key: str) -> bool:
        return (self.root / key).is_file()


@dataclass(frozen=True, slots=True)
class _Snapshot:
    url: str
    snapshot: str
    store: IcechunkStore

    @property
    def zarr(self) -> Store:
        return self.store

    def get(self, key: str) -> memoryview | None:
        try:
            found = run(self.store.get(key, _PROTOTYPE))
        except IcechunkError as error:
            raise Corrupt(
                f"{self.url}: {key} cannot be read: {str(error).strip()[:200]}. "
                "Run `consilience verify` and restore the store from a copy."
            ) from error
        # The bytes as they came: a copy would cost a quarter of a decode.
        return None if found is None else np.asarray(found.as_numpy_array()).data

    def has(self, key: str) -> bool:
        return run(self.store.exists(key))


@functools.lru_cache(maxsize=8)
def _open(url: str, snapshot: str | None) -> ByteStore:
    folder = repository.local_path(url)
    if folder is not None and any((folder / name).is_file() for name in _DOCUMENTS):
        return _Folder(folder)
    session = session_at(repository.open_repository(url), url, snapshot)
    return _Snapshot(url, str(session.snapshot_id), session.store)


def open_store(url: str, snapshot: str | None = None) -> ByteStore:
    """Open a zarr folder, or an Icechunk repository at a snapshot.

    With a snapshot, later calls in this process give the same object.

    Raises
    ------
    NotFound
        When there is neither, or no such snapshot.
    StoreFormat
        When the address or the repository cannot be used.
    """
    if snapshot is None:
        # The newest snapshot is another one tomorrow: not kept.
        found = _open.__wrapped__(url, None)
        return found if found.snapshot is None else open_store(url, found.snapshot)
    with _LOCK:
        return _open(url, snapshot)
