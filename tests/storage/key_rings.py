"""Keys, registries and headers that the tests of signatures start from."""

import hashlib

from storage.key_announcements import Announcement, announce
from storage.key_registry import KeyRegistry
from storage.keys import Ed25519PrivateKey
from storage.signatures import SignedHeader

DAY = 86_400_000_000_000
START = 20_000 * DAY
"""When all keys here begin to be valid; they are for a year."""
HEADER = SignedHeader(
    schema=1,
    dataset="evidence",
    site="north",
    night="2026-03-08",
    part="0",
    epoch=2,
    seq=7,
    kind="table",
    n=3,
    event_end=START + DAY,
    deps=("a" * 64, "b" * 64),
)
CONTENT = hashlib.sha256(b"three rows").hexdigest()


def private_key(name: str) -> Ed25519PrivateKey:
    """Return the same key for the same name; no test waits for randomness."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def first_key(source: str, name: str = "", start: int = START) -> Announcement:
    """Announce the key of a name, by default the source's, for a year."""
    return announce(
        source,
        private_key(name or source),
        valid_from=start,
        valid_until=start + 365 * DAY,
    )


def rotation(source: str, old: str, new: str, *, at: int) -> Announcement:
    """Announce a new key endorsed by an old one, with two days of overlap."""
    return announce(
        source,
        private_key(new),
        valid_from=at,
        valid_until=at + 365 * DAY,
        replaces=private_key(old),
        overlap=2 * DAY,
    )


def ring(*sources: str) -> KeyRegistry:
    """Return a registry with a key of each source."""
    registry = KeyRegistry()
    for source in sources:
        registry = registry.add(first_key(source), at=START)
    return registry
