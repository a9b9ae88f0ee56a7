"""The facade for code that awaits its answers, and its tree in a real store."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stats.moments import GroupMoments
from stats.online import HierarchicalStatisticalTree
from stats.summary import Incompatible, InvalidInput
from storage.errors import NotFound, StorageError
from storage.results import write_results
from storage.store import BehaviorStore
from tasks.behavior import AgentBehavioralData, BehavioralDistributedProtocol
from tasks.online import load_tree, save_tree
from tests.storage.landing import SCHEMA

KEYS = {
    "agent_id", "anomaly_score", "baseline", "is_anomaly", "level", "n", "p_value",
    "propagation_path", "status", "update_time_ms",
}  # fmt: skip


def protocol(**settings: Any) -> BehavioralDistributedProtocol:
    return BehavioralDistributedProtocol(
        HierarchicalStatisticalTree(3, 2, 2), **settings
    )


def report(facade: BehavioralDistributedProtocol, *data: Any) -> dict[str, Any]:
    return asyncio.run(facade.update_agent_behavior(AgentBehavioralData(*data)))


def taught(**settings: Any) -> BehavioralDistributedProtocol:
    facade = protocol(**settings)
    rng = np.random.default_rng(0)
    for k, row in enumerate(rng.normal(size=(200, 2))):
        report(facade, f"agent {k % 10}", row, 1_700_000_000 + k)
    return facade


def test_reports_join_are_scored_and_taken_in() -> None:
    facade = protocol()
    first = report(facade, "agent 1", [0.5, 1.5], 1_700_000_000)
    assert first.keys() == KEYS
    assert (first["status"], first["p_value"], first["n"]) == ("taken", None, 0)
    assert (first["is_anomaly"], first["anomaly_score"]) == (False, 0.0)
    assert first["baseline"].n == 1
    assert first["update_time_ms"] > 0
    facade = taught()
    ordinary = report(facade, "agent 3", [0.1, -0.2], 1_800_000_000)
    assert not ordinary["is_anomaly"]
    assert ordinary["anomaly_score"] == 1.0 - ordinary["p_value"]
    odd = report(facade, "agent 3", [9.0, -8.0], 1_800_000_001.5)
    assert odd["is_anomaly"]
    assert odd["p_value"] < 1e-6
    assert odd["n"] in (41, 201)
    assert odd["propagation_path"] == facade.tree.path("agent 3").tolist()
    assert odd["baseline"].n == 202


def test_a_report_that_comes_twice_is_no_news() -> None:
    facade = taught()
    again = report(facade, "agent 3", [50.0, -50.0], 1_700_000_193)
    assert (again["status"], again["is_anomaly"]) == ("repeat", False)
    assert again["p_value"] is None
    old = report(facade, "agent 3", [50.0, -50.0], 1_600_000_000.25)
    assert (old["status"], old["is_anomaly"]) == ("too_old", False)
    assert again["baseline"].n == old["baseline"].n == 200


@pytest.mark.parametrize(
    "data",
    [
        ("new", [1.0], 5.0),
        ("new", [1.0, 1e101], 5.0),
        ("new", [1.0, 2.0], math.nan),
        ("new", [1.0, 2.0], math.inf),
        ("new", [1.0, 2.0], "noon"),
        ("new", [1.0, 2.0], 1e30),
        ("", [1.0, 2.0], 5.0),
        (7, [1.0, 2.0], 5.0),
    ],
)
def test_what_is_refused_lets_nobody_join(data: Any) -> None:
    facade = taught()
    with pytest.raises(InvalidInput):
        report(facade, *data)
    assert facade.tree.agent_count == 10
    assert facade.tree.get_global_statistics()["n"] == 200


def test_defaults_are_those_of_the_tree() -> None:
    facade = BehavioralDistributedProtocol()
    assert report(facade, "a", np.zeros(10), 0)["status"] == "taken"
    with pytest.raises(InvalidInput, match=r"alpha 1\. Give"):
        BehavioralDistributedProtocol(alpha=1)


def test_many_reports_at_once_are_all_taken_in() -> None:
    facade = protocol()

    async def send() -> None:
        rows = np.random.default_rng(1).normal(size=(300, 2))
        await asyncio.gather(
            *(
                facade.update_agent_behavior(AgentBehavioralData(f"a{k % 7}", x, k))
                for k, x in enumerate(rows)
            )
        )

    asyncio.run(send())
    assert facade.tree.get_global_statistics()["n"] == 300


def test_severity_is_the_share_of_less_extreme_reports() -> None:
    facade = taught()
    odd = report(facade, "agent 3", [9.0, -8.0], 1_800_000_000)
    found = facade.behavioral_to_network_adapter(odd)
    assert found == {
        "agent_id": "agent 3",
        "severity": 1.0 - odd["p_value"],
        "surprise": pytest.approx(-math.log10(odd["p_value"])),
        "is_anomaly": True,
        "n": odd["n"],
    }
    none = facade.behavioral_to_network_adapter(odd | {"p_value": None})
    assert (none["severity"], none["surprise"]) == (0.0, 0.0)
    at_one_percent = facade.behavioral_to_network_adapter(odd | {"p_value": 0.01})
    assert (at_one_percent["severity"], at_one_percent["surprise"]) == (0.99, 2.0)
    beyond = facade.behavioral_to_network_adapter(odd | {"p_value": 0.0})
    assert beyond["severity"] == 1.0
    assert beyond["surprise"] > 300


def test_severity_of_ordinary_reports_is_uniform() -> None:
    facade = taught()
    rng = np.random.default_rng(2)
    found = [
        facade.behavioral_to_network_adapter(
            report(facade, f"agent {k % 10}", row, 1_900_000_000 + k)
        )["severity"]
        for k, row in enumerate(rng.normal(size=(2_000, 2)))
    ]
    # Simes is exact for independent levels and careful for nested ones.
    assert 0.02 < np.mean(np.array(found) >= 0.95) <= 0.05 + 3 * 0.005


def test_baselines_from_elsewhere_merge_exactly() -> None:
    rows, zeros = np.random.default_rng(3).normal(size=(90, 3)), np.zeros(30, np.int64)
    parts = [GroupMoments.from_block(rows[k : k + 30], zeros, 1) for k in (0, 30, 60)]
    whole = GroupMoments.from_block(rows, np.zeros(90, np.int64), 1)
    facade = protocol()
    for order in (parts, parts[::-1]):
        found = facade.distributed_baseline_aggregator(order)
        assert found["digest"] == whole.digest()
        assert found["sources"] == 3
        assert found["n"].tolist() == [[90, 90, 90]]
        assert np.array_equal(found["mean"], whole.mean())
        assert np.array_equal(found["covariance"], whole.covariance())
    with pytest.raises(InvalidInput):
        facade.distributed_baseline_aggregator([])
    other = GroupMoments.from_block(rows[:30, :2], zeros, 1)
    with pytest.raises(Incompatible):
        facade.distributed_baseline_aggregator([parts[0], other])


@pytest.fixture
def store(tmp_path: Path) -> BehaviorStore:
    return BehaviorStore.create(str(tmp_path / "store"), SCHEMA)


@pytest.mark.parametrize("agent_moments", [True, False])
def test_a_tree_comes_back_from_the_store_bit_for_bit(store, agent_moments) -> None:
    tree = HierarchicalStatisticalTree(3, 2, 2, agent_moments=agent_moments)
    first = save_tree(store, "fleet", tree)
    tree.add_agents(["ä", "b", "c", "d", "e"])
    rng = np.random.default_rng(4)
    tree.update(rng.integers(0, 5, 99), rng.normal(size=(99, 2)), np.arange(99))
    tree.remove_agent("c")
    snapshot = save_tree(store, "fleet", tree)
    again = load_tree(BehaviorStore.open(store.url), "fleet")
    for one in (tree, again):
        one.add_agent("f")
        one.update(["ä", "f"], [[1.0, 2.0], [3.0, 4.0]], [200, 200])
    ours, theirs = tree.to_arrays(), again.to_arrays()
    assert ours.keys() == theirs.keys()
    assert all(theirs[k].tobytes() == v.tobytes() for k, v in ours.items())
    assert snapshot != first
    empty = load_tree(BehaviorStore.open(store.url, snapshot=first), "fleet")
    assert empty.agent_count == 0


def test_a_tree_that_cannot_be_read_is_refused(store: BehaviorStore) -> None:
    tree = HierarchicalStatisticalTree(feature_dimensions=1)
    save_tree(store, "fleet", tree)
    with pytest.raises(NotFound):
        load_tree(store, "another")
    write_results(store, {}, attributes={"online/next": {"state_version": 99}})
    with pytest.raises(Incompatible, match=r"state version 99.*reads 1"):
        load_tree(store, "next")
    write_results(store, {}, attributes={"online/torn": {"state_version": 1}})
    with pytest.raises(InvalidInput, match="no arrays of an online tree"):
        load_tree(store, "torn")
    with pytest.raises(StorageError):
        save_tree(BehaviorStore.open(store.url), "fleet", tree)


def test_the_module_that_users_type_is_installed(tmp_path: Path) -> None:
    code = (
        "from hierarchical_aggregation_protocol import (AgentBehavioralData, "
        "BehavioralDistributedProtocol, HierarchicalStatisticalTree)\n"
        "import tasks.behavior as home, stats.online\n"
        "assert BehavioralDistributedProtocol is home.BehavioralDistributedProtocol\n"
        "assert AgentBehavioralData is home.AgentBehavioralData\n"
        "assert HierarchicalStatisticalTree is "
        "stats.online.HierarchicalStatisticalTree\n"
        "print('found')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("found\n", "")
