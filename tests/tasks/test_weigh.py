"""The run as a source: what it says of a night, once, and what all say together."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stats.calibration import TailCounts
from storage.errors import Rejected
from storage.evidence import (
    evidence_rows,
    evidence_statements,
    read_evidence,
    write_evidence,
)
from storage.evidence_records import refuse_monitor
from storage.store import BehaviorStore
from tasks.blocks import AgentScores
from tasks.monitor_evidence import monitor_of, site_evidence
from tasks.reconcile import NightView, reconcile
from tasks.scoring import AgentFamily, agent_family
from tasks.weigh import WeighOptions, evidence_of_others, say, weigh
from tests.homes import LAST, NOW, SCHEMA, build_home
from tests.tasks.consensus_data import Row, shards

XI = 0.2


def family(p: dict[tuple[str, str, str], float], *, main: int = 0) -> AgentFamily:
    """A family of agents (site, agent, entity) with these p-values; NaN untested."""
    n = len(p)
    sites, agents, entities = (np.array(x) for x in zip(*p, strict=True))
    values = np.array(list(p.values()))
    scores = AgentScores(
        agents, entities, np.array([f"{s}/team" for s in sites]),
        np.ones(n, dtype=np.int64), np.ones(n), np.log(values), np.ones((n, 3)) / 3,
        np.full(n, main, dtype=np.int64), np.ones((n, 3)),
    )  # fmt: skip
    empty = TailCounts.from_block([], [], 1)
    return replace(agent_family(scores, empty, q=0.05), p=values)


P = {
    ("north", "a1", "x"): 0.001,
    ("north", "a2", "x"): 0.5,
    ("north", "a3", "y"): 0.9,
    ("west", "b1", "x"): 0.02,
    ("west", "b2", "z"): float("nan"),
}


def ratio(p: float) -> float:
    return float(np.log(XI) + (XI - 1) * np.log(p))


def test_scores_become_one_ratio_per_entity_night_and_site() -> None:
    found = site_evidence(family(P), SCHEMA, LAST)
    assert sorted(found) == ["north", "west"]
    north = found["north"]
    assert north.source == "monitor-north"
    assert north.agent_names[north.agent].tolist() == ["x", "y"]
    simes = min(2 * 0.001, 0.5)
    assert north.log_ratio == pytest.approx([ratio(simes), ratio(0.9)], rel=1e-12)
    assert found["west"].agent_names.tolist() == ["x"], "untested says nothing"
    assert found["west"].kind_names == ("timing anomaly",)
    other = site_evidence(family(P, main=1), SCHEMA, LAST)["west"]
    assert other.kind_names == ("resource usage",)
    spans = {
        night: set(site_evidence(family(P), SCHEMA, night)["north"].seq.tolist())
        for night in ("2026-03-23", LAST)
    }
    assert not spans["2026-03-23"] & spans[LAST], "numbers are used once in a life"


def test_long_names_stay_safe_and_apart() -> None:
    names = {monitor_of("s" * 60 + end) for end in "ab"}
    assert len(names) == 2
    assert {len(name) for name in names} == {64}


def test_nobody_delivers_in_the_name_of_the_run() -> None:
    with pytest.raises(Rejected, match="nightly run writes"):
        refuse_monitor("monitor-north", "file")
    refuse_monitor("north", "file")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_home(tmp_path_factory.mktemp("weigh") / "home", nights_kept=1)


@pytest.fixture
def store(built: Path, tmp_path: Path) -> BehaviorStore:
    home = Path(shutil.copytree(built, tmp_path / "home"))
    return BehaviorStore.open(str(home / "store"), mode="a")


def view_of(store: BehaviorStore) -> NightView:
    return reconcile(store, LAST, nights=0, as_of=NOW)


def test_saying_it_again_changes_nothing_and_a_change_supersedes(
    store: BehaviorStore,
) -> None:
    first = say(store, LAST, family(P), ingested_at=NOW)
    assert first.written == ("monitor-north", "monitor-west")
    before = store.snapshot
    again = say(store, LAST, family(P), ingested_at=NOW + 1)
    assert (again.written, again.kept, store.snapshot) == ((), first.written, before)

    moved = P | {("west", "b1", "x"): 0.5}
    assert say(store, LAST, family(moved), ingested_at=NOW).written == ("monitor-west",)
    rows = evidence_rows(store, source="monitor-west")
    assert [row.version.seq for row in rows] == [1, 2], "the older one is kept"
    told = [read_evidence(store, row).log_ratio.tolist() for row in rows]
    assert told == [[ratio(0.02)], [ratio(0.5)]]
    found = weigh(store, view_of(store), WeighOptions()).consensus
    assert found is not None
    at = found.agents.tolist().index("x")
    prior = np.log(0.01 / 0.99)
    wanted = prior + ratio(2 * 0.001) + ratio(0.5)
    odds = found.found.posterior.log_odds[at, 0]
    assert odds == pytest.approx(wanted, rel=1e-12)
    assert (found.n, found.f, found.status(at)) == (3, 0, "exact")


def test_a_site_without_scores_takes_back_what_it_said(store: BehaviorStore) -> None:
    say(store, LAST, family(P), ingested_at=NOW)
    north = {key: p for key, p in P.items() if key[0] == "north"}
    assert say(store, LAST, family(north), ingested_at=NOW).withdrawn == (
        "monitor-west",
    )
    before = store.snapshot
    say(store, LAST, family(north), ingested_at=NOW)
    assert store.snapshot == before
    assert [r.version.seq for r in evidence_statements(store)] == [2]
    found = weigh(store, view_of(store), WeighOptions()).consensus
    assert found is not None
    assert found.spoke == ("monitor-north",)
    assert "monitor-west" in found.sources, "taken back is not forgotten"
    back = say(store, LAST, family(P), ingested_at=NOW)
    assert back.written == ("monitor-west",)
    again = weigh(store, view_of(store), WeighOptions()).consensus
    assert again is not None
    assert again.spoke == ("monitor-north", "monitor-west")


def test_without_scores_or_others_nothing_is_weighed(store: BehaviorStore) -> None:
    say(store, LAST, None, ingested_at=NOW)
    found = weigh(store, view_of(store), WeighOptions())
    assert found.consensus is None
    assert found.kind == "not_enough_data"
    assert evidence_of_others(store, LAST, 0) == []


@pytest.mark.parametrize(("probes", "liars"), [(2, 0), (3, 1), (6, 2)])
def test_monitors_are_one_voice_beside_the_others(
    store: BehaviorStore, probes: int, liars: int
) -> None:
    say(store, LAST, family(P), ingested_at=NOW)
    mine = evidence_of_others(store, LAST, 0)
    rows = [
        Row(f"probe{k}", "x", "peer validation", 3.0 + k, night=LAST)
        for k in range(probes)
    ]
    write_evidence(store, shards_of_last(rows))
    others = evidence_of_others(store, LAST, 0)
    assert (mine, len(others)) == ([], 2 * probes)
    say(store, LAST, family(P | {("west", "b1", "x"): 0.3}), ingested_at=NOW)
    assert evidence_of_others(store, LAST, 0) == others, "what the run says is not new"
    found = weigh(store, view_of(store), WeighOptions())
    assert found.others == tuple(f"probe{k}" for k in range(probes))
    assert found.consensus is not None
    assert found.consensus.f == liars
    exact = weigh(store, view_of(store), WeighOptions(mode="exact")).consensus
    assert exact is not None
    assert exact.mode_text == "exact"


def shards_of_last(rows: list[Row]) -> list:
    """Shards of evidence about the last night of the small home."""
    from tests.tasks import consensus_data

    consensus_data.ENDS[LAST] = NOW - 7 * 3_600 * 10**9
    return shards(rows)
