"""Whom a name means, and which nights a range means."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest

from storage.names import ShardNames
from tasks.history.span import LONGEST, BadRange, Span, choose_span
from tasks.history.subject import (
    AmbiguousName,
    UnknownName,
    find_agent,
    find_group,
    unknown,
)

SITES = ["north", "south"]
TEAMS = ["north/a", "north/b", "south/a", "south/c"]
MARCH = [f"2026-03-{day:02d}" for day in range(1, 32)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("north", ("site", "north")),
        ("south/a", ("team", "south/a")),
        ("b", ("team", "north/b")),
        ("team:c", ("team", "south/c")),
        ("site:south", ("site", "south")),
        ("agent:b", None),
        ("team:north", None),
        ("n:17", None),
    ],
)
def test_sites_come_before_teams_and_a_prefix_forces_one(name, expected) -> None:
    assert find_group(name, SITES, TEAMS) == expected


def test_a_team_of_several_sites_is_ambiguous_and_all_are_named() -> None:
    with pytest.raises(AmbiguousName, match=r"north/a, south/a.*Give the site"):
        find_group("a", SITES, TEAMS)


def names(agents: list[str], entities: list[str]) -> ShardNames:
    team = np.array([k % 2 for k in range(len(agents))], dtype=np.int32)
    return ShardNames(np.array(agents), np.array(entities), team, np.array(["a", "b"]))


def test_an_entity_is_found_in_every_shard_and_an_agent_in_its_own() -> None:
    shards = {
        night: names(["x1", "y", f"x{night}"], ["x", "y", "x"]) for night in (2, 3)
    }
    rows = [SimpleNamespace(key=SimpleNamespace(site="north", night=k)) for k in shards]
    told: list[int] = []
    found, _ = find_agent("x", rows, lambda row: shards[row.key.night], told.append)
    assert [(s.row.key.night, s.seat.agent, s.index) for s in found] == [
        (2, "x1", 0), (2, "x2", 2), (3, "x1", 0), (3, "x3", 2),
    ]  # fmt: skip
    assert told == [1, 2]
    found, _ = find_agent("x3", rows, lambda row: shards[row.key.night], told.append)
    assert [(s.seat.team, s.seat.entity, s.index) for s in found] == [("a", "x", 2)]


def test_an_unknown_name_gets_the_closest_names_of_any_kind() -> None:
    agents = dict.fromkeys(["N328AA", "N329AA", "N77"])
    error = unknown("N328AB", TEAMS, agents, "March")
    assert isinstance(error, UnknownName)
    assert "N328AA" in str(error)
    assert "in March" in str(error)
    near = unknown("sooth/c", TEAMS, agents, "March")
    assert "The closest are south/c" in str(near)
    assert str(unknown("??", TEAMS, agents, "March")).endswith("Check the spelling.")


def test_thousands_of_names_are_narrowed_by_their_first_letters() -> None:
    agents = dict.fromkeys(f"{'ab'[k % 2]}{k:06d}" for k in range(30_000))
    said = str(unknown("a00001z", [], agents, "March"))
    assert re.search(r"The closest are a00001\d, a00001\d, a00001\d\.$", said)


def test_a_range_can_be_given_or_found() -> None:
    assert choose_span(MARCH, None, None, window=60) == Span(
        "2026-03-01", "2026-03-16", "2026-03-31"
    )
    assert choose_span(MARCH, "2026-03-20", "2026-03-25", window=5) == Span(
        "2026-03-15", "2026-03-20", "2026-03-25"
    )
    year = [str(day) for day in np.arange("2026-01-01", "2027-01-01", dtype="M8[D]")]
    assert choose_span(year, None, None, window=60) == Span(
        "2026-09-03", "2026-11-02", "2026-12-31"
    )
    assert choose_span(MARCH[:3], None, None, window=60) == Span(
        "2026-03-01", "2026-03-01", "2026-03-03"
    )


@pytest.mark.parametrize(
    ("since", "until", "what"),
    [
        ("2026-03-20", "2026-03-10", "backwards"),
        ("2027-01-01", None, "backwards"),
        (None, "2026-02-01", "no site delivered"),
        ("2026-01-01", "2026-02-01", "no site delivered"),
        ("2020-01-01", None, f"at most {LONGEST}"),
    ],
)
def test_a_range_that_cannot_be_shown_is_refused(since, until, what) -> None:
    with pytest.raises(BadRange, match=what):
        choose_span(MARCH, since, until, window=60)
