"""Which keys may sign for which source, and when: a list of events that only grows."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from storage.errors import KeyRefused
from storage.key_announcements import Announcement
from storage.keys import verifies

__all__ = ["Added", "Event", "Key", "KeyRegistry", "Revoked", "moment"]


def moment(time: int) -> str:
    """Write nanoseconds UTC for people, to the second."""
    try:
        seconds = dt.timedelta(seconds=time // 1_000_000_000)
        return f"{dt.datetime(1970, 1, 1) + seconds:%Y-%m-%d %H:%M:%S} UTC"  # noqa: DTZ001 - said in the text
    except OverflowError:
        return f"{time} ns"


@dataclass(frozen=True, slots=True)
class Added:
    """A key was registered at a time, nanoseconds UTC."""

    announcement: Announcement
    at: int


@dataclass(frozen=True, slots=True)
class Revoked:
    """A key was revoked: from `since` on, nanoseconds UTC, nothing it signed enters."""

    key_id: str
    since: int
    reason: str


Event = Added | Revoked


@dataclass(frozen=True, slots=True)
class Key:
    """A registered key as the events so far leave it.

    Attributes
    ----------
    id : str
        Fingerprint, 32 hexadecimal digits.
    source, public : str
        For whom it signs, and its 64 hexadecimal digits.
    valid_from, valid_until : int
        Nanoseconds UTC; the end is not included, and comes earlier once it is replaced.
    revoked_at : int, optional
        Nanoseconds UTC.
    reason : str
        Of the revocation.
    replaces, replaced_by : str
        Ids of its neighbours in a rotation; empty without.
    """

    id: str
    source: str
    public: str
    valid_from: int
    valid_until: int
    revoked_at: int | None = None
    reason: str = ""
    replaces: str = ""
    replaced_by: str = ""

    def fault(self, at: int) -> str:
        """Say why it must not be used at a time, nanoseconds UTC; empty if it may."""
        if self.revoked_at is not None and at >= self.revoked_at:
            return f"revoked since {moment(self.revoked_at)}: {self.reason}"
        if at < self.valid_from:
            return f"not valid before {moment(self.valid_from)}"
        if at >= self.valid_until:
            end = f"expired at {moment(self.valid_until)}"
            return f"{end}, replaced by {self.replaced_by}" if self.replaced_by else end
        return ""


@dataclass(frozen=True, slots=True)
class KeyRegistry:
    """Keys of all sources, as an immutable list of events.

    Attributes
    ----------
    events : tuple of Added or Revoked
        In the order in which they happened.  Making a registry plays them again and
        checks each, so a list that breaks a rule cannot be loaded.

    Raises
    ------
    KeyRefused
        When an event breaks a rule: a key is announced by itself; a source has a
        second key only if the one it replaces, in force then, endorses it; a public
        key belongs to one source for ever; a revocation is not moved later.

    Notes
    -----
    Times are compared with the reader's clock when a shard is taken in, never with a
    time the shard states: who holds a stolen key writes any time into what it signs.

    Examples
    --------
    >>> KeyRegistry()
    KeyRegistry: n=0 keys | sources=0 | revoked=0
    """

    events: tuple[Event, ...] = ()
    keys: dict[str, Key] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        keys: dict[str, Key] = {}
        for event in self.events:
            keys = _played(keys, event)
        object.__setattr__(self, "keys", keys)

    def add(self, announcement: Announcement, *, at: int) -> Self:
        """Register a key at a time, nanoseconds UTC.

        Raises
        ------
        KeyRefused
        """
        return type(self)((*self.events, Added(announcement.check(), at)))

    def revoke(self, key_id: str, *, since: int, reason: str) -> Self:
        """Refuse what enters with this key from a time on, nanoseconds UTC.

        Raises
        ------
        KeyRefused
            When the key is unknown, no reason is given, or it is revoked already from
            that time or an earlier one.
        """
        return type(self)((*self.events, Revoked(key_id, since, reason)))

    def of_source(self, source: str) -> tuple[Key, ...]:
        """Keys a source ever had, in the order of registration."""
        return tuple(key for key in self.keys.values() if key.source == source)

    def extends(self, older: KeyRegistry) -> bool:
        """Tell whether this is `older` with nothing taken away or changed."""
        return self.events[: len(older.events)] == older.events

    def __repr__(self) -> str:
        keys: Iterable[Key] = self.keys.values()
        sources = len({key.source for key in keys})
        revoked = sum(key.revoked_at is not None for key in keys)
        return f"KeyRegistry: n={len(self.keys)} keys | {sources=} | {revoked=}"


def _played(keys: dict[str, Key], event: Event) -> dict[str, Key]:
    """Keys after an event."""
    if isinstance(event, Revoked):
        return _revoked(keys, event)
    said = event.announcement.check()
    if said.key_id in keys:
        raise KeyRefused(
            f"key {said.key_id}: registered already, for {keys[said.key_id].source}. "
            "A key is registered once and belongs to one source; make a new one."
        )
    after = dict(keys)
    if said.replaces:
        old = _endorser(keys, said, event.at)
        end = min(old.valid_until, said.valid_from + said.overlap)
        after[old.id] = dataclasses.replace(
            old, valid_until=end, replaced_by=said.key_id
        )
    else:
        _refuse_second(keys, said, event.at)
    after[said.key_id] = Key(
        said.key_id, said.source, said.public, said.valid_from, said.valid_until,
        replaces=said.replaces,
    )  # fmt: skip
    return after


def _endorser(keys: dict[str, Key], said: Announcement, at: int) -> Key:
    """Key that a rotation replaces, after every check of it."""
    old = keys.get(said.replaces)
    name = f"key {said.key_id} of {said.source}"
    if old is None:
        raise KeyRefused(
            f"{name}: replaces {said.replaces}, which is not registered. "
            "Register that one first."
        )
    if old.source != said.source:
        raise KeyRefused(
            f"{name}: replaces a key of {old.source}. A source rotates its own keys."
        )
    if old.replaced_by:
        raise KeyRefused(
            f"{name}: {old.id} was replaced by {old.replaced_by}. Rotate that one."
        )
    fault = old.fault(at)
    if fault:
        raise KeyRefused(
            f"{name}: the key it replaces, {old.id}, cannot endorse it: {fault}. "
            "Register the new key without it, as a first key."
        )
    if not verifies(old.public, said.message(), said.endorsement):
        raise KeyRefused(
            f"{name}: the signature of the key it replaces, {old.id}, is not valid. "
            "Announce it with the private key of that one."
        )
    return old


def _refuse_second(keys: dict[str, Key], said: Announcement, at: int) -> None:
    for key in keys.values():
        usable = not key.fault(max(at, key.valid_from))
        if key.source == said.source and usable:
            raise KeyRefused(
                f"key {said.key_id} of {said.source}: the source has key {key.id} in "
                "force, which does not endorse it. Rotate that key, or revoke it."
            )


def _revoked(keys: dict[str, Key], event: Revoked) -> dict[str, Key]:
    key = keys.get(event.key_id)
    if key is None:
        raise KeyRefused(
            f"key {event.key_id[:64]}: not registered, so it cannot be revoked. "
            "`consilience keys list` shows the ids."
        )
    if not event.reason.strip():
        raise KeyRefused(f"key {key.id}: revoked without a reason. Give one.")
    if key.revoked_at is not None and event.since >= key.revoked_at:
        raise KeyRefused(
            f"key {key.id}: revoked since {moment(key.revoked_at)} already, now "
            f"since {moment(event.since)}. A revocation is not taken back or put off."
        )
    after = dataclasses.replace(key, revoked_at=event.since, reason=event.reason)
    return keys | {key.id: after}
