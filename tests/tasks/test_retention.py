"""Values go once their summaries stand; holds, readers, answers keep what they need."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from storage.arrays import run
from storage.dropping import array_bytes
from storage.errors import Archived, NotFound
from storage.records import ShardRow
from storage.results import read_results
from storage.store import BehaviorStore
from tasks.archive import kept_summary, night_summary
from tasks.blocks import block_refs, summarize_shard
from tasks.publish import revisions
from tasks.results import open_results
from tasks.retain import Retained, collect, describe_retained, retain
from tasks.schema_scale import schema_origins, schema_transforms
from tasks.verify import verify_store
from tests.retained import (
    POLICY,
    TEAMS,
    folder_bytes,
    night,
    now,
    opened,
    seven_nights,
    states,
)


@pytest.fixture(scope="module")
def seven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return seven_nights(tmp_path_factory.mktemp("seven"))


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
