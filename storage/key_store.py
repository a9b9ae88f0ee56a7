"""The key registry as JSON, and in a store: one group per event, never rewritten."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from icechunk import IcechunkStore
from zarr.abc.store import Store

from storage.arrays import group_attributes, missing_groups, run, write_group
from storage.errors import Conflict, Corrupt, KeyRefused, Rejected
from storage.key_announcements import Announcement
from storage.key_registry import Added, Event, KeyRegistry, Revoked
from storage.store import BehaviorStore

__all__ = ["read_keys", "registry_from_json", "registry_to_json", "write_keys"]

_ROOT = "keys"
_VERSION = 1


def registry_to_json(registry: KeyRegistry) -> str:
    """Canonical JSON text of a registry."""
    events = [_plain(event) for event in registry.events]
    return json.dumps({"version": _VERSION, "events": events}, sort_keys=True, indent=1)


def registry_from_json(text: str, *, source: str = "key registry") -> KeyRegistry:
    """Restore what `registry_to_json` gave; every rule and signature is checked.

    Raises
    ------
    KeyRefused
        When it is malformed, of a newer version, or an event breaks a rule.
    """
    try:
        found = json.loads(text)
        version, listed = found["version"], found["events"]
        events = tuple(_event(fields) for fields in listed)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise KeyRefused(
            f"{source}: no key registry ({error!r}). Give a file that "
            "`consilience keys list --json` wrote."
        ) from error
    if version != _VERSION:
        raise KeyRefused(
            f"{source}: version {version}, this code reads {_VERSION}. "
            "Use the version of consilience that wrote it."
        )
    return KeyRegistry(events)


def read_keys(store: BehaviorStore) -> KeyRegistry:
    """Read the registry at the snapshot of a store; empty if none was ever written.

    Raises
    ------
    Corrupt
        When what is stored is damaged or breaks a rule of the registry.
    """
    return _read(store.reader, store.url)


def write_keys(store: BehaviorStore, registry: KeyRegistry, *, message: str) -> str:
    """Append the events that a store does not have yet, in one commit.

    Parameters
    ----------
    store : BehaviorStore
        Open for writing; it moves on to the new snapshot.
    registry : KeyRegistry
        What is stored, and more.
    message : str
        Of the commit.

    Returns
    -------
    str
        Snapshot id.

    Raises
    ------
    Conflict
        When the store has events that `registry` lacks; nothing is written.
    Corrupt, StorageError, Locked
        As other commits.
    """

    def write(session: IcechunkStore) -> None:
        known = _read(session, store.url)
        if not registry.extends(known):
            raise Conflict(
                f"store {store.url}: its key registry has {len(known.events)} events, "
                f"the {len(registry.events)} given do not begin with them. Read the "
                "registry again and repeat the change."
            )
        run(_write(session, registry.events, len(known.events)))

    return store.commit(write, message)


async def _write(store: Store, events: tuple[Event, ...], known: int) -> None:
    if await missing_groups(store, [_ROOT]) and events:
        await write_group(store, _ROOT, {}, {})
    for number in range(known, len(events)):
        await write_group(store, _path(number), _plain(events[number]), {})


def _path(number: int) -> str:
    return f"{_ROOT}/{number:08d}"


def _read(store: Store, url: str) -> KeyRegistry:
    try:
        return KeyRegistry(tuple(_event(found) for found in run(_load(store))))
    except (TypeError, KeyError, ValueError, KeyRefused) as error:
        raise Corrupt(
            f"store {url}: its key registry cannot be trusted: {error}. "
            "Restore the store from a copy."
        ) from error


async def _load(store: Store) -> list[dict[str, Any]]:
    """Attributes of all events; a gap in their numbers is damage."""
    if await missing_groups(store, [_ROOT]):
        return []
    found = [
        key.split("/")[1]
        async for key in store.list_prefix(f"{_ROOT}/")
        if key.count("/") == 2 and key.endswith("/zarr.json")
    ]
    paths = [_path(number) for number in range(len(found))]
    if sorted(found) != [path.split("/")[1] for path in paths]:
        raise ValueError(f"events {sorted(found)[-1]} and earlier, {len(found)} in all")
    return list(await asyncio.gather(*(group_attributes(store, p) for p in paths)))


def _plain(event: Event) -> dict[str, Any]:
    kind = "added" if isinstance(event, Added) else "revoked"
    return {"event": kind, **dataclasses.asdict(event)}


def _event(fields: Mapping[str, Any]) -> Event:
    """Restore an event; TypeError, KeyError or KeyRefused when it is malformed."""
    said = dict(fields)
    kind = said.pop("event")
    try:
        if kind == "added":
            found = Announcement(**said.pop("announcement"))
            return Added(announcement=found.check(), **said)
        if kind == "revoked":
            return Revoked(**said)
    except Rejected as error:
        raise KeyRefused(str(error)) from error
    raise KeyError(f"event {kind!r}")
