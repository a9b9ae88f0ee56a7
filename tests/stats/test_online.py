"""The online tree against exact recomputation from the rows that it holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats.hierarchy import Hierarchy
from stats.moments import GroupMoments
from stats.online import HierarchicalStatisticalTree
from stats.online_results import STATUS, Scores

Rows = dict[str, list[np.ndarray]]


def rows_of(rng: np.random.Generator, k: int, d: int) -> np.ndarray:
    return rng.normal(size=(k, d)) @ (np.eye(d) + 0.5) + 5.0


def assert_equals_recomputation(tree: HierarchicalStatisticalTree, held: Rows) -> None:
    """Every node that is above an agent, from the rows of all agents below it."""
    assert tree.agent_count == len(held)
    below: dict[tuple[str, int], list[np.ndarray]] = {}
    agent_at: dict[tuple[str, int], str] = {}
    for agent, rows in held.items():
        for level, node in zip(tree.levels, tree.path(agent), strict=True):
            below.setdefault((level, node), []).extend(rows)
            agent_at[level, node] = agent
    for (level, node), rows in below.items():
        found = tree.baseline(agent_at[level, node], level)
        assert found.n == len(rows)
        if not rows:
            assert np.isnan(found.mean).all()
            continue
        block = np.array(rows)
        exact = GroupMoments.from_block(block, np.zeros(len(block), np.int64), 1)
        assert found.mean == pytest.approx(exact.mean()[0], rel=1e-12)
        if len(rows) > 1:
            covariance = exact.covariance()[0]
            scale = np.sqrt(np.diag(covariance))
            error = np.abs(found.covariance - covariance)
            assert (error <= 1e-12 * np.outer(scale, scale)).all()


@given(
    seed=st.integers(0, 2**32),
    branching=st.integers(2, 4),
    leaf=st.integers(1, 5),
    d=st.sampled_from([1, 2, 5]),
    plan=st.lists(st.sampled_from("jjuuul"), min_size=4, max_size=25),
)
def test_equals_exact_recomputation_after_any_history(seed, branching, leaf, d, plan):
    rng = np.random.default_rng(seed)
    tree = HierarchicalStatisticalTree(branching, leaf, d)
    held: Rows = {}
    joined = 0
    for step in plan:
        if step == "j":
            ids = [f"agent {joined + i}" for i in range(rng.integers(1, 9))]
            joined += len(ids)
            tree.add_agents(ids)
            held |= {agent: [] for agent in ids}
        elif step == "u" and held:
            who = rng.choice(sorted(held), rng.integers(1, 20)).tolist()
            rows = rows_of(rng, len(who), d)
            tree.update(who, rows)
            for agent, row in zip(who, rows, strict=True):
                held[agent].append(row)
        elif held:
            leaving = str(rng.choice(sorted(held)))
            tree.remove_agent(leaving)
            del held[leaving]
    assert_equals_recomputation(tree, held)


@pytest.mark.parametrize("d", [1, 2, 10, 20, 64])
def test_any_number_of_features(d: int) -> None:
    rng = np.random.default_rng(d)
    tree = HierarchicalStatisticalTree(3, 4, d)
    ids = [str(i) for i in range(30)]
    tree.add_agents(ids)
    who = rng.choice(ids, 3 * d + 60).tolist()
    rows = rows_of(rng, len(who), d)
    scores = tree.update(who, rows)
    held: Rows = {agent: [] for agent in ids}
    for agent, row in zip(who, rows, strict=True):
        held[agent].append(row)
    assert_equals_recomputation(tree, held)
    mean, covariance = rows[:-1].mean(axis=0), np.atleast_2d(np.cov(rows[:-1].T))
    move = rows[-1] - mean
    direct = move @ np.linalg.solve(covariance, move)
    assert scores.d2[-1, -1] == pytest.approx(direct, rel=1e-9)
    assert scores.n[-1, -1] == len(rows) - 1


def test_what_an_outlier_added_leaves_with_its_agent() -> None:
    """Subtracting it would leave rounding errors as large as the baseline."""
    rng = np.random.default_rng(0)
    tree = HierarchicalStatisticalTree(2, 2, 3)
    tree.add_agents(["good", "bad", "other"])
    rows = rows_of(rng, 40, 3)
    tree.update(["good"] * 20 + ["other"] * 20, rows)
    tree.update_agent_behavior("bad", [1e12, -1e12, 3e12])
    tree.remove_agent("bad")
    held = {"good": list(rows[:20]), "other": list(rows[20:])}
    assert_equals_recomputation(tree, held)


def test_nodes_made_anew_after_many_rows_stay_what_they_were() -> None:
    rng = np.random.default_rng(5)
    tree = HierarchicalStatisticalTree(2, 2, 2)
    agents = tree.add_agents([str(i) for i in range(6)])
    who = rng.integers(0, 6, 70_000)
    rows = rows_of(rng, len(who), 2)
    scores = tree.update(agents[who], rows)
    held = {str(i): list(rows[who == i]) for i in range(6)}
    assert_equals_recomputation(tree, held)
    move = rows[-1] - rows[:-1].mean(axis=0)
    direct = move @ np.linalg.solve(np.cov(rows[:-1].T), move)
    assert scores.d2[-1, -1] == pytest.approx(direct, rel=1e-10)


def test_rows_one_by_one_give_the_bits_of_a_batch() -> None:
    rng = np.random.default_rng(6)
    one, many = (HierarchicalStatisticalTree(3, 2, 4) for _ in range(2))
    ids = [str(i) for i in range(20)]
    for tree in (one, many):
        tree.add_agents(ids)
    who, rows = rng.choice(ids, 300).tolist(), rows_of(rng, 300, 4)
    rows[rng.random(rows.shape) < 0.02] = np.nan
    times = rng.integers(0, 40, 300)
    batch = many.update(who, rows, times)
    for k, agent in enumerate(who):
        single = one.update_agent_behavior(agent, rows[k], int(times[k]))
        for name in ("d2", "n", "features", "status"):
            found, expected = getattr(single, name)[0], getattr(batch, name)[k]
            assert np.array_equal(found, expected, equal_nan=True), name
    for name, array in many.to_arrays().items():
        assert np.array_equal(one.to_arrays()[name], array), name
    assert set(batch.status) == {0, 1, 2}


def test_score_is_what_update_finds_and_changes_nothing() -> None:
    rng = np.random.default_rng(7)
    tree = HierarchicalStatisticalTree(3, 2, 4)
    tree.add_agents([str(i) for i in range(20)])
    tree.update(rng.integers(0, 20, 400), rows_of(rng, 400, 4))
    before = tree.to_arrays()
    x = rows_of(rng, 3, 4)
    x[1, 2] = np.nan
    x[2] = np.inf
    scored = tree.score([0, 2, 4], x)  # of three leaves
    alone = tree.detect_anomaly_hierarchical("2", x[1])
    assert np.array_equal(alone.d2[0], scored.d2[1])
    after = tree.to_arrays()
    assert all(np.array_equal(after[k], v) for k, v in before.items())
    assert np.isnan(scored.d2[2]).all()
    assert scored.features.tolist() == [4, 3, 0]
    for k in range(3):
        taken = tree.update_agent_behavior(str(2 * k), x[k])
        assert taken.d2[0, 0] == pytest.approx(scored.d2[k, 0], rel=1e-12, nan_ok=True)
        assert taken.features[0] == scored.features[k]
    assert tree.get_global_statistics()["n"] == 401


def test_no_baseline_yet_is_no_alarm() -> None:
    tree = HierarchicalStatisticalTree(feature_dimensions=3)
    tree.add_agent("a")
    for k in range(4):
        scores = tree.update_agent_behavior("a", [1e6 * k, 0.0, -(10.0**k)])
        assert np.isnan(scores.d2).all()
        assert np.isnan(scores.p_value()).all()
        assert not scores.is_anomaly(0.5).any()
        assert scores.n.tolist() == [[k]]
        assert scores.decisive_level().tolist() == [-1]
    assert np.isfinite(tree.update_agent_behavior("a", [1.0, 2.0, 3.0]).d2).all()


def test_p_values_follow_their_law_at_small_n() -> None:
    """A chi-square threshold would reject more than a quarter of these rows."""
    rng = np.random.default_rng(8)
    agents, n, d = 4_000, 8, 3
    tree = HierarchicalStatisticalTree(10, 1, d)
    tree.add_agents([str(i) for i in range(agents)])
    for _ in range(n):
        tree.update(np.arange(agents), rng.normal(size=(agents, d)))
    p = tree.score(np.arange(agents), rng.normal(size=(agents, d))).p_values()[:, 0]
    for alpha in (0.01, 0.05, 0.5):
        tolerance = 4 * np.sqrt(alpha * (1 - alpha) / agents)
        assert (p <= alpha).mean() == pytest.approx(alpha, abs=tolerance)


def test_levels_are_one_test() -> None:
    p = np.log([[0.02, 0.9, 0.9, 0.9]])
    n = np.full((1, 4), 1e9)
    d2 = -2.0 * p  # two features and a known covariance: p = exp(-d2 / 2)
    one, zero = np.array([2]), np.array([0])
    scores = Scores(("leaf", "level 1", "level 2", "all"), d2, n, one, zero)
    assert scores.p_values()[0] == pytest.approx(np.exp(p[0]), rel=1e-6)
    assert scores.p_value() == pytest.approx([0.08], rel=1e-6)
    assert scores.decisive_level().tolist() == [0]
    assert not scores.is_anomaly(0.05).any()
    assert scores.is_anomaly(0.1).all()
    assert repr(scores).startswith("Scores: n=1_000_000_000 | rows=1")


class Memory:
    """Naive twin of what an agent remembers."""

    def __init__(self, size: int) -> None:
        self.size, self.times = size, list[int]()

    def status(self, time: int) -> str:
        if time in self.times:
            return "repeat"
        if len(self.times) == self.size and time < self.times[0]:
            return "too_old"
        self.times = sorted([*self.times, time])[-self.size :]
        return "taken"


@given(
    size=st.integers(1, 5),
    times=st.lists(st.integers(-6, 12) | st.integers(-(2**62), 2**62), max_size=40),
)
def test_a_repeat_is_a_no_op(size: int, times: list[int]) -> None:
    tree = HierarchicalStatisticalTree(feature_dimensions=1, remembered_times=size)
    tree.add_agents(["a", "b"])
    memory = Memory(size)
    expected = [memory.status(time) for time in times]
    rows = np.arange(float(len(times)))[:, None]
    scores = tree.update([0] * len(times), rows, np.array(times, np.int64))
    assert [STATUS[s] for s in scores.status.tolist()] == expected
    kept = rows[[status == "taken" for status in expected]]
    assert_equals_recomputation(tree, {"a": list(kept), "b": []})


def test_a_tree_of_groups_has_their_levels() -> None:
    rng = np.random.default_rng(10)
    levels = Hierarchy(
        ("team", "site", "all"), (np.array([0, 1, 0, 1, 1]), np.array([0, 0]))
    )
    tree = HierarchicalStatisticalTree.from_hierarchy(levels, 2)
    teams = rng.integers(0, 5, 30)
    ids = [f"a{i}" for i in range(30)]
    agents = tree.add_agents(ids, groups=teams)
    assert tree.levels == ("team", "site", "all")
    who = rng.integers(0, 30, 500)
    rows = rows_of(rng, 500, 2)
    tree.update(agents[who], rows)
    held = {agent: list(rows[who == i]) for i, agent in enumerate(ids)}
    assert_equals_recomputation(tree, held)
    team = GroupMoments.from_block(rows, teams[who], 5)
    site = team.rollup(levels.parent("team", "site"), 2)
    for i, agent in enumerate(ids):
        for level, whole, group in (
            ("team", team, teams[i]),
            ("site", site, levels.parent("team", "site")[teams[i]]),
        ):
            found = tree.baseline(agent, level)
            assert found.n == whole.count[group, 0]
            assert found.mean == pytest.approx(whole.mean()[group], rel=1e-12)
    tree.remove_agent("a3")
    del held["a3"]
    assert_equals_recomputation(tree, held)
