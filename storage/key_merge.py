"""Join the key registries of two stores, so that both know every key and revocation."""

from __future__ import annotations

from storage.key_registry import Added, Event, KeyRegistry

__all__ = ["first_registered", "merged_keys"]


def merged_keys(ours: KeyRegistry, theirs: KeyRegistry) -> KeyRegistry:
    """Our registry with those events of theirs that say something new, in their order.

    Raises
    ------
    KeyRefused
        When an event of theirs contradicts ours: two first keys of one source, or a
        rotation of a key that cannot endorse it any more.

    Notes
    -----
    An announcement that is known, and a revocation from a time no earlier than the one
    known, say nothing new: joining again, or the other way round, adds no event.

    Examples
    --------
    >>> merged_keys(KeyRegistry(), KeyRegistry())
    KeyRegistry: n=0 keys | sources=0 | revoked=0
    """
    found = ours
    for event in theirs.events:
        if _says_more(found, event):
            found = KeyRegistry((*found.events, event))
    return found


def _says_more(known: KeyRegistry, event: Event) -> bool:
    if isinstance(event, Added):
        announcements = (e.announcement for e in known.events if isinstance(e, Added))
        return event.announcement not in announcements
    key = known.keys.get(event.key_id)
    return key is None or key.revoked_at is None or event.since < key.revoked_at


def first_registered(registry: KeyRegistry) -> dict[str, int]:
    """When each source had its first key, nanoseconds UTC."""
    found: dict[str, int] = {}
    for event in registry.events:
        if isinstance(event, Added):
            source = event.announcement.source
            found[source] = min(event.at, found.get(source, event.at))
    return found
