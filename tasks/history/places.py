"""One place of an investigation: its nights in order, what is missing told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from storage.names import read_names
from storage.schema import ShardRow
from tasks.blocks import team_label
from tasks.history.ground import Ground
from tasks.history.own import mark_nights, mark_outside, own_baseline
from tasks.history.record import (
    Correction,
    FeatureNight,
    HistoryNight,
    Place,
    PublishedResult,
    Reference,
    known,
)
from tasks.history.subject import Seat, Sighting

__all__ = ["make_place", "moved_by"]


def make_place(
    ground: Ground,
    seat: Seat,
    nights: Mapping[str, HistoryNight],
    reference: Reference,
    changed: Mapping[str, tuple[Correction, ...]],
) -> Place:
    """Put the nights of the range in order, and mark those that stand out.

    Parameters
    ----------
    ground : Ground
    seat : Seat
        Without an agent it is a team, without a team a site.
    nights : mapping of night to HistoryNight
        Those with rows; those before the range say what is usual.
    reference : Reference
    changed : mapping of night to corrections
    """
    before = [n for night, n in sorted(nights.items()) if night < ground.span.since]
    own = own_baseline(before, len(ground.store.schema.features))
    shown = []
    for night in ground.shown:
        found = nights.get(night)
        found = (
            _without_rows(ground, seat, night)
            if found is None
            else mark_outside(found, own)
        )
        said = _published(ground, seat, night)
        shown.append(replace(found, published=said, corrections=changed.get(night, ())))
    marked = mark_nights(shown, ground.level, reference.null_size)
    return Place(seat.site, seat.team, seat.agent, seat.entity, marked, own, reference)


def _without_rows(ground: Ground, seat: Seat, night: str) -> HistoryNight:
    """Make a night without rows: why, and what the team of an absent agent did."""
    record = ground.records.get((seat.site, night))
    label = team_label(seat.site, seat.team)
    if not seat.agent or record is None or label not in record.labels:
        return HistoryNight(night, ground.state(seat.site, night))
    around = record.groups.rows.mean()[record.labels.index(label)]
    features = tuple(FeatureNight(0, None, None, None, known(v)) for v in around)
    return HistoryNight(night, "absent", features=features)


def _published(ground: Ground, seat: Seat, night: str) -> PublishedResult | None:
    if seat.agent:
        return ground.findings.seat(night, seat)
    level = "team" if seat.team else "site"
    label = f"{seat.site}/{seat.team}" if seat.team else seat.site
    return ground.findings.group(night, level, label)


def moved_by(
    ground: Ground, seat: Seat, sightings: Sequence[Sighting]
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
    ground: Ground,
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
