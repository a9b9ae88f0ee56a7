"""A late shard changes a window by two merges a level: counted, and equal in bytes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats.labelled import Labelled
from stats.limbs import Limbs
from stats.moments import GroupMoments
from stats.quantiles import GroupQuantiles
from stats.rolled_up import RolledUp
from stats.window_sums import WindowSums
from storage.records import ShardKey
from tasks.rollup import (
    Member,
    Part,
    RollWork,
    WindowLevels,
    by_site,
    change_levels,
    change_teams,
    difference,
    fold_levels,
)

FIRST = dt.date(2026, 1, 1)


def member(site: int, night: int, version: int = 1) -> Member:
    when = (FIRST + dt.timedelta(days=night)).isoformat()
    return Member(ShardKey("d", f"s{site:02d}", when, "0"), f"{version:064d}")


class Made:
    """Summaries of one team and one row each, made from the name of the shard."""

    def __init__(self) -> None:
        self.asked: list[Member] = []

    def get(self, members: Sequence[Member]) -> dict[Member, Part]:
        self.asked += members
        return {m: self._make(m) for m in members}

    @staticmethod
    def _make(m: Member) -> Part:
        night, version = int(m.key.night.replace("-", "")), int(m.sha256)
        team = "one" if (night + version) % 2 else "two"
        return Labelled((f"{m.key.site}/{team}",), sums(night, version))


@cache
def sums(night: int, version: int) -> WindowSums:
    x = np.random.default_rng([night, version]).normal(size=(1, 1))
    group = np.zeros(1, dtype=np.int64)
    return WindowSums(
        GroupMoments.from_block(x, group, 1), GroupQuantiles.from_block(x, group, 1)
    )


def fold(members: Sequence[Member], made: Made) -> WindowLevels:
    """Twin: everything from nothing."""
    sites, parts = by_site(members), made.get(members)
    teams = {s: RolledUp.fold([parts[m] for m in held]) for s, held in sites.items()}
    return fold_levels(teams, {s: len(held) for s, held in sites.items()}, RollWork())


def change(
    base: WindowLevels, before: Sequence[Member], now: Sequence[Member], made: Made
) -> WindowLevels:
    """Touch the sites that changed and the levels above them."""
    work, old, new = RollWork(), by_site(before), by_site(now)
    teams = {s: state for s, state in base.teams.items() if s in new}
    for site, held in new.items():
        if site not in old:
            parts = made.get(held)
            teams[site] = RolledUp.fold([parts[m] for m in held])
            work.merges += len(held)
        elif old[site] != held:
            teams[site] = change_teams(teams[site], old[site], held, made, work)
    out, into = difference(before, now)
    parts = made.get([*out, *into])
    moved = ([parts[m] for m in out], [parts[m] for m in into])
    return change_levels(base, teams, *moved, work)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)),
                max_size=8))  # fmt: skip
def test_any_changes_of_shards_give_the_bytes_of_a_rebuild(
    events: list[tuple[int, int, int]],
) -> None:
    """Event (site, night, version): late, the same again, corrected, 0: retracted."""
    made = Made()
    held = {(9, 0): member(9, 0)}
    levels = fold(list(held.values()), made)
    for site, night, version in events:
        before = sorted(held.values())
        held.pop((site, night), None)
        if version:
            held[site, night] = member(site, night, version)
        levels = change(levels, before, sorted(held.values()), made)
        assert levels.digest() == fold(sorted(held.values()), made).digest()


@pytest.fixture(scope="module")
def large() -> tuple[list[Member], WindowLevels]:
    """64 sites of 64 nights: 4,096 shards, one of them not yet there."""
    members = [member(site, night) for site in range(64) for night in range(64)]
    return members, fold(members[:2_000] + members[2_001:], Made())


def test_one_late_shard_among_4096_costs_three_merges(
    large: tuple[list[Member], WindowLevels], monkeypatch: pytest.MonkeyPatch
) -> None:
    members, base = large
    made, joined = Made(), []
    real = Limbs.join

    def counted(items: Sequence[Limbs], *rest: object, **options: object) -> Limbs:
        joined.append(len(items) - 1)
        return real(items, *rest, **options)

    monkeypatch.setattr(Limbs, "join", staticmethod(counted))
    before = members[:2_000] + members[2_001:]
    levels = change(base, before, members, made)
    late = sum(joined)
    assert (levels.work.merges, levels.work.folded) == (3, 0)
    assert set(made.asked) == {members[2_000]}
    joined.clear()
    assert fold(members, Made()).digest() == levels.digest()
    # Four states of integers are joined per merge of moments.
    assert (late, late <= 4 * 50, sum(joined) > 4 * 4_000) == (3 * 4, True, True)


def test_a_corrected_shard_costs_two_merges_a_level_and_looks_at_its_own_site(
    large: tuple[list[Member], WindowLevels],
) -> None:
    members, base = large
    made, before = Made(), members[:2_000] + members[2_001:]
    now = sorted([*before[1:], member(0, 0, 2)])
    levels = change(base, before, now, made)
    assert levels.work.merges == 6
    assert levels.work.folded <= 64 + 2
    assert {m.key.site for m in made.asked} == {"s00"}
    assert levels.digest() == fold(now, Made()).digest()


def test_the_next_night_enters_and_the_oldest_leaves(
    large: tuple[list[Member], WindowLevels],
) -> None:
    members, _ = large
    made = Made()
    first = [m for m in members if m.key.site < "s04"]
    base = fold(first, made)
    when = min(m.key.night for m in first)
    now = [m for m in first if m.key.night != when]
    now += [member(site, 64) for site in range(4)]
    levels = change(base, first, sorted(now), made)
    assert levels.work.merges == 3 * 2 * 4
    assert levels.digest() == fold(sorted(now), made).digest()
    labels = tuple(sorted({label for t in levels.teams.values() for label in t.labels}))
    assert levels.at("team", labels).rows.count.sum() == 4 * 64
    assert levels.at("site", ("s00", "s01", "s02", "s03", "s99")).n_groups == 5
    assert levels.at("all", ("all",)).rows.count[0, 0] == 4 * 64
