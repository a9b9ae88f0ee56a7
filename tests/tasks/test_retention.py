"""Values go once their summaries stand; holds, readers, answers keep what they need."""

from __future__ import annotations

import datetime as dt
import shutil
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from storage import dropping, ledger
from storage.arrays import run, write_group
from storage.collecting import collect_garbage
from storage.dropping import array_bytes
from storage.errors import Archived, Conflict, NotFound, StorageError
from storage.holds import Hold, place_hold, release_hold
from storage.named import NamedArray
from storage.records import ShardKey, ShardRow, Version
from storage.results import read_results, write_results
from storage.schema import ShardData
from storage.shards import make_shard, write_shards
from storage.store import BehaviorStore
from tasks.archive import kept_summary, night_summary
from tasks.blocks import block_refs, summarize_shard
from tasks.ledgers import dataset_rows, ledger_of
from tasks.publish import revisions
from tasks.results import open_results
from tasks.retain import Retained, collect, describe_retained, retain
from tasks.retention_policy import RetentionPolicy
from tasks.schema_scale import schema_origins, schema_transforms
from tasks.verify import verify_store
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


@pytest.fixture(scope="module")
def seven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven nights; the second and the fifth were corrected; the first is published."""
    store = BehaviorStore.create(
        str(tmp_path_factory.mktemp("seven") / "store"), SCHEMA
    )
    for k in range(7):
        put(store, k)
        if k == 0:
            publish(store, night(0))
    put(store, 1, seq=2)
    put(store, 4, seq=2)
    return Path(store.url)


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


@pytest.fixture
def url(seven: Path, tmp_path: Path) -> str:
    return str(shutil.copytree(seven, tmp_path / "store"))


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


@dataclass(frozen=True)
class Done:
    """A store before and after retention and collection, and what they said."""

    before: BehaviorStore
    url: str
    planned: Retained
    done: Retained
    sizes: tuple[int, int]


@pytest.fixture(scope="module")
def done(seven: Path, tmp_path_factory: pytest.TempPathFactory) -> Done:
    url = str(shutil.copytree(seven, tmp_path_factory.mktemp("done") / "store"))
    store, size = opened(url), folder_bytes(url)
    planned = retain(url, POLICY, now=now(store))
    assert opened(url).snapshot == store.snapshot
    applied = retain(url, POLICY, now=now(store), apply=True)
    collect(url, POLICY, now=now(opened(url), 30), apply=True)
    return Done(opened(str(seven)), url, planned, applied, (size, folder_bytes(url)))


def test_each_tier_keeps_what_it_says(done: Done) -> None:
    plan = done.planned.plan
    assert {t.name: t.shards for t in plan.tiers} == {
        "complete": 2, "values": 2, "summaries": 2, "archived": 3,
    }  # fmt: skip
    assert (done.done.dropped, done.done.n_bytes) == (len(plan.drops), plan.n_bytes)
    store = opened(done.url)
    assert store.rows() == done.before.rows()
    assert states(store) == {
        "01/1": "site", "02/1": "nothing", "02/2": "site", "03/1": "team",
        "04/1": "team", "05/1": "nothing", "05/2": "values", "06/1": "values",
        "07/1": "values",
    }  # fmt: skip
    assert describe_retained(done.done, POLICY).found["applied"] is True
    again = retain(done.url, POLICY, now=now(store)).plan
    assert (again.drops, again.summaries, again.results) == ((), (), ())
    with pytest.raises(Archived, match=r"values, count.* were dropped"):
        store.read(store.shards()[0])
    assert verify_store(done.url, full=True).findings == []


def test_what_is_past_its_values_takes_less_than_a_tenth(done: Done) -> None:
    store = opened(done.url)
    every = [row for row in store.shards() if row.key.night <= night(3)]
    before = sum(map(total, array_bytes(done.before.reader, every).values()))
    sizes = array_bytes(store.reader, every)
    for row in every:
        names = {"agent_id", "entity", "team", "team_name"}
        archived = row.key.night <= night(1)
        assert set(sizes[row.path]) == (set() if archived else names)
    after = sum(map(total, sizes.values())) + summary_bytes(store, every)
    assert after < 0.1 * before
    assert done.sizes[0] - done.sizes[1] > 0.9 * before


def total(sizes: dict[str, int]) -> int:
    return sum(sizes.values())


def folder_bytes(url: str) -> int:
    return sum(p.stat().st_size for p in Path(url).rglob("*") if p.is_file())


def summary_bytes(store: BehaviorStore, rows: list[ShardRow]) -> int:
    """Bytes of all kept summaries of the nights of some shards, as they are stored."""
    nights = {row.key.night for row in rows}

    async def work() -> int:
        keys = [key async for key in store.reader.list_prefix("summaries/")]
        held = [key for key in keys if key.split("/")[3:4] and "/c/" in key]
        return sum(
            [
                await store.reader.getsize(key)
                for key in held
                if key.split("/")[3] in nights
            ]
        )

    found = run(work())
    assert found > 0
    return found


def test_dropped_nights_answer_as_exactly_as_before(done: Done) -> None:
    store = done.before
    scale = schema_transforms(store.schema), schema_origins(store.schema)
    rows = {(r.key.night, r.version.seq): r for r in store.shards()}
    team, site = rows[night(2), 1], rows[night(1), 2]
    raw = {row: store.read(row) for row in (team, site)}
    (block,) = block_refs(store, team)
    before = summarize_shard(block, *scale)
    store = opened(done.url)
    assert kept_summary(store, team).summary.digest() == before.digest()

    found = night_summary(store, night(1))
    x = raw[site].values.reshape(-1, 3)
    assert found["group"].values.tolist() == ["north"]
    assert found["n"].values[0].tolist() == (~np.isnan(x)).sum(axis=0).tolist()
    means = [float(exact_mean(x[:, k])) for k in range(3)]
    assert found["mean"].values[0].tolist() == means
    np.testing.assert_allclose(found["sd"].values[0], np.nanstd(x, axis=0, ddof=1))
    exact = np.nanquantile(x, 0.5, axis=0, method="inverted_cdf")
    error = np.abs(found["quantiles"].sel(quantile=0.5).values[0] - exact)
    assert (error <= 0.004 * np.abs(exact)).all()
    assert "exact" in found.attrs["error"]

    by_team = night_summary(store, night(2), "north")
    assert by_team["group"].values.tolist() == [f"north/team-{k}" for k in range(TEAMS)]
    with pytest.raises(NotFound, match="no shard counts"):
        night_summary(store, "2030-01-01")


def exact_mean(x: np.ndarray) -> Fraction:
    held = [Fraction(v) for v in x[~np.isnan(x)].tolist()]
    return sum(held, Fraction(0)) / len(held)


HOLD = Hold("case-1", "looks odd", "ana", 0, None, ("north",), night(0), night(1))


def test_what_is_held_is_never_dropped(url: str) -> None:
    store = opened(url)
    moment = now(store)
    place_hold(store, HOLD)
    place_hold(store, Hold("one", "x", "y", 0, agents=("a00007",), last=night(2)))
    place_hold(store, Hold("none", "x", "y", 0, agents=("nobody",)))
    place_hold(store, Hold("over", "x", "y", 0, until=moment))
    with pytest.raises(Conflict, match="exists"):
        place_hold(store, HOLD)
    done = retain(url, POLICY, now=moment, apply=True)
    assert sorted(done.plan.held.values()) == ["case-1"] * 3 + ["one"]
    found = states(opened(url))
    assert {k for k, v in found.items() if v == "values"} == {
        "01/1", "02/1", "02/2", "03/1", "05/2", "06/1", "07/1",
    }  # fmt: skip
    release_hold(opened(url), "case-1")
    with pytest.raises(NotFound):
        release_hold(opened(url), "case-1")
    assert retain(url, POLICY, now=moment, apply=True).plan.held.keys() == {
        row.path for row in store.shards() if row.key.night <= night(2)
    }


def test_a_hold_that_comes_while_arrays_are_dropped_is_kept(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = dropping.look_at_holds, []

    def overtaken(session):
        found = real(session)
        calls.append(len(found))
        if len(calls) == 1:
            place_hold(opened(url), HOLD)
        return found

    monkeypatch.setattr(dropping, "look_at_holds", overtaken)
    retain(url, POLICY, now=now(opened(url)), apply=True)
    assert calls == [0, 1]
    found = states(opened(url))
    assert (found["01/1"], found["02/1"], found["03/1"]) == ("values", "values", "team")


def test_garbage_is_collected_only_once_nobody_can_be_reading_it(url: str) -> None:
    store = opened(url)
    reader = opened(url)  # in flight: pinned before anything is dropped
    row = reader.shards()[0]
    expected = reader.read(row).values.tobytes()
    retain(url, POLICY, now=now(store), apply=True)
    size = folder_bytes(url)
    for days in (0, 1.9):
        done = collect(url, POLICY, now=now(opened(url), days), apply=True)
        assert done.n_bytes == 0
        assert reader.read(row).values.tobytes() == expected
    dry = collect(url, POLICY, now=now(opened(url), 30))
    assert (dry.dry_run, folder_bytes(url) >= size) == (True, True)
    done = collect(url, POLICY, now=now(opened(url), 30), apply=True)
    assert done.n_bytes > 0
    assert dry.tags == done.tags == ()
    with pytest.raises(StorageError):
        BehaviorStore.open(url, snapshot=reader.snapshot).read(row)
    store = opened(url)
    assert len(store.rows()) == 9
    assert verify_store(url, full=True).findings == []


def test_a_published_night_outlives_its_tag(done: Done) -> None:
    store = opened(done.url)
    assert (len(done.before.tags()), store.tags()) == (1, ())
    assert revisions(store, night(0)) == revisions(done.before, night(0))
    root = f"runs/{night(0)}/r1"
    assert read_results(store, f"{root}/scores")["agent"].tolist() == ["a", "b"]
    assert read_results(store, f"{root}/agents") == {}
    assert open_results(store, night(0))["agents"].attrs["dropped"]["arrays"] == [
        "agent"
    ]


def test_a_writer_at_work_loses_nothing_to_the_collector(url: str) -> None:
    store = opened(url)
    with store.transaction("slow") as transaction:
        arrays = {"x": NamedArray(np.arange(5_000.0), ("x",))}
        run(write_group(transaction.store, "runs/slow", {"arrays": ["x"]}, arrays))
        assert collect(url, POLICY, now=now(opened(url)), apply=True).n_bytes == 0
    found = read_results(opened(url), "runs/slow")["x"]
    assert found.tolist() == list(range(5_000))
    with pytest.raises(StorageError, match="open writers"):
        collect_garbage(store, now=now(store), history_from=0, grace=0)
