"""Workers, chunk sizes and order change no bit of a night's result."""

from __future__ import annotations

import random

from storage.store import BehaviorStore
from tasks.cluster import cluster_session
from tasks.cluster_config import ClusterConfig
from tasks.night import build_night
from tasks.reconcile import reconcile
from tasks.summaries import agents_tonight, reduce_agents, reduce_shards
from tests.homes import LAST, NOW, build_home


def digest(home, *, kind: str, workers: int, rows: int | None, shuffle: int | None):
    store = BehaviorStore.open(str(home / "store"), mode="a")
    delivered = list(store.shards())
    if shuffle is not None:
        random.Random(shuffle).shuffle(delivered)
    config = ClusterConfig(kind=kind, workers=workers, memory_limit=None)
    with cluster_session(config) as session:
        options = {"client": session.client(), "rows_per_block": rows}
        reduced = reduce_shards(
            store, delivered, split_every=2 if shuffle else 16, **options
        )
        records = reduced.records
        view = reconcile(store, LAST, nights=23, as_of=NOW)
        agents = reduce_agents(store, view, **options)
        tonight = agents_tonight(store, view, **options)
    counted = {row: records[row] for rows in view.winners.values() for row in rows}
    parts = (counted, agents, tonight, reduced.quantiles)
    return build_night(store.schema, view, *parts).digest


def test_one_digest_for_any_workers_chunks_and_order(tmp_path):
    plans = [
        (None, {"kind": "local", "workers": 1, "rows": None, "shuffle": None}),
        (7, {"kind": "local", "workers": 4, "rows": None, "shuffle": 1}),
        (33, {"kind": "threads", "workers": 4, "rows": 11, "shuffle": 2}),
    ]
    found = set()
    for k, (chunk, plan) in enumerate(plans):
        home = build_home(tmp_path / f"home-{k}", rows_per_chunk=chunk)
        found.add(digest(home, **plan))
    assert len(found) == 1
