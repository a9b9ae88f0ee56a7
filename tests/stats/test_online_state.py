"""The online tree's shape, what it refuses, and its state on its way elsewhere."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from stats.hierarchy import Hierarchy
from stats.kernels_online_paths import COUNT, FIRST, LEAF, LEVEL, PARENT
from stats.online import HierarchicalStatisticalTree
from stats.summary import InvalidInput, pack, unpack


def filled(seed: int = 0, **settings: object) -> HierarchicalStatisticalTree:
    rng = np.random.default_rng(seed)
    tree = HierarchicalStatisticalTree(3, 2, 4, **settings)  # type: ignore[arg-type]
    tree.add_agents([f"agent {i}" for i in range(20)])
    tree.update(rng.integers(0, 20, 300), rng.normal(size=(300, 4)), np.arange(300))
    for i in (3, 4, 11):
        tree.remove_agent(f"agent {i}")
    return tree


def assert_same(one, two) -> None:
    a, b = one.to_arrays(), two.to_arrays()
    assert a.keys() == b.keys()
    for name, array in a.items():
        assert array.dtype == b[name].dtype, name
        assert array.tobytes() == b[name].tobytes(), name
        assert array.shape == b[name].shape, name


@pytest.mark.parametrize(
    ("branching", "leaf", "agents", "nodes", "depth"),
    [
        (10, 50, 0, 1, 1),
        (10, 50, 50, 1, 1),
        (10, 50, 51, 3, 2),
        (10, 50, 500, 11, 2),
        (10, 50, 501, 11 + 1 + 1 + 1, 3),
        (2, 1, 8, 15, 4),
        (3, 4, 36, 9 + 3 + 1, 3),
        (100, 2, 1_000, 500 + 5 + 1, 3),
    ],
)
def test_settings_decide_the_shape(branching, leaf, agents, nodes, depth) -> None:
    at_once = HierarchicalStatisticalTree(branching, leaf, 1)
    at_once.add_agents([str(i) for i in range(agents)])
    assert (at_once.node_count, at_once.depth) == (nodes, depth)
    assert len(at_once.levels) == depth
    one_by_one = HierarchicalStatisticalTree(branching, leaf, 1)
    for i in range(agents):
        one_by_one.add_agent(str(i))
    assert (one_by_one.node_count, one_by_one.depth) == (nodes, depth)
    arrays = at_once.to_arrays()
    links, seats = arrays["links"], arrays["seats"]
    leaves = links[:, LEVEL] == 0
    assert links[leaves, COUNT].max(initial=0) <= leaf
    assert links[~leaves, COUNT].max(initial=0) <= branching
    assert np.bincount(seats[:, LEAF], minlength=nodes).tolist() == [
        count if level == 0 else 0
        for count, level in zip(links[:, COUNT], links[:, LEVEL], strict=True)
    ]
    below = links[:, PARENT] >= 0
    children = np.bincount(links[below, PARENT], minlength=nodes)
    assert children[~leaves].tolist() == links[~leaves, COUNT].tolist()
    assert (links[links[below, PARENT], LEVEL] == links[below, LEVEL] + 1).all()


def test_joins_make_a_node_per_leaf_and_no_work_on_rows() -> None:
    made = {}
    for agents in (1_000, 10_000, 100_000):
        tree = HierarchicalStatisticalTree(10, 50, 2)
        tree.add_agents([str(i) for i in range(agents)])
        made[agents] = tree.node_count
        assert tree.depth == np.ceil(np.log10(agents / 50)) + 1
        assert tree.get_global_statistics()["n"] == 0
    assert all(nodes <= agents / 50 * 10 / 9 + 8 for agents, nodes in made.items())


def test_seats_are_used_again() -> None:
    tree = HierarchicalStatisticalTree(3, 4, 2)
    ids = [str(i) for i in range(100)]
    tree.add_agents(ids)
    nodes, rng = tree.node_count, np.random.default_rng(0)
    for turn in range(5):
        leaving = rng.choice(ids, 70, replace=False).tolist()
        for agent in leaving:
            tree.remove_agent(agent)
        assert tree.agent_count == 30
        new = [f"{turn}-{i}" for i in range(70)]
        indices = tree.add_agents(new)
        assert len(set(indices.tolist())) == 70
        assert indices.max() < 100
        ids = [agent for agent in ids if agent not in leaving] + new
        assert (tree.node_count, tree.agent_count) == (nodes, 100)
        assert sorted(tree.indices(ids).tolist()) == list(range(100))


def test_a_new_root_knows_what_the_old_one_knew() -> None:
    rng = np.random.default_rng(1)
    tree = HierarchicalStatisticalTree(2, 2, 3)
    for i in range(40):
        tree.add_agent(str(i))
        tree.update_agent_behavior(str(i), rng.normal(size=3))
        assert tree.get_global_behavioral_baseline().n == i + 1
        x = rng.normal(size=3)
        tree.add_agents([f"{i} too"])
        assert tree.detect_anomaly_hierarchical(str(i), x).n[0, -1] == i + 1
    assert tree.depth == 7


def test_who_comes_again_starts_anew() -> None:
    tree = HierarchicalStatisticalTree(feature_dimensions=1)
    tree.add_agent("a")
    assert tree.update_agent_behavior("a", [1.0], 5).status.tolist() == [0]
    assert tree.update_agent_behavior("a", [1.0], 5).status.tolist() == [1]
    tree.remove_agent("a")
    assert tree.get_global_statistics()["n"] == 0
    tree.add_agent("a")
    assert tree.update_agent_behavior("a", [2.0], 5).status.tolist() == [0]
    assert tree.get_global_behavioral_baseline().mean.tolist() == [2.0]


def test_without_moments_of_agents_their_rows_stay() -> None:
    tree = filled(agent_moments=False)
    assert tree.get_global_statistics()["n"] == 300
    with_moments = filled()
    assert with_moments.get_global_statistics()["n"] < 300
    assert tree.to_arrays()["agents"].shape == (20, 0)
    per_agent = with_moments.to_arrays()["agents"].nbytes / 20
    assert per_agent == 8 * (1 + 4 + 4 * 5 / 2)


@pytest.mark.parametrize("agent_moments", [True, False])
def test_a_restored_tree_goes_on_bit_for_bit(agent_moments: bool) -> None:
    tree = filled(agent_moments=agent_moments)
    packed = pack(tree.to_arrays(), kind="tree", version=tree.state_version)
    copies = [
        HierarchicalStatisticalTree.from_arrays(unpack(packed)[2]),
        pickle.loads(pickle.dumps(tree)),
    ]
    rng = np.random.default_rng(2)
    rows, times = rng.normal(size=(200, 4)), rng.integers(280, 400, 200)
    for copy in copies:
        assert_same(tree, copy)
        assert copy.levels == tree.levels
    for each in (tree, *copies):
        each.add_agents([f"new {i}" for i in range(9)])
        each.remove_agent("agent 7")
        each.update(["agent 1", "new 2", "agent 19", "new 8"] * 50, rows, times)
    for copy in copies:
        assert_same(tree, copy)


def test_an_empty_tree_and_one_of_groups_come_back() -> None:
    levels = Hierarchy(("team", "all"), (np.array([0, 0, 0]),))
    groups = HierarchicalStatisticalTree.from_hierarchy(levels, 2)
    groups.add_agents(["ä", "b c"], groups=[2, 0])
    groups.update(["ä", "b c"], np.ones((2, 2)))
    for tree in (HierarchicalStatisticalTree(), groups):
        copy = HierarchicalStatisticalTree.from_arrays(tree.to_arrays())
        assert_same(tree, copy)
        assert copy.levels == tree.levels
    assert copy.path("ä").tolist() == [2, 3]
    assert copy.add_agent("c", group=1) == 2


DAMAGE = {
    "a part is missing": lambda a: a.pop("links"),
    "another width": lambda a: a.update(nodes=a["nodes"][:, :-1]),
    "fewer seats": lambda a: a.update(seats=a["seats"][:-1]),
    "a parent outside": lambda a: a["links"].__setitem__((0, PARENT), 10**6),
    "a child outside": lambda a: a["links"].__setitem__((-1, FIRST), 10**6),
    "a leaf outside": lambda a: a["seats"].__setitem__((0, LEAF), 10**6),
    "an agent in a node": lambda a: a["seats"].__setitem__((0, LEAF), 2),
    "two roots": lambda a: a["links"].__setitem__((0, PARENT), -1),
    "an id too few": lambda a: a["id_ends"].__setitem__(0, 0),
    "text that is cut": lambda a: a.update(id_text=a["id_text"][:-1]),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_damaged_arrays_are_refused(how: str) -> None:
    arrays = filled().to_arrays()
    assert arrays["links"][2, LEVEL] == 1
    DAMAGE[how](arrays)
    with pytest.raises(InvalidInput, match="no arrays of an online tree"):
        HierarchicalStatisticalTree.from_arrays(arrays)


ROWS, HUGE = np.zeros((2, 4)), np.full((2, 4), [[0.0], [-1e101]])
REFUSED = {
    "unknown agent": lambda t: t.update(["agent 1", "who"], ROWS),
    "unknown agent alone": lambda t: t.update_agent_behavior("who", ROWS[0]),
    "unknown agent leaves": lambda t: t.remove_agent("who"),
    "an agent that left": lambda t: t.update([0, 3], ROWS),
    "an index outside": lambda t: t.update([0, 20], ROWS),
    "a negative index": lambda t: t.update([0, -1], ROWS),
    "fewer agents than rows": lambda t: t.update([0], ROWS),
    "fewer ids than rows": lambda t: t.update(["agent 1"], ROWS),
    "agents as floats": lambda t: t.update(np.zeros(2), ROWS),
    "too few features": lambda t: t.update([0, 1], ROWS[:, :3]),
    "too few features alone": lambda t: t.update_agent_behavior("agent 1", [1.0]),
    "one row as a batch": lambda t: t.update([0], ROWS[0]),
    "text": lambda t: t.update_agent_behavior("agent 1", ["a", "b", "c", "d"]),
    "a huge value": lambda t: t.update([0, 1], HUGE),
    "a huge value alone": lambda t: t.update_agent_behavior(
        "agent 1", [0, -1e300, 0, 0]
    ),
    "a huge value to score": lambda t: t.score([0, 1], HUGE),
    "times as floats": lambda t: t.update([0, 1], ROWS, [400.0, 401.0]),
    "fewer times": lambda t: t.update([0, 1], ROWS, [400]),
    "a time as text": lambda t: t.update_agent_behavior("agent 1", ROWS[0], "now"),
    "known already": lambda t: t.add_agents(["new", "agent 1"]),
    "twice": lambda t: t.add_agents(["new", "new"]),
    "no name": lambda t: t.add_agent(""),
    "a number as id": lambda t: t.add_agents(["new", 5]),
    "groups where there are none": lambda t: t.add_agent("new", group=0),
    "no such level": lambda t: t.baseline("agent 1", "galaxy"),
    "alpha": lambda t: t.score([0], ROWS[:1]).is_anomaly(1.5),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_changes_nothing(what: str) -> None:
    tree = filled()
    with pytest.raises(InvalidInput) as caught:
        REFUSED[what](tree)
    assert str(caught.value).count(". ") >= 1
    assert_same(tree, filled())
    assert tree.agent_count == 17


@pytest.mark.parametrize(
    "settings",
    [
        {"branching_factor": 1},
        {"max_leaf_size": 0},
        {"feature_dimensions": 0},
        {"remembered_times": 0},
        {"prior_deviation": 0.0},
        {"prior_deviation": np.nan},
        {"prior_deviation": [1.0, 1.0]},
    ],
)
def test_settings_outside_their_range_are_refused(settings) -> None:
    with pytest.raises(InvalidInput, match="HierarchicalStatisticalTree: "):
        HierarchicalStatisticalTree(**settings)


def test_groups_are_checked() -> None:
    levels = Hierarchy(("team", "all"), (np.array([0, 0, 0]),))
    tree = HierarchicalStatisticalTree.from_hierarchy(levels, 2)
    for groups in (None, [3], [-1], [0, 1], [0.0]):
        with pytest.raises(InvalidInput, match="groups"):
            tree.add_agents(["a"], groups=groups)
    assert tree.agent_count == 0
    two = Hierarchy(("team", "site"), (np.array([0, 1, 1]),))
    with pytest.raises(InvalidInput, match="2 groups at level 'site'"):
        HierarchicalStatisticalTree.from_hierarchy(two, 2)


def test_extreme_values_that_are_taken_leave_finite_scores() -> None:
    tree = HierarchicalStatisticalTree(2, 2, 2)
    tree.add_agents(["a", "b", "c"])
    rng = np.random.default_rng(3)
    tree.update(["a", "b", "c"] * 20, rng.normal(size=(60, 2)))
    found = tree.update(
        ["a", "a", "b"], [[1e100, -1e100], [5e-324, 0.0], [0.0, 1e-300]]
    )
    assert np.isfinite(found.d2).all()
    assert found.is_anomaly(1e-6).tolist() == [True, False, False]
    tree.remove_agent("a")
    assert np.abs(tree.get_global_behavioral_baseline().mean).max() < 1.0


def test_global_statistics_say_what_there_is() -> None:
    tree = filled()
    found = tree.get_global_statistics()
    root = tree.get_global_behavioral_baseline()
    assert {k: found[k] for k in ("n", "agents", "nodes", "depth", "levels")} == {
        "n": root.n,
        "agents": 17,
        "nodes": tree.node_count,
        "depth": tree.depth,
        "levels": tree.levels,
    }
    assert np.array_equal(found["covariance"], root.covariance)
    assert np.array_equal(found["standard_deviation"], root.standard_deviation)
    held = sum(part.nbytes for part in tree.to_arrays().values())
    assert found["state_bytes"] >= held - sum(
        tree.to_arrays()[k].nbytes
        for k in ("id_text", "id_ends", "level_text", "level_ends", "settings")
    )
    assert repr(root).startswith(f"Baseline: n={root.n} | level=all")
    assert repr(tree).startswith(f"HierarchicalStatisticalTree: n={root.n} | agents=17")
