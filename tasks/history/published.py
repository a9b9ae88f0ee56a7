"""What published nights said about a subject, and what became of their shards."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storage.results import read_results
from storage.schema import NotFound, ShardRow
from storage.store import BehaviorStore
from tasks.history.record import Correction, Member, PublishedResult, known
from tasks.history.subject import Seat
from tasks.publish import latest, published_nights, revisions
from tasks.reconcile import NightView

__all__ = ["Findings", "corrections", "read_findings"]

Arrays = Mapping[str, NDArray[Any]]
_AGENT = ("agent", "agent_team", "agent_p", "agent_entity")
_ENTITY = ("entity", "entity_q", "entity_found")
_CHANGE = ("agent", "team", "change", "since")
_SHOWN = 10


class Findings:
    """Scores of the published nights of a range, newest revision of each.

    Attributes
    ----------
    nights : tuple of str
    """

    def __init__(
        self,
        scores: Mapping[str, tuple[int, Arrays]],
        changes: Mapping[str, Arrays] | None = None,
    ) -> None:
        self._scores = dict(scores)
        self._changes = dict(changes or {})
        self.nights = tuple(sorted(self._scores))

    def seat(self, night: str, seat: Seat) -> PublishedResult | None:
        """What was said about an agent; None when the night was not published."""
        if night not in self._scores:
            return None
        revision, scores = self._scores[night]
        if "agent" not in scores:
            return None
        label = f"{seat.site}/{seat.team}"
        hits = np.flatnonzero(
            (scores["agent"] == seat.agent) & (scores["agent_team"] == label)
        )
        entity = np.flatnonzero(scores["entity"] == seat.entity)
        p = known(scores["agent_p"][hits[0]]) if len(hits) else None
        changed = self._change(night, seat.agent, label)
        if not len(entity):
            return PublishedResult(revision, p, None, False, *changed)
        q = known(scores["entity_q"][entity[0]])
        found = bool(scores["entity_found"][entity[0]])
        return PublishedResult(revision, p, q, found, *changed)

    def _change(self, night: str, agent: str, label: str) -> tuple[str, str]:
        """Kind of change of an agent in its team, and the night it began."""
        if night not in self._changes:
            return "", ""
        found = self._changes[night]
        hits = np.flatnonzero((found["agent"] == agent) & (found["team"] == label))
        if not len(hits):
            return "", ""
        return str(found["change"][hits[0]]), str(found["since"][hits[0]])

    def group(self, night: str, level: str, label: str) -> PublishedResult | None:
        """What was said about a team or site."""
        if night not in self._scores:
            return None
        revision, scores = self._scores[night]
        hits = np.flatnonzero(scores[level] == label)
        if not len(hits):
            return None
        k = hits[0]
        p, q = known(scores[f"{level}_p"][k]), known(scores[f"{level}_q"][k])
        return PublishedResult(revision, p, q, bool(scores[f"{level}_found"][k]))

    def members(self, level: str, label: str) -> tuple[Member, ...]:
        """Agents of a team, or teams of a site: found most often, then lowest p."""
        seen: dict[str, list[tuple[str, float | None, bool]]] = {}
        for night, (_, scores) in sorted(self._scores.items()):
            for name, p, found in _members(scores, level, label):
                seen.setdefault(name, []).append((night, p, found))
        members = [_member(name, results) for name, results in seen.items()]
        order = sorted(
            members,
            key=lambda m: (
                -len(m.found),
                1.0 if m.lowest_p is None else m.lowest_p,
                m.name,
            ),
        )
        return tuple(order[:_SHOWN])


def _members(
    scores: Arrays, level: str, label: str
) -> list[tuple[str, float | None, bool]]:
    if level == "site":
        inside = [str(t).startswith(f"{label}/") for t in scores["team"]]
        return [
            (str(scores["team"][k]), known(scores["team_p"][k]),
             bool(scores["team_found"][k]))
            for k in np.flatnonzero(inside)
        ]  # fmt: skip
    if "agent" not in scores:
        return []
    found = set(scores["entity"][scores["entity_found"]].tolist())
    return [
        (str(scores["agent_entity"][k]), known(scores["agent_p"][k]),
         str(scores["agent_entity"][k]) in found)
        for k in np.flatnonzero(scores["agent_team"] == label)
    ]  # fmt: skip


def _member(name: str, results: Sequence[tuple[str, float | None, bool]]) -> Member:
    tested = [(p, night) for night, p, _ in results if p is not None]
    lowest, when = min(tested, default=(None, ""))
    found = tuple(night for night, _, hit in results if hit)
    return Member(name, len(tested), found, lowest, when)


def read_findings(store: BehaviorStore, since: str, until: str) -> Findings:
    """Read the scores of the published nights of a range.

    Parameters
    ----------
    store : BehaviorStore
        At a snapshot that holds the results.
    since, until : str
    """
    found, changes = {}, {}
    for night in published_nights(store):
        if not since <= night <= until:
            continue
        run = latest(store, night)
        if run is None:  # pragma: no cover - the night was just listed
            continue
        root = f"runs/{night}/r{run.revision}"
        group = f"{root}/scores"
        scores = read_results(store, group, _groups())
        # Nights before there were enough to score agents hold none.
        with contextlib.suppress(NotFound):
            scores |= read_results(store, group, _AGENT + _ENTITY)
        with contextlib.suppress(NotFound):
            changes[night] = read_results(store, f"{root}/changes", _CHANGE)
        found[night] = (run.revision, scores)
    return Findings(found, changes)


def _groups() -> tuple[str, ...]:
    parts = ("", "_p", "_q", "_found")
    return tuple(level + part for level in ("team", "site") for part in parts)


def corrections(
    store: BehaviorStore, view: NightView, since: str
) -> dict[tuple[str, str], tuple[tuple[Correction, ShardRow | None], ...]]:
    """Shards of the range that came late or replaced another version.

    Parameters
    ----------
    store : BehaviorStore
    view : NightView
    since : str
        First night looked at.

    Returns
    -------
    dict of (site, night) to (correction, row of the version before)
        Late: not in the first published revision of that night.
    """
    older: dict[object, list[ShardRow]] = {}
    for row in store.shards(since=since, until=view.night):
        older.setdefault(row.key, []).append(row)
    published = set(published_nights(store))
    out = {}
    for (site, night), rows in sorted(view.winners.items()):
        if night < since:
            continue
        first = _first_view(store, night) if night in published else None
        found = [
            made
            for row in rows
            for made in [_correction(row, older[row.key], first)]
            if made is not None
        ]
        if found:
            out[site, night] = tuple(found)
    return out


def _correction(
    row: ShardRow, versions: Sequence[ShardRow], first: set[tuple[str, str]] | None
) -> tuple[Correction, ShardRow | None] | None:
    before = [other for other in versions if other.version < row.version]
    now = str(row.version)
    if before:
        last = max(before, key=lambda other: other.version)
        made = Correction(
            "corrected", row.key.part, str(last.version), now, last.n, row.n
        )
        return made, last
    if first is not None and (row.key.site, row.key.part) not in first:
        return Correction("late", row.key.part, None, now, None, row.n), None
    return None


def _first_view(store: BehaviorStore, night: str) -> set[tuple[str, str]]:
    """Sites and parts of a night that its first revision counted."""
    first = revisions(store, night)[0]
    group = f"runs/{night}/r{first.revision}/views"
    view = read_results(store, group, ("site", "night", "part"))
    here = view["night"] == night
    return set(
        zip(view["site"][here].tolist(), view["part"][here].tolist(), strict=True)
    )
