"""A store of seven nights that retention is let loose on, and how to look at it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np

from storage import ledger
from storage.errors import Archived
from storage.records import ShardKey, ShardRow, Version
from storage.results import write_results
from storage.schema import ShardData
from storage.shards import make_shard, write_shards
from storage.store import BehaviorStore
from tasks.archive import kept_summary
from tasks.ledgers import dataset_rows, ledger_of
from tasks.retention_policy import RetentionPolicy
from tests.homes import SCHEMA

DAY = 86_400_000_000_000
FIRST = dt.date(2026, 3, 1)
POLICY = RetentionPolicy(superseded=1, values=2, summaries=4, history=2)
AGENTS, TEAMS = 1_500, 3


def night(k: int) -> str:
    return (FIRST + dt.timedelta(days=k)).isoformat()


def data(seed: int, agents: int = AGENTS) -> ShardData:
    rng = np.random.default_rng(seed)
    shape = (agents, len(SCHEMA.times))
    values = rng.normal(100, 9, (*shape, len(SCHEMA.names)))
    values[rng.random(values.shape) < 0.05] = np.nan
    names = np.array([f"a{i:05d}" for i in range(agents)])
    return ShardData(
        values,
        np.ones(shape, dtype=np.uint32),
        names,
        names,
        (np.arange(agents) * TEAMS // agents).astype(np.int32),
        np.array([f"team-{k}" for k in range(TEAMS)]),
        np.array(SCHEMA.times, dtype=np.int64),
    )


def put(store: BehaviorStore, k: int, seq: int = 1, site: str = "north") -> None:
    """Take in a shard of night k."""
    key, end = ShardKey("calls", site, night(k)), (20_514 + k) * DAY
    shard = make_shard(
        SCHEMA, key, Version(0, seq), data(100 * k + seq),
        event_end=end, ingested_at=end,
    )  # fmt: skip
    assert [r.state for r in write_shards(store, [shard])] == ["applied"]


def publish(store: BehaviorStore, when: str) -> None:
    """Publish what looks like a night: a record, baselines of agents, scores."""
    root = f"runs/{when}/r1"
    arrays = {"agent": (("agent",), np.array(["a", "b"]), {})}
    record = {
        "run": "x", "identity": "i", "view_snapshot": store.snapshot,
        "result_digest": "d" * 64, "summary": {},
        "ledger_digest": ledger_of(dataset_rows(store, until=when)).digest(),
        "extra": {}, "datasets": ["agents", "scores"],
    }  # fmt: skip
    write_results(
        store,
        {f"{root}/agents": arrays, f"{root}/scores": arrays},
        attributes={root: record},
        tag=f"nightly-{when.replace('-', '')}-r1",
    )


def now(store: BehaviorStore, days: float = 0) -> int:
    return store.history()[0].written_at + round(days * DAY)


def opened(url: str) -> BehaviorStore:
    ledger._KNOWN.clear()
    return BehaviorStore.open(url, "a")


def states(store: BehaviorStore) -> dict[str, str]:
    """What can be read of each shard version."""
    found = {}
    for row in store.shards():
        try:
            store.read(row, verify=True)
            found[f"{row.key.night[-2:]}/{row.version.seq}"] = "values"
        except Archived:
            found[f"{row.key.night[-2:]}/{row.version.seq}"] = level(store, row)
    return found


def level(store: BehaviorStore, row: ShardRow) -> str:
    try:
        return kept_summary(store, row).level
    except Archived:
        return "nothing"


def folder_bytes(url: str) -> int:
    return sum(p.stat().st_size for p in Path(url).rglob("*") if p.is_file())


def seven_nights(home: Path) -> Path:
    """Build seven nights; the second and fifth were corrected, the first published."""
    store = BehaviorStore.create(str(home / "store"), SCHEMA)
    for k in range(7):
        put(store, k)
        if k == 0:
            publish(store, night(0))
    put(store, 1, seq=2)
    put(store, 4, seq=2)
    return Path(store.url)
