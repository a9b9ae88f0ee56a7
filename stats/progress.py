"""How far each site has come: watermarks, and which of its nights are missing."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from stats.announced import gaps_of
from stats.ledger import LedgerEntry, ShardLedger
from stats.manifest import MANIFEST, Manifest
from stats.nights import night_end, nights_between

__all__ = ["SiteProgress", "Staleness", "minimum_watermark", "progress", "watermark"]


@dataclass(frozen=True, slots=True)
class Staleness:
    """How far behind a site is.

    Attributes
    ----------
    versions : int
        Nights of which something that was announced or expected is not known.
    seconds : float
        Since the end of the last night up to which everything is here; infinite when
        there is none.
    is_lower_bound : bool
        The site is silent: what it has announced since is not known.
    """

    versions: int
    seconds: float
    is_lower_bound: bool

    def within(self, versions: int | None, seconds: float) -> bool:
        """Tell whether it is no further behind than both limits; None is no limit."""
        counted = versions is None or self.versions <= versions
        return counted and self.seconds <= seconds


@dataclass(frozen=True, slots=True)
class SiteProgress:
    """What is known of one site up to a night.

    Attributes
    ----------
    site : str
    first, heard : str or None
        First and last night of which anything is known.
    watermark : str or None
        Last night such that it and every night before it are complete.
    declared : bool
        A manifest says so of each of these nights; otherwise the parts of the last
        manifest, or of the night before, were expected.
    closed : bool
        It said that it delivers no more: it is not on the roster.
    arrived : bool
        The night asked about is complete.
    missing : tuple of str
        Nights of which something is not known, sorted.
    agents : int or None
        Expected, by the newest manifest.
    rows : int
        Of the newest night that counts.
    ended_at : int or None
        When the events of the watermark's night ended, nanoseconds UTC.
    silent : bool
        Nothing is known of the night asked about.
    """

    site: str
    first: str | None = None
    heard: str | None = None
    watermark: str | None = None
    declared: bool = False
    closed: bool = False
    arrived: bool = False
    missing: tuple[str, ...] = ()
    agents: int | None = None
    rows: int = 0
    ended_at: int | None = None
    silent: bool = True

    def staleness(self, now: int) -> Staleness:
        """How far behind it is at a time, nanoseconds UTC."""
        end = self.ended_at
        seconds = math.inf if end is None else max(0.0, (now - end) / 1e9)
        return Staleness(len(self.missing), seconds, self.silent)


def progress(
    ledger: ShardLedger, night: str, roster: Iterable[str] = ()
) -> tuple[SiteProgress, ...]:
    """Say of every site how far it has come.

    Parameters
    ----------
    ledger : ShardLedger
        Of one dataset.
    night : str
        Last night looked at; later ones are as if they were not known.
    roster : iterable of str
        Sites to expect although nothing is known of them.

    Returns
    -------
    tuple of SiteProgress
        Sorted by site.

    Raises
    ------
    Incompatible
        When the ledger holds more than one dataset.
    InvalidInput
        For a night that is not a date.

    Notes
    -----
    A night is complete when every part that its manifest declares has a version that
    counts or is a retraction.  A site leaves the roster by a manifest that closes it,
    never by being silent.  Nothing here knows when anything arrived.  Source of the
    watermark: T. Akidau and others, The dataflow model (VLDB 2015).
    """
    facts: dict[str, _Facts] = {site: _Facts() for site in roster}
    for entry in ledger.settled():
        if entry.night <= night:
            facts.setdefault(entry.site, _Facts()).add(entry)
    for entry in ledger.quarantined():
        if entry.night <= night:
            facts.setdefault(entry.site, _Facts()).spoil(entry)
    gaps = _gap_spans(ledger)
    return tuple(
        _site(site, found, night, gaps.get(site, ()))
        for site, found in sorted(facts.items())
    )


def minimum_watermark(sites: Sequence[SiteProgress]) -> str | None:
    """Last night up to which every site of the roster is complete, if there is one."""
    marks = [site.watermark for site in sites if not site.closed]
    known = [mark for mark in marks if mark is not None]
    return min(known) if known and len(known) == len(marks) else None


def watermark(
    sites: Sequence[SiteProgress], mass: Sequence[float], q: float = 0.95
) -> str | None:
    """Last night up to which sites of at least a share `q` of the mass are complete.

    Parameters
    ----------
    sites : sequence of SiteProgress
    mass : sequence of float
        Share of each site, 0 for one that is not on the roster; they sum to 1.
    q : float
        In (0, 1].

    Notes
    -----
    One dead site stalls the minimum for ever; this one goes on.
    """
    pairs = zip(sites, mass, strict=True)
    found = [(s.watermark, m) for s, m in pairs if s.watermark and m > 0]
    reached = 0.0
    for mark, share in sorted(found, reverse=True):
        reached += share
        if reached >= q - 1e-12:
            return mark
    return None


@dataclass(slots=True)
class _Facts:
    """Parts of each night of a site, as they are found."""

    settled: dict[str, set[str]] = field(default_factory=dict)
    spoilt: dict[str, set[str]] = field(default_factory=dict)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=dict)

    def add(self, entry: LedgerEntry) -> None:
        """Take a version that one content claims."""
        night = entry.night
        parts = self.settled.setdefault(night, set())
        end = entry.event_end or night_end(night)
        self.ends[night] = max(self.ends.get(night, 0), end)
        if entry.part != MANIFEST:
            parts.add(entry.part)
            if entry.kind != "retraction":
                self.rows[night] = self.rows.get(night, 0) + entry.n
        elif entry.stated.manifest is not None:
            self.manifests[night] = entry.stated.manifest

    def spoil(self, entry: LedgerEntry) -> None:
        """Take one of several contents of a version."""
        self.spoilt.setdefault(entry.night, set()).add(entry.part)

    def complete(self, nights: Iterable[str]) -> dict[str, bool]:
        """Whether each of consecutive nights is."""
        out: dict[str, bool] = {}
        before: set[str] = set()
        declared: set[str] | None = None
        for night in nights:
            here = self.settled.get(night, set())
            if night in self.manifests:
                declared = set(self.manifests[night].parts)
                out[night] = declared <= here
                continue
            expected = before if declared is None else declared
            spoilt = self.spoilt.get(night, set())
            out[night] = bool(here) and expected <= here and not spoilt
            before = here or before
        return out


def _site(
    site: str, facts: _Facts, night: str, gaps: Sequence[tuple[str, str]]
) -> SiteProgress:
    heard = sorted({*facts.settled, *facts.spoilt})
    if not heard:
        return SiteProgress(site)
    newest = max(facts.manifests, default=None)
    ends = newest is not None and facts.manifests[newest].closed
    last = newest if ends and newest is not None else night
    complete = facts.complete(nights_between(heard[0], last))
    missing = {k for k, whole in complete.items() if not whole}
    first_missing = min(missing, default="~")
    mark = max((k for k in complete if k < first_missing), default=None)
    missing |= {k for k in (_gap_night(gap, complete) for gap in gaps) if k <= night}
    agents = [facts.manifests[k].agents for k in sorted(facts.manifests)]
    rows = max(facts.rows, default=None)
    return SiteProgress(
        site=site,
        first=heard[0],
        heard=heard[-1],
        watermark=mark,
        declared=mark is not None
        and all(when in facts.manifests for when in complete if when <= mark),
        closed=ends and last < night,
        arrived=complete.get(night, False),
        missing=tuple(sorted(missing)),
        agents=next((n for n in reversed(agents) if n is not None), None),
        rows=0 if rows is None else facts.rows[rows],
        ended_at=None if mark is None else facts.ends[mark],
        silent=heard[-1] < last,
    )


def _gap_spans(ledger: ShardLedger) -> dict[str, list[tuple[str, str]]]:
    """Nights issued before and after the open gaps of each site.

    What was issued before anything known does not belong to a night asked about.
    """
    gaps = [gap for gap in gaps_of(ledger) if not gap.lost]
    concerned = {gap.site for gap in gaps}
    names = ("site", "epoch", "seq", "night")
    known: dict[str, list[tuple[int, int, str]]] = {}
    for site, *number in zip(*(ledger.columns[c].tolist() for c in names), strict=True):
        if site in concerned:
            known.setdefault(site, []).append(tuple(number))
    found: dict[str, list[tuple[str, str]]] = {}
    for numbers in known.values():
        numbers.sort()
    for gap in gaps:
        numbers = known.get(gap.site, [])
        at = bisect.bisect_left(numbers, (gap.epoch, gap.first, ""))
        if at > 0:
            before = numbers[at - 1][2]
            last = at == len(numbers) or numbers[at][0] != gap.epoch
            after = before if last else numbers[at][2]
            found.setdefault(gap.site, []).append((before, max(before, after)))
    return found


def _gap_night(span: tuple[str, str], complete: Mapping[str, bool]) -> str:
    """Night that a gap makes one of those missing.

    What was issued between the shards of two nights belongs to an incomplete one
    between them if there is one; otherwise to the later one.
    """
    between = nights_between(*span)[1:-1]
    return next((k for k in between if not complete.get(k, True)), span[1])
