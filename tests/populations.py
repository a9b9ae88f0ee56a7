"""A simulated population as a store: the shards of every site and night, no files."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np

from stats.simulate import Population
from storage.schema import Feature, Schema, ShardData, ShardKey, Version
from storage.shards import make_shard, write_shards
from storage.store import BehaviorStore

LAST = dt.date(2026, 2, 1)


def night_name(population: Population, night: int) -> str:
    """ISO date of a night; the last one is `LAST`."""
    back = population.params.nights - 1 - night
    return (LAST - dt.timedelta(days=back)).isoformat()


def store_population(folder: Path, population: Population) -> BehaviorStore:
    """Write every agent of every night into a new store."""
    q = population.params
    schema = Schema(
        dataset="population",
        features=tuple(
            Feature(f"f{k:02d}", "1", f"Feature {k}") for k in range(q.features)
        ),
        times=(0,),
        complete_rows=False,
    )
    store = BehaviorStore.create(str(folder), schema)
    shards = []
    for block in (population.block(b) for b in range(population.blocks)):
        for night in range(q.nights):
            for site in range(q.sites):
                here = (block.site == site) & block.present[:, night]
                names = np.array([f"t{t:03d}" for t in np.unique(block.team[here])])
                _, team = np.unique(block.team[here], return_inverse=True)
                agents = np.array([f"a{a:06d}" for a in block.agents[here]])
                data = ShardData(
                    block.values[here, night][:, None],
                    np.ones((int(here.sum()), 1), dtype=np.uint32),
                    agents, agents, team.astype(np.int32), names,
                    np.zeros(1, dtype=np.int64),
                )  # fmt: skip
                key = ShardKey("population", f"s{site}", night_name(population, night))
                shards.append(
                    make_shard(schema, key, Version(0, night + 1), data,
                               event_end=0, ingested_at=0)
                )  # fmt: skip
    write_shards(store, shards)
    return store
