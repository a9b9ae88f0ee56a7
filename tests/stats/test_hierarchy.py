"""Levels of a population: composed parents, sizes, roll-up and what is refused."""

import numpy as np
import pytest

from stats.hierarchy import Hierarchy
from stats.moments import GroupMoments
from stats.summary import InvalidInput

TREE = Hierarchy(("team", "site", "all"), (np.array([0, 1, 0, 2]), np.array([0, 0, 0])))


def test_parents_compose():
    assert TREE.parent("team", "site").tolist() == [0, 1, 0, 2]
    assert TREE.parent("team", "all").tolist() == [0, 0, 0, 0]
    assert TREE.parent("site", "all").tolist() == [0, 0, 0]
    assert TREE.parent("site", "site").tolist() == [0, 1, 2]
    assert TREE.parent("all", "all").tolist() == [0]


def test_sizes():
    assert [TREE.size(level) for level in TREE.levels] == [4, 3, 1]
    assert Hierarchy(("all",), ()).size("all") == 1


def test_rolling_up_equals_building_at_that_level():
    rng = np.random.default_rng(0)
    x, teams = rng.normal(size=(80, 2)), rng.integers(0, 4, 80)
    x[rng.random(x.shape) < 0.2] = np.nan
    by_team = GroupMoments.from_block(x, teams, 4)
    for level in TREE.levels:
        groups = TREE.parent("team", level)[teams]
        direct = GroupMoments.from_block(x, groups, TREE.size(level))
        assert TREE.rollup(by_team, to=level).digest() == direct.digest()
    by_site = TREE.rollup(by_team, to="site")
    upper = Hierarchy(TREE.levels[1:], TREE.parents[1:])
    assert upper.rollup(by_site, to="all").digest() == (
        TREE.rollup(by_team, to="all").digest()
    )


@pytest.mark.parametrize(
    ("levels", "parents", "text"),
    [
        (("team", "site"), (), "2 levels and 0 parent vectors"),
        (("team",), (np.array([0]),), "1 levels and 1 parent vectors"),
        (("team", "site"), (np.array([0.0]),), "float64"),
        (("team", "site"), (np.array([[0]]),), r"shape \(1, 1\)"),
        (("team", "site"), (np.array([0, -1]),), "run from -1 to 0"),
        (("a", "b", "c"), (np.array([0, 2]), np.array([0, 0])), "b has 2 groups"),
    ],
)
def test_a_tree_that_does_not_hold_together_is_refused(levels, parents, text):
    with pytest.raises(InvalidInput, match=text):
        Hierarchy(levels, parents)


def test_questions_without_an_answer_are_refused():
    with pytest.raises(InvalidInput, match="no level 'planet'"):
        TREE.size("planet")
    with pytest.raises(InvalidInput, match="'team' is finer than 'all'"):
        TREE.parent("all", "team")
    three = GroupMoments.from_block(np.zeros((1, 1)), np.array([0]), 3)
    with pytest.raises(InvalidInput, match="has 3 groups, level team has 4"):
        TREE.rollup(three, to="site")
