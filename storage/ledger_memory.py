"""The ledger rows of a snapshot, beside a local store: a new process starts there."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

from storage.errors import Corrupt
from storage.records import ShardRow
from storage.repository import local_path

__all__ = ["Known", "recall", "remember"]

Known = tuple[str, tuple[ShardRow, ...]]
"""A snapshot and its rows, sorted by key, version and hash."""

_LEAST = 256
_VERSION = 1


def recall(url: str) -> Known | None:
    """Read what an earlier process remembered; None without, or if it is damaged.

    Walking the history and reading its logs takes a second or more for every thousand
    shards.  What is found here is no source of truth: a snapshot that is not in the
    history is passed over, and anything that does not agree with the hash is ignored.

    Parameters
    ----------
    url : str
        Of the store.
    """
    path = _beside(url)
    if path is None:
        return None
    try:
        digest, _, packed = path.read_bytes().partition(b"\n")
        if hashlib.sha256(packed).hexdigest().encode() != digest:
            return None
        found = json.loads(zlib.decompress(packed))
        if found["version"] != _VERSION:
            return None
        rows = [ShardRow.from_attributes(said, at) for at, said in found["rows"]]
        return str(found["snapshot"]), tuple(rows)
    except (OSError, ValueError, KeyError, TypeError, zlib.error, Corrupt):
        # Nothing is lost: the rows are read from the store.
        return None


def remember(url: str, snapshot: str, rows: Sequence[ShardRow]) -> None:
    """Leave the rows of a snapshot for the next process, if there are many.

    Where the folder cannot be written to, nothing is left.  Readers see the old file or
    the new one.
    """
    path = _beside(url)
    if path is None or len(rows) < _LEAST:
        return
    said = [[row.path, row.to_attributes()] for row in rows]
    content = {"version": _VERSION, "snapshot": snapshot, "rows": said}
    packed = zlib.compress(json.dumps(content, separators=(",", ":")).encode(), 1)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        draft.write_bytes(hashlib.sha256(packed).hexdigest().encode() + b"\n" + packed)
        draft.replace(path)


def _beside(url: str) -> Path | None:
    """Where the rows are left; nowhere for object stores."""
    path = local_path(url)
    return None if path is None else path.with_name(f"{path.name}.ledger")
