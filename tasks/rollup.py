"""A window rolled up to every level, changed by exactly what changed in its shards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

import numpy as np

from stats.labelled import Labelled
from stats.rolled_up import RolledUp
from stats.summary import merge_all
from stats.window_sums import WindowSums
from storage.records import ShardKey
from storage.schema import ShardRow

__all__ = [
    "ALL",
    "LevelName",
    "Member",
    "Part",
    "RollWork",
    "Summaries",
    "WindowLevels",
    "by_site",
    "change_levels",
    "change_teams",
    "difference",
    "fold_levels",
    "members_of",
]

LevelName = Literal["team", "site", "all"]
Part = Labelled[WindowSums]
ALL: Final = "all"


@dataclass(frozen=True, slots=True, order=True)
class Member:
    """A shard that counts: its key, and the hash of its content."""

    key: ShardKey
    sha256: str


class Summaries(Protocol):
    """Gives the summary of a shard, read or kept."""

    def get(self, members: Sequence[Member]) -> dict[Member, Part]:
        """Return one summary per member.

        Raises
        ------
        storage.errors.TooLate
            When neither summary nor values of one are kept any more.
        """
        ...


@dataclass(slots=True)
class RollWork:
    """What a roll-up cost.

    Attributes
    ----------
    merges : int
        Summaries that were added or taken out, each once per level.
    folded : int
        Summaries that were looked at for a smallest or largest value.
    kept, changed, rebuilt : int
        Sites whose state was there, was changed, or was made from nothing.
    """

    merges: int = 0
    folded: int = 0
    kept: int = 0
    changed: int = 0
    rebuilt: int = 0


@dataclass(frozen=True, slots=True)
class WindowLevels:
    """A window at every level.

    Attributes
    ----------
    teams : dict of site to RolledUp
        Groups are labelled ``site/team``; a site without a shard has no entry.
    site : RolledUp
        One group per site.
    whole : RolledUp
        One group, named all.
    work : RollWork
        How it came about; no part of the state.
    """

    teams: dict[str, RolledUp]
    site: RolledUp
    whole: RolledUp
    work: RollWork = field(compare=False, default_factory=RollWork)

    def at(self, level: LevelName, labels: tuple[str, ...]) -> WindowSums:
        """Return the groups of a level in the order of `labels`; unseen ones empty.

        Raises
        ------
        stats.summary.InvalidInput
            When a group is not among `labels`.
        """
        if level == "site":
            return self.site.named.align(labels)
        if level == ALL:
            return self.whole.named.align(labels)
        return merge_all([state.named for state in self.teams.values()]).align(labels)

    def digest(self) -> tuple[str, ...]:
        """SHA-256 of every state, hexadecimal: sites in order, then site and all."""
        states = [self.teams[site] for site in sorted(self.teams)]
        return tuple(state.digest() for state in (*states, self.site, self.whole))


def members_of(rows: Iterable[ShardRow]) -> tuple[Member, ...]:
    """Return what of the rows decides a roll-up, sorted."""
    return tuple(sorted(Member(row.key, row.sha256) for row in rows))


def by_site(members: Iterable[Member]) -> dict[str, tuple[Member, ...]]:
    """Sort members into their sites; both in order."""
    found: dict[str, list[Member]] = {}
    for member in sorted(members):
        found.setdefault(member.key.site, []).append(member)
    return {site: tuple(group) for site, group in sorted(found.items())}


def change_teams(
    state: RolledUp,
    before: Sequence[Member],
    now: Sequence[Member],
    summaries: Summaries,
    work: RollWork,
) -> RolledUp:
    """Turn the state of one site over `before` into that over `now`.

    Costs one merge per shard that entered or left.  Only for groups that may have lost
    their smallest or largest value all shards of the site are looked at.

    Parameters
    ----------
    state : RolledUp
        Over `before`.
    before, now : sequence of Member
        Of one site; `now` is not empty.
    summaries : Summaries
    work : RollWork
        Added to.

    Raises
    ------
    storage.errors.TooLate
        When a summary that is needed is gone.
    """
    out, into = difference(before, now)
    parts = summaries.get([*out, *into])
    changed = state.change([parts[m] for m in out], [parts[m] for m in into])
    work.merges += len(out) + len(into)
    if changed.unknown():
        every = summaries.get(now)
        changed = changed.fold_again([every[m] for m in now])
        work.folded += len(now)
    return changed


def change_levels(
    base: WindowLevels,
    teams: Mapping[str, RolledUp],
    out: Sequence[Part],
    into: Sequence[Part],
    work: RollWork,
) -> WindowLevels:
    """Change the levels above the teams by the shards that left and entered.

    Parameters
    ----------
    base : WindowLevels
        Its levels site and all; its teams are not looked at.
    teams : mapping of site to RolledUp
        The teams as they are now.
    out, into : sequence of Labelled[WindowSums]
        Summaries of single shards: each belongs to one site.
    work : RollWork
        Added to.
    """
    taken, given = [_to_site(p) for p in out], [_to_site(p) for p in into]
    site = base.site.change(taken, given)
    lost = site.unknown()
    if lost:
        site = site.fold_again([_to_site(teams[name].named) for name in lost])
    whole = base.whole.change([_to_all(p) for p in taken], [_to_all(p) for p in given])
    if whole.unknown():
        whole = whole.fold_again([_to_all(site.named)])
        work.folded += 1
    work.merges += 2 * (len(out) + len(into))
    work.folded += len(lost)
    return WindowLevels(dict(teams), site, whole, work)


def fold_levels(
    teams: Mapping[str, RolledUp], shards: Mapping[str, int], work: RollWork
) -> WindowLevels:
    """Roll teams up to sites and to all, from nothing.

    Parameters
    ----------
    teams : mapping of site to RolledUp
        At least one.
    shards : mapping of site to int
        How many shards each holds.
    work : RollWork
        Added to.
    """
    sites = tuple(sorted(teams))
    named = merge_all([_to_site(teams[site].named) for site in sites])
    counts = np.array([shards[site] for site in sites], dtype=np.int64)
    site = RolledUp(sites, counts, named.groups)
    top = _to_all(named)
    whole = RolledUp(top.labels, counts.sum(keepdims=True), top.groups)
    work.merges += 2 * len(sites)
    return WindowLevels(dict(teams), site, whole, work)


def difference(
    before: Iterable[Member], now: Iterable[Member]
) -> tuple[list[Member], list[Member]]:
    """Return what left and what entered, both in order."""
    old, new = set(before), set(now)
    return sorted(old - new), sorted(new - old)


def _to_site(part: Part) -> Part:
    """Add up the teams of one site: a shard, or the window of the site."""
    site = part.labels[0].split("/", 1)[0]
    one = np.zeros(part.n_groups, dtype=np.int64)
    return Labelled((site,), part.groups.rollup(one, 1))


def _to_all(part: Part) -> Part:
    """Add up all groups."""
    one = np.zeros(part.n_groups, dtype=np.int64)
    return Labelled((ALL,), part.groups.rollup(one, 1))
