"""Keys of a home folder: make, register, rotate, revoke, and sign files with them."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from storage.errors import KeyRefused
from storage.key_announcements import announce, read_announcement
from storage.key_registry import Key, moment
from storage.key_store import read_keys, registry_to_json, write_keys
from storage.keys import new_private_key, read_private_key, write_private_key
from storage.schema import Schema
from storage.sign_file import sign_file
from storage.store import BehaviorStore

__all__ = [
    "Answer", "add_keys", "clock", "list_keys", "make_key", "revoke_key", "sign_files",
]  # fmt: skip

_DAY = 86_400_000_000_000
_COLUMNS = ("key", "source", "valid from", "valid until", "state")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command found: plain values for machines, lines and a table for people."""

    found: Mapping[str, Any]
    lines: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = field(default=())


def clock(replayed: dt.datetime | None) -> int:
    """Nanoseconds UTC of a replayed moment, or of now."""
    if replayed is None:
        return time.time_ns()
    aware = replayed if replayed.tzinfo else replayed.replace(tzinfo=dt.UTC)
    return int(aware.timestamp()) * 1_000_000_000


def make_key(
    source: str,
    path: Path,
    home: Path,
    *,
    days: int,
    now: int,
    old: Path | None = None,
    overlap_days: int = 0,
) -> Answer:
    """Make a private key at `path` and its announcement at ``<path>.pub``.

    Parameters
    ----------
    source : str
    path : Path
        Outside `home`.
    home : Path
    days, overlap_days : int
        Validity, and how long the replaced key stays valid.
    now : int
        Beginning, nanoseconds UTC.
    old : Path, optional
        Private key that it replaces and that endorses it.

    Raises
    ------
    KeyRefused, Rejected
    """
    if path.resolve().is_relative_to(home.resolve()):
        raise KeyRefused(
            f"key {path}: lies in {home}, which holds what is shared. "
            "Keep private keys where only the source can read."
        )
    private = new_private_key()
    said = announce(
        source,
        private,
        valid_from=now,
        valid_until=now + days * _DAY,
        replaces=None if old is None else read_private_key(old),
        overlap=overlap_days * _DAY,
    )
    public = path.with_name(f"{path.name}.pub")
    if public.exists():
        raise KeyRefused(f"key {public}: exists. Choose another path.")
    write_private_key(path, private)
    public.write_text(said.to_json() + "\n")
    found = {
        "key": said.key_id, "source": source, "replaces": said.replaces,
        "private": str(path), "public": str(public),
    }  # fmt: skip
    lines = (
        f"Key {said.key_id} of {source}, valid until {moment(said.valid_until)}",
        f"Private key, to be kept secret: {path}",
        f"To be sent and registered with `consilience keys add {public}`",
    )
    return Answer(found, lines)


def add_keys(files: Sequence[Path], home: Path, *, now: int) -> Answer:
    """Register announced keys in one commit, or none of them.

    Raises
    ------
    KeyRefused, NotFound, Conflict
    """
    store = _open(home, "a")
    registry = read_keys(store)
    ids = []
    for file in files:
        try:
            text = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise KeyRefused(f"{file}: cannot be read: {error}.") from error
        said = read_announcement(text, source=str(file))
        registry = registry.add(said, at=now)
        ids.append(said.key_id)
    snapshot = write_keys(store, registry, message=f"register {len(ids)} keys")
    added = [registry.keys[one] for one in ids]
    lines = tuple(
        f"Registered {key.id} of {key.source}; it has to sign from now on"
        for key in added
    )
    return Answer({"added": ids, "snapshot": snapshot}, lines)


def list_keys(home: Path, source: str | None, *, now: int) -> Answer:
    """Every key of the store, or of one source, with its state at a time.

    Raises
    ------
    NotFound, Corrupt
    """
    registry = read_keys(_open(home, "r"))
    chosen = [k for k in registry.keys.values() if source in (None, k.source)]
    rows = tuple(_row(key, now) for key in chosen)
    plain = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
    found = json.loads(registry_to_json(registry)) | {"keys": plain}
    lines = () if rows else ("No key is registered: nobody has to sign.",)
    return Answer(found, lines, _COLUMNS, rows)


def _row(key: Key, now: int) -> tuple[str, ...]:
    state = key.fault(now) or "in force"
    if key.replaced_by and state == "in force":
        state = f"in force, replaced by {key.replaced_by}"
    return key.id, key.source, moment(key.valid_from), moment(key.valid_until), state


def revoke_key(key_id: str, home: Path, *, since: int, now: int, reason: str) -> Answer:
    """Revoke a key from a time on, and list what it brought in since then.

    Parameters
    ----------
    key_id : str
    home : Path
    since, now : int
        Nanoseconds UTC; `since` is not later than `now`.
    reason : str

    Raises
    ------
    KeyRefused, NotFound, Conflict
    """
    if since > now:
        raise KeyRefused(
            f"key {key_id}: revoked since {moment(since)}, now is {moment(now)}. "
            "A revocation holds at once; give a time in the past, or none."
        )
    store = _open(home, "a")
    registry = read_keys(store).revoke(key_id, since=since, reason=reason)
    write_keys(store, registry, message=f"revoke key {key_id}")
    doubtful = [
        f"{row.key}/{row.version}"
        for row in store.rows()
        if row.signer == key_id and row.ingested_at >= since
    ]
    found = {"revoked": key_id, "since": since, "accepted_since": doubtful}
    lines = [f"Revoked {key_id} since {moment(since)}: {reason}"]
    if doubtful:
        lines.append(f"{len(doubtful)} shards of it were accepted since then and stay:")
        lines += doubtful
    return Answer(found, tuple(lines))


def sign_files(
    files: Sequence[Path],
    key: Path,
    home: Path,
    *,
    schema: Path | None,
    said: Mapping[str, Any],
    now: int,
) -> Answer:
    """Sign landing files with a private key.

    Raises
    ------
    Rejected, KeyRefused, StoreFormat
    """
    private = read_private_key(key)
    form = _schema(home, schema)
    rows = [
        sign_file(file, private, now=now, schema=form, options=said) for file in files
    ]
    signed = [
        {
            "file": str(file), "shard": str(row.key), "version": str(row.version),
            "n": row.n, "sha256": row.sha256, "signer": row.signer,
        }
        for file, row in zip(files, rows, strict=True)
    ]  # fmt: skip
    lines = tuple(
        f"Signed {one['file']}: {one['shard']}/{one['version']}, {one['n']:,} rows, "
        f"key {one['signer']}"
        for one in signed
    )
    return Answer({"signed": signed}, lines)


def _schema(home: Path, path: Path | None) -> Schema | None:
    """Schema of a file, else of the home's store, else none."""
    if path is not None:
        try:
            return Schema.from_json(path.read_text("utf-8"))
        except OSError as error:
            raise KeyRefused(
                f"schema {path}: cannot be read: {error.strerror}. Check the path."
            ) from error
    url = str(home / "store")
    return _open(home, "r").schema if BehaviorStore.exists(url) else None


def _open(home: Path, mode: Literal["r", "a"]) -> BehaviorStore:
    return BehaviorStore.open(str(home / "store"), mode)
