"""Sentinels on nights whose features are dead or never vary."""

from __future__ import annotations

import numpy as np
import pytest

from stats.simulate import Population, PopulationParams
from storage.schema import ShardData
from tasks.baselines import compute_baselines
from tasks.check_scores import check_sentinels
from tasks.checks import CheckContext
from tasks.night import Scores
from tasks.reconcile import reconcile
from tasks.scoring import fit_agents
from tasks.scoring_groups import score_groups
from tasks.summaries import merge_parts, reduce_shards
from tests import populations
from tests.populations import LAST, store_population

PARAMS = PopulationParams(
    agents=120, nights=20, sites=1, teams_per_site=2, features=4, constant=(1,), seed=3
)


@pytest.mark.parametrize("dead", ["nothing", "one feature", "all features"])
def test_a_dead_feature_does_not_stop_the_night(tmp_path, monkeypatch, dead):
    """A feature that nobody sent tonight left no agent to plant a sentinel on."""

    def silenced(values, *rest):
        if dead != "nothing" and rest[-1] is not None and silenced.last:
            values = values.copy()
            values[..., -1 if dead == "one feature" else slice(None)] = np.nan
        return ShardData(values, *rest)

    original = populations.make_shard

    def make(schema, key, version, data, **times):
        silenced.last = key.night == LAST.isoformat()
        fields = [getattr(data, name) for name in ShardData.__dataclass_fields__]
        return original(schema, key, version, silenced(*fields), **times)

    monkeypatch.setattr(populations, "make_shard", make)
    store = store_population(tmp_path / "store", Population(PARAMS))
    view = reconcile(store, LAST.isoformat(), nights=60, as_of=0)
    rows = [row for found in view.winners.values() for row in found]
    records = merge_parts(view, reduce_shards(store, rows).records)
    baselines = compute_baselines(view, records)
    reference = fit_agents(store, view, records)
    groups = score_groups(baselines.team)
    night = type("Night", (), {"view": view, "records": records})()
    scores = Scores(groups, groups, None, reference, None)
    n, detail = check_sentinels(CheckContext(store, night, scores, 1))
    if dead == "all features":
        assert (n, detail) == (
            0,
            "no feature of tonight varies: nothing can be planted",
        )
    else:
        assert detail == "10 of 10 planted agents found, 5 with a gap"
