"""Collect everything known about one agent, team or site over a range of nights."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import replace

from stats.summary import NotEnoughData
from storage.names import read_names
from storage.store import BehaviorStore
from tasks.baselines import compute_baselines
from tasks.history.agents import MIN_NULL, fit_reference, read_seats
from tasks.history.ground import Ground, lay_ground
from tasks.history.groups import group_nights
from tasks.history.places import make_place, moved_by
from tasks.history.record import History, Kind, Member, Place
from tasks.history.span import choose_span
from tasks.history.subject import Seat, Sighting, find_agent, find_group, unknown
from tasks.plan import versions
from tasks.progress import report_progress

__all__ = ["investigate_store"]


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
    ground = lay_ground(store, span, level=false_discovery)
    teams = sorted({label for r in ground.records.values() for label in r.labels})
    sites = [site.site for site in ground.view.sites]
    group = find_group(name, sites, teams)
    if group is not None:
        return _of_group(ground, *group)
    return _of_agent(ground, name, [*sites, *teams])


def _of_agent(ground: Ground, name: str, groups: Sequence[str]) -> History:
    rows = [row for night in ground.view.nights for row in ground.view.rows_of(night)]
    sightings, seen = find_agent(
        name, rows, functools.partial(read_names, ground.store),
        lambda done: report_progress("find", done, len(rows)),
    )  # fmt: skip
    if not sightings:
        where = f"the nights {ground.view.nights[0]} to {ground.span.until}"
        raise unknown(name, groups, seen, where)
    sites = sorted({s.seat.site for s in sightings})
    places = [place for site in sites for place in _at_site(ground, site, sightings)]
    named = name.removeprefix("agent:")
    return _history(ground, named, "agent", _by_nights(places), ())


def _at_site(
    ground: Ground, site: str, sightings: Sequence[Sighting]
) -> Iterator[Place]:
    """Read the agents of one site, and make a place of each."""
    arrived = [n for n in ground.view.nights if ground.view.arrived(site, n)]
    before = [night for night in arrived if night < ground.span.since]
    reference = fit_reference(ground.store, site, before, ground.records)
    rows = [row for night in arrived for row in ground.view.winners[site, night]]
    found = read_seats(
        ground.reader, rows,
        [s for s in sightings if s.seat.site == site],
        reference, ground.records,
        lambda done: report_progress(f"read {site}", done, len(rows)),
    )  # fmt: skip
    for seat, read in found.items():
        calibrated, size = read.calibrated()
        used = replace(reference.reference, null_size=size)
        if not used.why_not and size < MIN_NULL:
            why = f"{MIN_NULL} null scores are needed, there are {size}"
            used = replace(used, why_not=why)
        moved = moved_by(ground, seat, sightings)
        yield make_place(ground, seat, calibrated, used, moved)


def _of_group(ground: Ground, level: Kind, label: str) -> History:
    baselines = compute_baselines(ground.view, ground.records)
    nights, reference = group_nights(baselines, level, label, len(ground.shown))
    site, _, team = label.partition("/")
    changed = {
        night: tuple(correction for correction, _ in found)
        for (where, night), found in ground.changed.items()
        if where == site
    }
    place = make_place(ground, Seat(site, team, "", ""), nights, reference, changed)
    members = ground.findings.members(level, label)
    return _history(ground, label, level, (place,), members)


def _by_nights(places: Sequence[Place]) -> tuple[Place, ...]:
    return tuple(
        sorted(places, key=lambda p: (-len(p.present), p.site, p.team, p.agent))
    )


def _history(
    ground: Ground,
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
        features=tuple(
            (f.name, f.label, "" if f.unit == "1" else f.unit) for f in schema.features
        ),
        places=places, members=members, published_nights=ground.findings.nights,
        level=ground.level, provenance=provenance,
    )  # fmt: skip
