"""Collect everything known about one agent, team or site over a range of nights."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stats.labelled import Labelled
from stats.shard_moments import ShardMoments
from stats.summary import NotEnoughData, merge_all
from storage.checkpoints import Checkpoints
from storage.names import read_names
from storage.schema import ShardRow
from storage.store import BehaviorStore
from tasks.baselines import Records, compute_baselines
from tasks.blocks import block_refs, summarize
from tasks.history.agents import MIN_NULL, ChunkReader, fit_reference, read_seats
from tasks.history.groups import group_nights
from tasks.history.own import mark_nights, mark_outside, own_baseline
from tasks.history.published import Findings, corrections, read_findings
from tasks.history.record import (
    Correction,
    History,
    HistoryNight,
    Kind,
    Member,
    Place,
    Reference,
    State,
    known,
)
from tasks.history.span import Span, choose_span
from tasks.history.subject import Seat, Sighting, find_agent, find_group, unknown
from tasks.plan import versions
from tasks.progress import report_progress
from tasks.reconcile import NightView, night_end, reconcile
from tasks.schema_scale import schema_transforms
from tasks.summaries import checkpoint_key, decode_record

__all__ = ["investigate_store"]

_Changed = Mapping[
    tuple[str, str], tuple[tuple[Correction, ShardRow | None], ...]
]


@dataclass(frozen=True, slots=True)
class _Ground:
    """What every place of one investigation is built from."""

    store: BehaviorStore
    span: Span
    view: NightView
    records: Records
    findings: Findings
    changed: _Changed
    level: float
    reader: ChunkReader

    @property
    def shown(self) -> tuple[str, ...]:
        """Nights of the range."""
        return tuple(n for n in self.view.nights if n >= self.span.since)

    def state(self, site: str, night: str) -> State:
        """Why a night holds no rows of something at a site."""
        if self.view.arrived(site, night):
            return "absent"
        refused = {(key.site, key.night) for key in self.view.quarantined}
        return "refused" if (site, night) in refused else "silent"


def investigate_store(
    store: BehaviorStore,
    name: str,
    *,
    since: str | None = None,
    until: str | None = None,
    window: int = 60,
    false_discovery: float = 0.05,
) -> History:
    """Collect the history of an agent, an entity, a team or a site.

    Parameters
    ----------
    store : BehaviorStore
        Pinned to a snapshot; nothing is written.
    name : str
        Tried as a site, then as a team (``site/team``, or a name that one site has),
        then as an agent or entity; a prefix ``site:``, ``team:`` or ``agent:`` forces
        one of them.
    since, until : str, optional
        First and last night, ISO dates, both included.  See `choose_span`.
    window : int
        Nights before the range that say what is usual.
    false_discovery : float
        Rate over the tested nights of this investigation.

    Returns
    -------
    History

    Raises
    ------
    UnknownName, AmbiguousName
        Naming the closest names, or the teams that share one.
    BadRange
        When the range cannot be shown.
    stats.summary.NotEnoughData
        When the store is empty.

    Notes
    -----
    Team means come from the summaries that nightly runs keep; shards without one are
    reduced in memory.  To find an agent the ids of every counted shard are read;
    values are read only from chunks that hold it and, on the nights that calibrate p,
    from the chunk where it would lie.
    """
    delivered = sorted({row.key.night for row in store.shards()})
    if not delivered:
        raise NotEnoughData(
            f"investigate: the store {store.url} holds no shard. "
            "Ingest data first: consilience ingest FILES."
        )
    span = choose_span(delivered, since, until, window=window)
    view = reconcile(
        store, span.until, nights=span.before, as_of=night_end(span.until)
    )
    records = _records(store, view)
    ground = _Ground(
        store, span, view, records,
        read_findings(store, span.since, span.until),
        corrections(store, view, span.since),
        false_discovery, ChunkReader(store),
    )  # fmt: skip
    teams = sorted({label for r in records.values() for label in r.labels})
    sites = [site.site for site in view.sites]
    group = find_group(name, sites, teams)
    if group is not None:
        return _of_group(ground, *group)
    return _of_agent(ground, name, [*sites, *teams])


def _records(store: BehaviorStore, view: NightView) -> dict[tuple[str, str], Any]:
    """Summaries of all counted shards: those kept, and the others made in memory."""
    transforms = schema_transforms(store.schema)
    keys = {
        row: checkpoint_key(row, transforms)
        for rows in view.winners.values()
        for row in rows
    }
    kept = Checkpoints(store).get(list(keys.values()))
    records: dict[tuple[str, str], Labelled[ShardMoments]] = {}
    for done, (place, rows) in enumerate(view.winners.items(), 1):
        parts = [
            decode_record(kept[keys[row]])
            if keys[row] in kept
            else merge_all([summarize(b, transforms) for b in block_refs(store, row)])
            for row in rows
        ]
        records[place] = merge_all(parts)
        report_progress("summaries", done, len(view.winners))
    return records


def _of_agent(ground: _Ground, name: str, groups: Sequence[str]) -> History:
    rows = [row for night in ground.view.nights for row in ground.view.rows_of(night)]
    sightings, seen = find_agent(
        name, rows, functools.partial(read_names, ground.store),
        lambda done: report_progress("find", done, len(rows)),
    )  # fmt: skip
    if not sightings:
        nights = f"the nights {ground.view.nights[0]} to {ground.span.until}"
        raise unknown(name, groups, seen, nights)
    sites = sorted({s.seat.site for s in sightings})
    places: list[Place] = []
    wanted = [row for row in rows if row.key.site in sites]
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        report_progress("read", done, len(wanted))

    for site in sites:
        before = [
            night
            for night in ground.view.nights
            if night < ground.span.since and ground.view.arrived(site, night)
        ]
        reference = fit_reference(ground.store, site, before, ground.records)
        found = read_seats(
            ground.reader,
            [row for row in wanted if row.key.site == site],
            [s for s in sightings if s.seat.site == site],
            reference, ground.records, step,
        )  # fmt: skip
        for seat, nights in found.items():
            calibrated, size = nights.calibrated()
            used = replace(reference.reference, null_size=size)
            if not used.why_not and size < MIN_NULL:
                why = f"{MIN_NULL} null scores are needed, there are {size}"
                used = replace(used, why_not=why)
            moved = _moved(ground, seat, sightings)
            places.append(_place(ground, seat, calibrated, used, moved))
    named = name.removeprefix("agent:")
    return _history(ground, named, "agent", _by_nights(places), ())


def _moved(
    ground: _Ground, seat: Seat, sightings: Sequence[Sighting]
) -> dict[str, tuple[Correction, ...]]:
    """Corrections of the agent's site, told apart by whether they moved the agent."""
    here = {s.row.key.night: s for s in sightings if s.seat == seat}
    return {
        night: tuple(
            _compared(ground, correction, before, seat, here.get(night))
            for correction, before in found
        )
        for (site, night), found in ground.changed.items()
        if site == seat.site
    }


def _compared(
    ground: _Ground,
    correction: Correction,
    before: ShardRow | None,
    seat: Seat,
    now: Sighting | None,
) -> Correction:
    if before is None:
        return replace(correction, moved=now is not None)
    names = read_names(ground.store, before)
    team = names.team_names[names.team]
    hits = np.flatnonzero((names.agents == seat.agent) & (team == seat.team))
    if not len(hits) or now is None:
        return replace(correction, moved=bool(len(hits)) != (now is not None))
    old = ground.reader.agent(before, int(hits[0])).values
    new = ground.reader.agent(now.row, now.index).values
    j = ground.store.schema.names.index(ground.store.schema.lead)
    rows = old[0, :, j]
    lead = known(rows[~np.isnan(rows)].mean()) if (~np.isnan(rows)).any() else None
    same = np.array_equal(old, new, equal_nan=True)
    return replace(correction, moved=not same, lead_before=lead)


def _of_group(ground: _Ground, level: Kind, label: str) -> History:
    baselines = compute_baselines(ground.view, ground.records)
    nights, reference = group_nights(baselines, level, label, len(ground.shown))
    site, _, team = label.partition("/")
    changed = {
        night: tuple(correction for correction, _ in found)
        for (where, night), found in ground.changed.items()
        if where == site
    }
    place = _place(ground, Seat(site, team, "", ""), nights, reference, changed)
    members = ground.findings.members(level, label)
    return _history(ground, label, level, (place,), members)


def _place(
    ground: _Ground,
    seat: Seat,
    nights: Mapping[str, HistoryNight],
    reference: Reference,
    changed: Mapping[str, tuple[Correction, ...]],
) -> Place:
    """Put the nights of the range in order, with what is missing told apart."""
    before = [n for night, n in sorted(nights.items()) if night < ground.span.since]
    own = own_baseline(before, len(ground.store.schema.features))
    shown = []
    for night in ground.shown:
        found = nights.get(night)
        if found is None:
            found = HistoryNight(night, ground.state(seat.site, night))
        else:
            found = mark_outside(found, own)
        said = _published(ground, seat, night)
        shown.append(
            replace(found, published=said, corrections=changed.get(night, ()))
        )
    marked = mark_nights(shown, ground.level, reference.null_size)
    return Place(
        seat.site, seat.team, seat.agent, seat.entity, marked, own, reference
    )


def _published(ground: _Ground, seat: Seat, night: str) -> Any:
    if seat.agent:
        return ground.findings.seat(night, seat)
    level = "team" if seat.team else "site"
    label = f"{seat.site}/{seat.team}" if seat.team else seat.site
    return ground.findings.group(night, level, label)


def _by_nights(places: Sequence[Place]) -> tuple[Place, ...]:
    return tuple(
        sorted(places, key=lambda p: (-len(p.present), p.site, p.team, p.agent))
    )


def _history(
    ground: _Ground,
    name: str,
    kind: Kind,
    places: tuple[Place, ...],
    members: tuple[Member, ...],
) -> History:
    schema = ground.store.schema
    nouns = {"agent": schema.entity_noun, "team": schema.team_noun, "site": "site"}
    provenance = {
        "snapshot": ground.view.snapshot,
        "ledger_digest": ground.view.ledger_digest,
        "window_from": ground.view.nights[0],
        "false_discovery": ground.level,
        "chunks_read": len(ground.reader.chunks),
        "chunks_in_all": sum(
            len(ground.store.blocks(row))
            for rows in ground.view.winners.values()
            for row in rows
        ),
        "versions": versions(),
    }
    return History(
        name=name, kind=kind, since=ground.span.since, until=ground.span.until,
        dataset=schema.dataset, lead=schema.lead, noun=nouns[kind],
        row_noun=schema.row_noun, team_noun=schema.team_noun,
        features=tuple((f.name, f.label, f.unit) for f in schema.features),
        places=places, members=members, published_nights=ground.findings.nights,
        level=ground.level, provenance=provenance,
    )  # fmt: skip
