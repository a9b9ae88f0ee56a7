"""What counts tonight: winners of the ledger, what is missing, how old it is.

This release has one rule: everything that arrived counts, and the coverage is stated.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import statistics
from dataclasses import dataclass

from stats.ledger import LedgerEntry
from storage.schema import ShardKey, ShardRow, Version
from storage.store import BehaviorStore
from tasks.ledgers import dataset_rows, ledger_of
from tasks.resolver import StatisticalCAPResolver, StatisticalUpdate

__all__ = [
    "NightView",
    "SiteView",
    "StatisticalCAPResolver",
    "StatisticalUpdate",
    "dataset_rows",
    "ledger_of",
    "night_end",
    "reconcile",
    "window",
]

# The morning after: when a night that is long past would have been reported.
_MORNING_SECONDS = 7 * 3600
# Nights of silence after which a site no longer makes a night incomplete.
GONE_NIGHTS = 30


@dataclass(frozen=True, slots=True)
class SiteView:
    """What one site delivered.

    Attributes
    ----------
    site : str
    share : float
        Usual share of all rows, in [0, 1], over the nights of the window.
    rows : dict of night to rows
        Only nights that arrived.
    expected_rows : int or None
        Median of the last four same weekdays that arrived before tonight.
    age_seconds : float or None
        From the end of the newest night that arrived to `as_of`.
    silent_nights : int
        Nights since the newest one that arrived, 0 when tonight is here.
    """

    site: str
    share: float
    rows: dict[str, int]
    expected_rows: int | None
    age_seconds: float | None
    silent_nights: int

    def active(self, night: str) -> bool:
        """Whether the site is expected: from its first night to 30 after its last."""
        if not self.rows:
            return True
        gone = dt.date.fromisoformat(max(self.rows)) + dt.timedelta(days=GONE_NIGHTS)
        return min(self.rows) <= night <= gone.isoformat()


@dataclass(frozen=True, slots=True)
class NightView:
    """The shards that count for a night and its window, and what is missing.

    Attributes
    ----------
    dataset, night, snapshot : str
    nights : tuple of str
        Window, oldest first; tonight is the last.
    winners : dict of (site, night) to rows
        Every part of that site and night, sorted by part.
    versions : dict of (site, night) to int
        How many versions of that night's shards were ever delivered.
    sites : tuple of SiteView
        Every site that ever delivered, sorted.
    missing_sites : tuple of str
        Without a shard tonight.
    arrived_share : float
        Usual share of the sites that are here tonight.
    quarantined : tuple of ShardKey
        Two contents claim the same highest version: nothing of them counts.
    ledger_digest : str
        Of the whole ledger up to tonight.
    digest : str
        Of the winners of the window: equal views have equal results.
    as_of : int
        Nanoseconds UTC at which ages are taken.
    """

    dataset: str
    night: str
    snapshot: str
    nights: tuple[str, ...]
    winners: dict[tuple[str, str], tuple[ShardRow, ...]]
    versions: dict[tuple[str, str], int]
    sites: tuple[SiteView, ...]
    missing_sites: tuple[str, ...]
    arrived_share: float
    quarantined: tuple[ShardKey, ...]
    ledger_digest: str
    digest: str
    as_of: int

    def rows_of(self, night: str) -> tuple[ShardRow, ...]:
        """All counted shards of a night, sorted by site and part."""
        return tuple(
            row
            for (_, when), rows in sorted(self.winners.items())
            if when == night
            for row in rows
        )

    def arrived(self, site: str, night: str) -> bool:
        """Whether anything of this site and night counts."""
        return (site, night) in self.winners

    def complete(self, night: str) -> bool:
        """Whether every site that delivers at that time delivered that night."""
        return all(
            self.arrived(site.site, night) for site in self.sites if site.active(night)
        )


def window(night: str, length: int) -> tuple[str, ...]:
    """Return the `length` nights before `night` and `night` itself, oldest first."""
    last = dt.date.fromisoformat(night)
    days = range(length, -1, -1)
    return tuple((last - dt.timedelta(days=k)).isoformat() for k in days)


def night_end(night: str) -> int:
    """Nanoseconds UTC of the midnight that ends a night."""
    day = dt.datetime.fromisoformat(night).replace(tzinfo=dt.UTC)
    return int((day + dt.timedelta(days=1)).timestamp()) * 1_000_000_000


def default_as_of(night: str, now: int) -> int:
    """Age is taken now, or on the morning after a night that is being replayed."""
    morning = night_end(night) + _MORNING_SECONDS * 1_000_000_000
    two_days = 2 * 86_400 * 1_000_000_000
    return now if now < morning + two_days else morning


def reconcile(
    store: BehaviorStore,
    night: str,
    *,
    nights: int = 60,
    roster: tuple[str, ...] = (),
    as_of: int,
) -> NightView:
    """Decide what counts for a night at the store's snapshot.

    Parameters
    ----------
    store : BehaviorStore
        Pinned to a snapshot.
    night : str
        ISO date.
    nights : int
        Nights before tonight that form the window.
    roster : tuple of str
        Sites to expect in addition to those that ever delivered.
    as_of : int
        Nanoseconds UTC at which ages are taken; never used to order anything.

    Returns
    -------
    NightView
    """
    rows = dataset_rows(store, until=night)
    ledger = ledger_of(rows)
    by_identity = {(row.key, row.version, row.sha256): row for row in rows}
    span = window(night, nights)
    kept = set(span)
    winners: dict[tuple[str, str], tuple[ShardRow, ...]] = {}
    seen: dict[str, dict[str, int]] = {site: {} for site in roster}
    for entry in ledger.winners():
        row = by_identity[_identity(entry)]
        nightly = seen.setdefault(row.key.site, {})
        nightly[row.key.night] = nightly.get(row.key.night, 0) + row.n
        if row.key.night in kept:
            place = (row.key.site, row.key.night)
            winners[place] = (*winners.get(place, ()), row)
    for row in rows:
        seen.setdefault(row.key.site, {})
    versions: dict[tuple[str, str], int] = {}
    for row in rows:
        if row.kind == "manifest":
            continue
        place = (row.key.site, row.key.night)
        versions[place] = versions.get(place, 0) + 1
    sites = _site_views(seen, span, as_of)
    missing = tuple(s.site for s in sites if night not in s.rows)
    return NightView(
        dataset=store.schema.dataset,
        night=night,
        snapshot=store.snapshot,
        nights=span,
        winners=winners,
        versions=versions,
        sites=sites,
        missing_sites=missing,
        arrived_share=sum(s.share for s in sites if s.site not in missing),
        quarantined=tuple(sorted({_identity(e)[0] for e in ledger.quarantined()})),
        ledger_digest=ledger.digest(),
        digest=_digest(winners),
        as_of=as_of,
    )


def _identity(entry: LedgerEntry) -> tuple[ShardKey, Version, str]:
    key = ShardKey(entry.dataset, entry.site, entry.night, entry.part)
    return key, Version(entry.epoch, entry.seq), entry.sha256


def _site_views(
    seen: dict[str, dict[str, int]], span: tuple[str, ...], as_of: int
) -> tuple[SiteView, ...]:
    night, before = span[-1], span[:-1]
    usual = {
        site: statistics.fmean(found) if found else 0.0
        for site, rows in seen.items()
        for found in [[rows[n] for n in before if n in rows] or list(rows.values())]
    }
    whole = sum(usual.values()) or 1.0
    weekday = dt.date.fromisoformat(night).weekday()
    views = []
    for site, rows in sorted(seen.items()):
        past = sorted(n for n in rows if n < night)
        same = [n for n in past if dt.date.fromisoformat(n).weekday() == weekday][-4:]
        newest = max(rows, default=None)
        age = None if newest is None else (as_of - night_end(newest)) / 1e9
        silent = (
            len(span)
            if newest is None
            else (dt.date.fromisoformat(night) - dt.date.fromisoformat(newest)).days
        )
        expected = round(statistics.median(rows[n] for n in same)) if same else None
        share = usual[site] / whole
        views.append(SiteView(site, share, rows, expected, age, silent))
    return tuple(views)


def _digest(winners: dict[tuple[str, str], tuple[ShardRow, ...]]) -> str:
    rows = [
        [row.key.dataset, site, night, row.key.part, row.sha256]
        for (site, night), parts in sorted(winners.items())
        for row in parts
    ]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()
