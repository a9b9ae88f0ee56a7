"""Whom a name means: a site, a team, or an agent wherever it was seen."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from storage.names import ShardNames
from storage.schema import ShardRow
from tasks.history.record import Kind

__all__ = [
    "AmbiguousName",
    "Seat",
    "Sighting",
    "UnknownName",
    "find_agent",
    "find_group",
    "unknown",
]

KINDS = ("site", "team", "agent")
# Names compared for closeness; more share the first letters of what was asked.
_COMPARED = 20_000


class UnknownName(ValueError):
    """No agent, team or site of that name in the nights that were looked at."""

    kind: ClassVar[str] = "unknown_name"


class AmbiguousName(ValueError):
    """The name of several teams."""

    kind: ClassVar[str] = "ambiguous_name"


@dataclass(frozen=True, slots=True, order=True)
class Seat:
    """Where an agent lies: its site, its team there, its id, and its entity."""

    site: str
    team: str
    agent: str
    entity: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """A seat that was found in a shard, at `index` of its agent axis."""

    row: ShardRow
    seat: Seat
    index: int


def split_kind(name: str) -> tuple[str, str]:
    """Split ``team:NAME`` into kind and name; the kind is empty without a prefix.

    >>> split_kind("team:EWR/UA@EWR"), split_kind("N1:AA:JFK")
    (('team', 'EWR/UA@EWR'), ('', 'N1:AA:JFK'))
    """
    kind, colon, rest = name.partition(":")
    return (kind, rest) if colon and kind in KINDS and rest else ("", name)


def find_group(
    name: str, sites: Sequence[str], teams: Sequence[str]
) -> tuple[Kind, str] | None:
    """Find the site or team of a name.

    Parameters
    ----------
    name : str
        A site, ``site/team``, or a team's name that only one site has; with a prefix
        ``site:``, ``team:`` or ``agent:`` nothing else is tried.
    sites : sequence of str
    teams : sequence of str
        Labels ``site/team``.

    Returns
    -------
    (kind, label) or None
        None when it can only be an agent.

    Raises
    ------
    AmbiguousName
        When teams of several sites have the name.
    """
    kind, bare = split_kind(name)
    if kind in ("", "site") and bare in sites:
        return "site", bare
    if kind in ("", "team"):
        if bare in teams:
            return "team", bare
        same = [label for label in teams if label.split("/", 1)[1] == bare]
        if len(same) > 1:
            raise AmbiguousName(
                f"investigate: {bare!r} is a team of {len(same)} sites: "
                f"{', '.join(same[:8])}. Give the site as well: {same[0]}."
            )
        if same:
            return "team", same[0]
    return None


def find_agent(
    name: str,
    rows: Iterable[ShardRow],
    read: Callable[[ShardRow], ShardNames],
    progress: Callable[[int], None],
) -> tuple[list[Sighting], dict[str, None]]:
    """Find every shard that holds an agent or an entity of that name.

    Parameters
    ----------
    name : str
        Id of an agent, or of an entity with agents in several teams and sites.
    rows : iterable of ShardRow
    read : callable
        Reads the names of a shard; values are not touched.
    progress : callable
        Told after each shard how many are done.

    Returns
    -------
    sightings : list of Sighting
        In the order of `rows`.
    seen : dict with names as keys
        Entities of the newest shard of every site, when nothing was found.
    """
    wanted = split_kind(name)[1]
    sightings: list[Sighting] = []
    newest: dict[str, ShardNames] = {}
    for done, row in enumerate(rows, 1):
        names = read(row)
        hits = np.flatnonzero((names.agents == wanted) | (names.entities == wanted))
        for index in hits.tolist():
            team = str(names.team_names[names.team[index]])
            seat = Seat(
                row.key.site,
                team,
                str(names.agents[index]),
                str(names.entities[index]),
            )
            sightings.append(Sighting(row, seat, index))
        if not sightings:
            newest[row.key.site] = names
        progress(done)
    seen: dict[str, None] = {}
    if not sightings:
        for names in newest.values():
            seen |= dict.fromkeys(names.entities.tolist())
            seen |= dict.fromkeys(names.agents.tolist())
    return sightings, seen


def unknown(
    name: str, groups: Iterable[str], agents: Mapping[str, None], where: str
) -> UnknownName:
    """Make the error for a name that nothing has, with the closest names there are."""
    _, bare = split_kind(name)
    head = bare[:2].lower()
    pool = list(agents)
    if len(pool) > _COMPARED:
        pool = [other for other in pool if other[:2].lower() == head][:_COMPARED]
    teams = list(groups)
    short = {label.rpartition("/")[2]: label for label in teams}
    close = difflib.get_close_matches(bare, [*teams, *short, *pool], n=3, cutoff=0.5)
    found = list(dict.fromkeys(short.get(other, other) for other in close))
    hint = f"The closest are {', '.join(found)}." if found else "Check the spelling."
    return UnknownName(
        f"investigate: no agent, team or site is named {bare!r} in {where}. {hint}"
    )
