"""Which published nights the shards that came since would change, and by what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

from storage.records import ShardKey
from storage.results import read_results
from storage.schema import ShardRow
from storage.store import BehaviorStore
from tasks.ledgers import dataset_rows, ledger_of
from tasks.publish import Published, latest, published_nights
from tasks.reconcile import window
from tasks.rollup import Member

__all__ = [
    "Affected",
    "Counted",
    "KnownShards",
    "ShardChange",
    "affected_nights",
    "counted_shards",
    "published_members",
]

What = Literal["late", "corrected", "retracted", "quarantined"]


class Place(NamedTuple):
    """Where a shard belongs, whatever its version."""

    site: str
    night: str
    part: str


class Counted(NamedTuple):
    """Content and rows of a shard that was counted."""

    sha256: str
    n: int


@dataclass(frozen=True, slots=True)
class ShardChange:
    """One shard that counts otherwise than when a night was published.

    Attributes
    ----------
    site, night, part : str
    what : {"late", "corrected", "retracted", "quarantined"}
        Quarantined: two contents claim its highest version, so that none counts.
    version_before, version_now : str or None
        Epoch and number; None where nothing was there, or the ledger lost it.
    rows_before : int or None
    rows_now : int
    """

    site: str
    night: str
    part: str
    what: What
    version_before: str | None
    version_now: str | None
    rows_before: int | None
    rows_now: int

    def __str__(self) -> str:
        before = "" if self.version_before is None else f"{self.version_before} → "
        return (
            f"{self.site} {self.night} part {self.part} {self.what}, version "
            f"{before}{self.version_now}"
        )


@dataclass(frozen=True, slots=True)
class Affected:
    """A published night that no longer says what the store holds.

    Attributes
    ----------
    published : Published
        The revision that stands.
    changes : tuple of ShardChange
        At least one, sorted by night, site and part.
    """

    published: Published
    changes: tuple[ShardChange, ...]

    @property
    def night(self) -> str:
        """ISO date."""
        return self.published.night

    @property
    def itself(self) -> bool:
        """Whether a shard of the night itself changed, not only of its window."""
        return any(change.night == self.night for change in self.changes)

    def as_dict(self) -> dict[str, Any]:
        """Plain values: night, revision, and every change."""
        return {
            "night": self.night,
            "revision": self.published.revision,
            "changes": [asdict(change) for change in self.changes],
        }


class KnownShards:
    """What a snapshot of a store counts, looked up once for any number of nights.

    Parameters
    ----------
    rows : iterable of ShardRow
        Of one dataset, every kind and version.
    """

    def __init__(self, rows: Iterable[ShardRow]) -> None:
        known = tuple(rows)
        self._by_content = {(_place(row.key), row.sha256): row for row in known}
        self._highest = {
            _place(row.key): row for row in sorted(known, key=lambda r: r.version)
        }
        ledger = ledger_of(known)
        self._disputed = {(e.site, e.night, e.part) for e in ledger.quarantined()}
        self.winners = {
            Place(e.site, e.night, e.part): Counted(e.sha256, e.n)
            for e in ledger.winners()
        }

    @classmethod
    def of(cls, store: BehaviorStore) -> KnownShards:
        """Look at a store's own dataset at its snapshot."""
        return cls(dataset_rows(store))

    def changes(
        self, before: Mapping[Place, Counted], nights: Iterable[str]
    ) -> tuple[ShardChange, ...]:
        """Compare what was counted with what counts now, within some nights."""
        kept = set(nights)
        places = {p for p in (*before, *self.winners) if p.night in kept}
        found = [
            self._change(place, before.get(place), self.winners.get(place))
            for place in places
            if _content(before.get(place)) != _content(self.winners.get(place))
        ]
        return tuple(sorted(found, key=lambda c: (c.night, c.site, c.part)))

    def _change(
        self, place: Place, before: Counted | None, now: Counted | None
    ) -> ShardChange:
        what: What = "late" if before is None else "corrected"
        if now is None:
            what = "quarantined" if place in self._disputed else "retracted"
        highest = self._highest.get(place)
        return ShardChange(
            *place,
            what,
            None if before is None else self._version(place, before),
            None if highest is None else str(highest.version),
            None if before is None else before.n,
            0 if now is None else now.n,
        )

    def _version(self, place: Place, counted: Counted) -> str | None:
        row = self._by_content.get((place, counted.sha256))
        return None if row is None else str(row.version)


def counted_shards(store: BehaviorStore, published: Published) -> dict[Place, Counted]:
    """Read which shards a published revision counted."""
    group = f"runs/{published.night}/r{published.revision}/views"
    view = read_results(store, group, ("site", "night", "part", "sha256", "n"))
    columns = [view[name] for name in ("site", "night", "part", "sha256", "n")]
    return {
        Place(str(site), str(night), str(part)): Counted(str(sha256), int(n))
        for site, night, part, sha256, n in zip(*columns, strict=True)
    }


def published_members(store: BehaviorStore, published: Published) -> tuple[Member, ...]:
    """Return what the window before a published night was made of, sorted."""
    dataset = store.schema.dataset
    return tuple(
        sorted(
            Member(ShardKey(dataset, *place), counted.sha256)
            for place, counted in counted_shards(store, published).items()
            if place.night != published.night
        )
    )


def affected_nights(
    store: BehaviorStore, *, window_nights: int = 60
) -> tuple[Affected, ...]:
    """Find the published nights whose winners changed, at the store's snapshot.

    A night is affected when a shard of the night or of its window came late, was
    corrected, retracted or disputed since its standing revision was computed.  What
    else decides a result, parameters and code, is left alone: an upgrade does not make
    old nights wrong.

    Parameters
    ----------
    store : BehaviorStore
    window_nights : int
        For publications that do not say how long their window was.

    Returns
    -------
    tuple of Affected
        Oldest night first.
    """
    known = KnownShards.of(store)
    found = []
    for night in published_nights(store):
        published = latest(store, night)
        if published is None:  # pragma: no cover - it was listed a moment ago
            continue
        said = published.extra.get("parameters", {})
        nights = window(night, int(said.get("window", window_nights)))
        changes = known.changes(counted_shards(store, published), nights)
        if changes:
            found.append(Affected(published, changes))
    return tuple(found)


def _content(counted: Counted | None) -> str | None:
    return None if counted is None else counted.sha256


def _place(key: ShardKey) -> Place:
    return Place(key.site, key.night, key.part)
