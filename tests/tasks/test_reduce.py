"""One tree for everything: any blocks, order, fan-in and workers give one answer."""

from __future__ import annotations

import functools
import threading

import numpy as np
import pytest

import tasks.reduce
from stats.moments import GroupMoments
from stats.summary import InvalidInput
from tasks.cluster import cluster_session
from tasks.cluster_config import ClusterConfig
from tasks.reduce import tree_reduce, tree_reduce_many

ROWS, FEATURES, GROUPS = 400, 3, 7


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(20260101)
    values = rng.normal(size=(ROWS, FEATURES)) * [1.0, 1e8, 1e-8]
    values[rng.random(values.shape) < 0.1] = np.nan
    return values, rng.integers(0, GROUPS, size=ROWS)


def summarize(rows: tuple[int, ...], offset: int = 0) -> GroupMoments:
    values, groups = data()
    at = np.array(rows, dtype=np.int64) + offset
    return GroupMoments.from_block(values[at], groups[at], GROUPS)


def blocks(
    size: int, order: np.random.Generator | None = None
) -> list[tuple[int, ...]]:
    rows = np.arange(ROWS) if order is None else order.permutation(ROWS)
    cut = [tuple(rows[i : i + size].tolist()) for i in range(0, ROWS, size)]
    if order is not None:
        order.shuffle(cut)
    return cut


@pytest.fixture(scope="module")
def client():
    with cluster_session(ClusterConfig.load("threads")) as session:
        yield session.client()


def test_any_plan_gives_the_digest_of_the_whole_array():
    whole = summarize(tuple(range(ROWS))).digest()
    rng = np.random.default_rng(7)
    for size in (1, 17, 100, ROWS):
        for fan_in in (2, 4, 16, 50):
            plan = blocks(size, rng)
            found = tree_reduce(plan, summarize, split_every=fan_in)
            assert found.digest() == whole


def test_a_cluster_gives_the_same_bits_as_one_process(client):
    whole = summarize(tuple(range(ROWS))).digest()
    found = tree_reduce(blocks(23), summarize, client=client, split_every=4)
    assert found.digest() == whole


def test_every_key_has_its_own_tree_and_is_handed_over_as_it_finishes(client):
    plans = {"a": blocks(50), "b": blocks(200), "c": [tuple(range(5))]}
    handed: dict[str, GroupMoments] = {}
    steps: list[tuple[int, int]] = []
    found = tree_reduce_many(
        plans,
        summarize,
        client=client,
        split_every=3,
        on_result=handed.__setitem__,
        progress=lambda done, total: steps.append((done, total)),
    )
    assert list(found) == ["a", "b", "c"]
    assert handed == found
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert found["a"].digest() == found["b"].digest()
    assert found["c"].digest() == summarize(tuple(range(5))).digest()


def test_merges_stay_below_the_number_of_leaves(monkeypatch):
    merges = 0
    many = GroupMoments._merge_many.__func__

    def counted(cls, items):
        nonlocal merges
        items = list(items)
        merges += len(items) - 1
        return many(cls, items)

    monkeypatch.setattr(GroupMoments, "_merge_many", classmethod(counted))
    tree_reduce(blocks(5), summarize, split_every=16)
    assert merges == ROWS // 5 - 1


def test_every_key_alone_orders_its_own_graph_only(monkeypatch):
    """One graph for all keys was ordered once per key: work grew with its square."""
    sizes: list[int] = []
    alone = tasks.reduce.get_sync

    def watched(graph, root, **options):
        sizes.append(len(graph))
        return alone(graph, root, **options)

    monkeypatch.setattr(tasks.reduce, "get_sync", watched)
    found = tree_reduce_many({k: blocks(100) for k in range(12)}, summarize)
    assert sizes == [ROWS // 100 + 1] * 12
    assert len({summary.digest() for summary in found.values()}) == 1


def test_a_block_that_fails_raises_its_own_error(client):
    broken = functools.partial(summarize, offset=ROWS)
    with pytest.raises(IndexError):
        tree_reduce(blocks(100), broken, client=client)


@pytest.mark.parametrize("size", [5, 100, ROWS])
@pytest.mark.parametrize("where", ["here", "threads", "cluster"])
def test_progress_counts_blocks_to_the_last_one(size, where, client):
    plan = blocks(size)
    steps: list[tuple[int, int]] = []
    options = {"here": {}, "threads": {"threads": 2}, "cluster": {"client": client}}
    found = tree_reduce(
        plan,
        summarize,
        split_every=4,
        progress=lambda done, total: steps.append((done, total)),
        **options[where],
    )
    assert found.digest() == summarize(tuple(range(ROWS))).digest()
    done = [step[0] for step in steps]
    assert done == sorted(set(done))
    assert steps[-1] == (len(plan), len(plan))
    assert len(steps) == (-(-len(plan) // 4) if where == "cluster" else len(plan))


def test_threads_run_blocks_side_by_side():
    """Two blocks wait for each other: one thread alone would never finish."""
    barrier = threading.Barrier(2)

    def meet(rows):
        barrier.wait(timeout=60)
        return summarize(rows)

    found = tree_reduce(blocks(ROWS // 2), meet, threads=2)
    assert found.digest() == summarize(tuple(range(ROWS))).digest()


def test_runs_leave_their_client_connected(client):
    """Cancelling a key that was released made the scheduler drop its client."""
    whole = summarize(tuple(range(ROWS))).digest()
    for _ in range(15):
        found = tree_reduce(
            blocks(20),
            summarize,
            client=client,
            split_every=4,
            progress=lambda done, total: None,
        )
        many = tree_reduce_many({"a": blocks(200)}, summarize, client=client)
        assert found.digest() == many["a"].digest() == whole
    assert client.status == "running"
    assert client.submit(int, 7).result(timeout=60) == 7


@pytest.mark.parametrize("where", ["threads", "cluster", "watched"])
def test_an_error_of_a_block_ends_a_watched_run(where, client):
    broken = functools.partial(summarize, offset=ROWS)
    options = {
        "threads": {"threads": 2},
        "cluster": {"client": client},
        "watched": {"client": client, "progress": lambda done, total: None},
    }
    with pytest.raises(IndexError):
        tree_reduce(blocks(20), broken, split_every=3, **options[where])


def test_no_blocks_and_a_fan_in_of_one_are_refused():
    with pytest.raises(InvalidInput, match="no blocks"):
        tree_reduce([], summarize)
    with pytest.raises(InvalidInput, match="split_every is 1"):
        tree_reduce(blocks(100), summarize, split_every=1)
    assert tree_reduce_many({}, summarize) == {}
