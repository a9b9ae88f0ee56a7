"""Agents against their own past, read from a real store of a simulated population."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from stats.calibration import TailCounts
from stats.changes import CHANGE_KINDS
from stats.crosscorr import mean_pairwise_correlation
from stats.simulate import Anomaly, Population, PopulationParams
from stats.summary import digest
from storage.shards import make_shard, write_shards
from storage.store import BehaviorStore
from tasks.agent_changes import study_agents
from tasks.agent_series import plan_parts, read_part
from tasks.baselines import compute_baselines
from tasks.check_scores import check_changes
from tasks.checks import CheckFailed
from tasks.cluster import cluster_session
from tasks.cluster_config import ClusterConfig
from tasks.moving_together import team_series
from tasks.reconcile import reconcile
from tasks.summaries import merge_parts, reduce_shards
from tests.populations import LAST, store_population

NIGHTS = 40
SHIFTED, SILENT, COLLUDING = (3, 40), (7, 55), (10, 110, 210, 310, 410)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Store, view, records and baselines of 600 agents on 40 nights."""
    population = Population(
        PopulationParams(
            agents=600, nights=NIGHTS, sites=2, teams_per_site=4, features=8, seed=5
        ),
        (
            Anomaly("mean shift", start=NIGHTS - 5, size=6.0, agents=SHIFTED),
            Anomaly("silence", start=NIGHTS - 5, agents=SILENT),
            Anomaly("collusion", size=0.9, agents=COLLUDING),
        ),
    )
    store = store_population(tmp_path_factory.mktemp("world") / "store", population)
    view = reconcile(store, LAST.isoformat(), nights=60, as_of=0)
    rows = [row for found in view.winners.values() for row in found]
    records = merge_parts(view, reduce_shards(store, rows).records)
    return store, view, records, compute_baselines(view, records)


@pytest.fixture(scope="module")
def whole(world):
    """The study of all agents, each part in this process."""
    return study_agents(*world)


def test_injected_changes_are_found_and_named(world, whole):
    found = whole
    names = [CHANGE_KINDS[k] if k >= 0 else "" for k in found.changes.kind]
    kind = dict(zip(found.agents.tolist(), names, strict=True))
    for agent in SHIFTED:
        assert kind[f"a{agent:06d}"] in ("mean shift", "slow drift")
    for agent in SILENT:
        assert kind[f"a{agent:06d}"] == "silence"
    others = [
        k
        for a, k in kind.items()
        if int(a[1:]) not in (*SHIFTED, *SILENT, *COLLUDING) and k
    ]
    assert len(others) <= 2
    assert found.window[0] == world[1].nights[-NIGHTS]
    since = found.changes.since[found.agents == f"a{SHIFTED[0]:06d}"][0]
    assert abs(since - (NIGHTS - 5)) <= 2
    assert len(found.agents) == 600 == len(set(found.agents.tolist()))
    together = [set(found.cliques.of(k)) for k in np.flatnonzero(found.cliques.found)]
    place = {int(a[1:]): i for i, a in enumerate(found.agents)}
    assert any(len({place[a] for a in COLLUDING} & who) >= 4 for who in together)
    assert len(together) <= 2


def test_no_part_and_no_worker_changes_a_score(world, whole, monkeypatch):
    small = {"part_bytes": 1}
    monkeypatch.setattr(
        "tasks.agent_changes.plan_parts", lambda *a: plan_parts(*a, **small)
    )
    config = ClusterConfig(kind="threads", workers=2, memory_limit=None)
    with cluster_session(config) as session:
        cut = study_agents(*world, client=session.client())
    assert cut.agents.tolist() == whole.agents.tolist()
    assert digest(cut.null) == digest(whole.null)
    np.testing.assert_allclose(cut.changes.kind_p, whole.changes.kind_p, rtol=1e-9)
    np.testing.assert_array_equal(cut.changes.found, whole.changes.found)
    assert [cut.cliques.of(0).tolist()] == [whole.cliques.of(0).tolist()]
    for level in ("team", "site", "all"):
        np.testing.assert_allclose(
            cut.correlations[level].r, whole.correlations[level].r, rtol=1e-12
        )


def test_a_large_fleet_is_searched_part_by_part(world, whole, monkeypatch):
    """Colluders sit in several teams here: parts of one team each cannot see them."""
    monkeypatch.setattr("tasks.agent_changes.GATHERED", 100)
    parts = study_agents(*world)
    assert parts.cliques.agents == whole.cliques.agents
    assert (np.diff(parts.cliques.p) >= 0).all()
    for k in range(len(parts.cliques.size)):
        sites = {team.split("/")[0] for team in parts.teams[parts.cliques.of(k)]}
        assert len(sites) == 1
    np.testing.assert_array_equal(parts.changes.kind_p, whole.changes.kind_p)


def test_correlations_of_groups_equal_those_of_their_agents(world, whole):
    store, view, records, _ = world
    found = whole.correlations["site"]
    rows, codes = [], []
    for part in plan_parts(store, view, records):
        series = read_part(part)
        plain = team_series(part, series, 0, slice(-NIGHTS, None))
        assert plain.labels == part.labels
        for i, agent in enumerate(series.agents):
            values = []
            for night in view.nights[-NIGHTS:]:
                data = store.read(view.winners[part.site, night][0])
                at = np.flatnonzero(data.agents == agent)
                values.append(data.values[at[0], 0, 0] if len(at) else np.nan)
            rows.append(values)
            codes.append(found.labels.index(part.site))
            if i > 12:
                break
    sample = np.array(rows)
    assert np.isfinite(sample).mean() > 0.8
    within, between = mean_pairwise_correlation(sample, codes, 2)
    assert found.n.tolist() == [300, 300]
    np.testing.assert_allclose(np.diag(found.r), within, atol=0.1)
    np.testing.assert_allclose(found.r[0, 1], between[0, 1], atol=0.1)


def test_too_few_nights_give_no_answer(world):
    store, _, _, _ = world
    view = reconcile(store, LAST.isoformat(), nights=9, as_of=0)
    rows = [row for found in view.winners.values() for row in found]
    records = merge_parts(view, reduce_shards(store, rows).records)
    assert study_agents(store, view, records, compute_baselines(view, records)) is None


def test_the_run_checks_its_null_and_fails_when_it_is_too_light(whole):
    found = whole
    night = SimpleNamespace(records={})

    def check(family):
        scores = SimpleNamespace(changes=family)
        return check_changes(SimpleNamespace(scores=scores, night=night))

    n, detail = check(found)
    assert n == found.held_out.size.sum() > 1_000
    assert "held-out p-values; at most" in detail
    kinds = len(found.null.counts)
    light = TailCounts.from_block([-1e-9] * 300 * kinds, [*range(kinds)] * 300, kinds)
    with pytest.raises(CheckFailed, match="mean shift: "):
        check(replace(found, null=light))
    assert check(replace(found, held_out=found.held_out.empty()))[0] == 0
    assert check(None)[0] == 0


def deliver_part(store, source, site, night, agents, *, team=None, part="0"):
    """Write a shard with some agents of another one, in their team or in one team."""
    row = next(r for r in source.shards(site=site, night=night))
    data = source.read(row)
    data = data.take(np.flatnonzero(np.isin(data.agents, agents)))
    if team is not None:
        data = replace(data, team=np.full(len(data.agents), team, data.team.dtype))
    key = replace(row.key, part=part)
    shard = make_shard(store.schema, key, row.version, data, event_end=0, ingested_at=0)
    write_shards(store, [shard])


def silent_ones(store):
    """Agents found as silent on the last night."""
    view = reconcile(store, LAST.isoformat(), nights=60, as_of=0)
    rows = [row for found in view.winners.values() for row in found]
    records = merge_parts(view, reduce_shards(store, rows).records)
    found = study_agents(store, view, records, compute_baselines(view, records))
    silent = found.changes.kind == CHANGE_KINDS.index("silence")
    return set(found.agents[silent].tolist())


def test_a_transfer_and_a_part_that_did_not_come_are_not_silence(world, tmp_path):
    source, view, _, _ = world
    nights = view.nights[-30:]
    names = {a for n in nights for r in source.shards("s0", n)
             for a in source.read(r).agents.tolist()}  # fmt: skip
    everyone = np.array(sorted(names))
    moving, late = everyone[:3], everyone[-12:]
    stay = np.setdiff1d(everyone, [*moving, *late])
    store = BehaviorStore.create(str(tmp_path / "store"), source.schema)
    for k, night in enumerate(nights):
        last = k >= len(nights) - 4
        deliver_part(store, source, "s0", night, stay)
        deliver_part(store, source, "s0", night, moving, team=2 * last, part="m")
        if not last:
            deliver_part(store, source, "s0", night, late, part="z")
    found = silent_ones(store)
    assert not found & {*moving.tolist(), *late.tolist()}
    known = {f"a{a:06d}" for a in SILENT}
    assert found <= known
