"""Series of agents beside their teams, against a plain loop over whole shards."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from storage.store import BehaviorStore
from tasks.agent_series import plan_parts, read_part
from tasks.reconcile import reconcile
from tasks.schema_scale import schema_transforms
from tasks.summaries import merge_parts, reduce_shards
from tests.homes import LAST, MISSING_SITE, NOW, build_home

WINDOW = 8


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """Store, view and records of a window of a home with small chunks."""
    home = build_home(tmp_path_factory.mktemp("series") / "home", rows_per_chunk=7)
    store = BehaviorStore.open(str(home / "store"), mode="a")
    view = reconcile(store, LAST, nights=WINDOW, as_of=NOW)
    rows = [row for found in view.winners.values() for row in found]
    records = reduce_shards(store, rows).records
    return store, view, merge_parts(view, records)


def plain(store, view, site):
    """Residual and rows by (team, agent, night), one agent at a time."""
    transforms = schema_transforms(store.schema)
    residual, rows = {}, {}
    for night in view.nights:
        teams = defaultdict(list)
        for shard in view.winners.get((site, night), ()):
            data = store.read(shard)
            for i, agent in enumerate(data.agents):
                steps = transforms.apply(data.values[i : i + 1])[0]
                seen = ~np.isnan(steps)
                with np.errstate(invalid="ignore"):
                    mean = np.where(seen, steps, 0).sum(0) / seen.sum(0)
                team = str(data.team_names[data.team[i]])
                teams[team].append((str(agent), mean))
                rows[team, str(agent), night] = int(data.count[i].sum())
        for team, members in teams.items():
            means = np.array([mean for _, mean in members])
            n = np.isfinite(means).sum(axis=0)
            centre = np.nanmean(means, axis=0)
            for agent, mean in members:
                residual[team, agent, night] = (mean - centre) / np.sqrt(1 - 1 / n)
    return residual, rows


@pytest.mark.parametrize("part_bytes", [2**25, 1])
def test_series_equal_a_loop_over_agents(night, part_bytes):
    store, view, records = night
    parts = plan_parts(store, view, records, part_bytes=part_bytes)
    assert len(parts) == (3 if part_bytes > 1 else 12)
    for site in ("north", MISSING_SITE):
        residual, rows = plain(store, view, site)
        seen = 0
        for part in (read_part(p) for p in parts if p.site == site):
            names = [part.labels[g].split("/")[1] for g in part.team]
            keys = list(zip(names, part.agents.tolist(), strict=True))
            assert keys == sorted(keys)
            for i, key in enumerate(keys):
                for t, when in enumerate(view.nights):
                    count = rows.get((*key, when), 0)
                    assert part.rows[i, t] == count
                    expected = residual.get((*key, when), np.full(3, np.nan))
                    np.testing.assert_allclose(
                        part.residual[i, t], expected, rtol=1e-9, atol=1e-9
                    )
                    seen += count > 0
        assert seen == sum(n > 0 for n in rows.values()) > 500


def test_nobody_is_called_absent_where_the_site_is_silent(night):
    store, view, records = night
    parts = {p.site: read_part(p) for p in plan_parts(store, view, records)}
    assert np.isnan(parts[MISSING_SITE].residual[:, -1]).all()
    assert not parts[MISSING_SITE].rows[:, -1].any()
    assert not parts[MISSING_SITE].known[-1]
    assert parts[MISSING_SITE].present[:, -1].all()
    north = parts["north"]
    data = store.read(view.winners["north", LAST][0])
    one = int(np.flatnonzero(north.agents == data.agents[5])[0])
    assert north.rows[one, -1] == data.count[5].sum()
    assert north.entities[one] == data.entities[5]
    assert repr(north).startswith("AgentSeries: agents=80 | nights=9 | site=north")


def test_a_part_touches_only_the_chunks_of_its_teams(night, monkeypatch):
    store, view, records = night
    touched = []
    read = BehaviorStore.read_block

    def counted(self, row, block):
        touched.append(block.stop - block.start)
        return read(self, row, block)

    monkeypatch.setattr(BehaviorStore, "read_block", counted)
    first = plan_parts(store, view, records, part_bytes=1)[0]
    read_part(first)
    assert touched == [20] * (WINDOW + 1)


def test_a_team_of_two_has_no_residual(night):
    store, view, records = night
    part = plan_parts(store, view, records)[0]
    few = np.where(np.arange(len(part.labels)) == 1, 2.0, 1.0)[:, None]
    few = np.where(few == 2.0, 2.0, part.centre_n)
    object.__setattr__(part, "centre_n", few)
    series = read_part(part)
    assert np.isnan(series.residual[series.team == 1]).all()
    assert np.isfinite(series.residual[series.team == 0]).any()
