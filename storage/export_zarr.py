"""Copy a snapshot, or some of it, to plain zarr v3 that any zarr reader opens."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from icechunk import IcechunkError
from zarr.abc.store import Store
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import LocalStore

from storage.arrays import run
from storage.contents import check_stored
from storage.errors import Corrupt
from storage.integrity import Progress
from storage.layout import parents
from storage.records import ShardRow
from storage.store import BehaviorStore
from storage.verify_nodes import verify_nodes

__all__ = ["check_zarr", "copy_zarr"]

_PROTOTYPE = default_buffer_prototype()
_DOCUMENT = "zarr.json"


def copy_zarr(
    store: BehaviorStore,
    folder: Path,
    wanted: Callable[[str], bool],
    progress: Progress | None = None,
) -> int:
    """Copy groups and arrays as they are stored: their documents and chunks.

    Parameters
    ----------
    store : BehaviorStore
    folder : Path
    wanted : callable
        Tells of a key such as ``runs/2026-03-08/r1/scores/p/c/0`` whether to copy it;
        the groups above what is copied are copied as well.
    progress : callable, optional

    Returns
    -------
    int
        Objects copied.

    Raises
    ------
    Corrupt
        When an object cannot be read.

    Notes
    -----
    The codecs (blosc, crc32c, vlen-utf8) are those every zarr v3 reader has; the
    layout is that of the store.
    """
    keys = [key for key in run(_list(store.reader)) if wanted(key)]
    above = parents(key for key in keys)
    documents = {_DOCUMENT, *(f"{path}/{_DOCUMENT}" for path in above)}
    every = sorted({*keys, *documents})
    for done, key in enumerate(every, 1):
        data = _get(store.reader, key)
        if data is not None:
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        if progress is not None:
            progress(done, len(every))
    return len(every)


async def _list(store: Store) -> list[str]:
    return [key async for key in store.list_prefix("")]


def _get(store: Store, key: str) -> bytes | None:
    try:
        found = run(store.get(key, _PROTOTYPE))
    except IcechunkError as error:
        raise Corrupt(
            f"{key}: cannot be exported: {str(error).strip()[:200]}. "
            "Run `consilience verify`."
        ) from error
    return None if found is None else found.to_bytes()


def check_zarr(store: BehaviorStore, folder: Path, rows: Iterable[ShardRow]) -> int:
    """Read an exported folder and compare it with what the store says of it.

    Parameters
    ----------
    store : BehaviorStore
    folder : Path
    rows : iterable of ShardRow
        Shards that were copied.

    Returns
    -------
    int
        Shards whose SHA-256 was compared.

    Raises
    ------
    Corrupt
        When the folder holds anything else.
    """
    plain = LocalStore(folder, read_only=True)
    findings = verify_nodes(plain)
    if findings:
        raise Corrupt(f"export {folder}: {findings[0]} Export again.")
    n = 0
    for row in rows:
        check_stored(plain, store.schema, row)
        n += 1
    return n
