"""A report keeps the most correlated groups of a map, and says how many it cut."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stats.summary import InvalidInput
from tasks.report.collect_map import KEPT_GROUPS, collect_map
from tasks.report.findings import CorrelationMap
from tasks.report.heat import strongest


def collect(r: np.ndarray, keep: int = KEPT_GROUPS) -> CorrelationMap:
    groups = len(r)
    return collect_map(
        r,
        level="team",
        names=[f"team-{k}" for k in range(groups)],
        sites=["north", "south"] * (groups // 2) + ["north"] * (groups % 2),
        n=list(range(groups)),
        nights=60,
        what="nightly means",
        keep=keep,
    )


def matrix(groups: int) -> np.ndarray:
    r = np.random.default_rng(9).uniform(-1, 1, (groups, groups))
    r = (r + r.T) / 2
    r[0, -1] = r[-1, 0] = np.nan
    return r


def test_a_small_map_is_kept_whole() -> None:
    r = matrix(7)
    found = collect(r)
    assert found.total is None
    assert found.names == tuple(f"team-{k}" for k in range(7))
    assert found.n == tuple(range(7))
    expected = [[None if math.isnan(x) else x for x in row] for row in r.tolist()]
    assert [list(row) for row in found.r] == expected
    assert found.r[0][-1] is None


def test_a_large_map_keeps_what_the_page_would_choose() -> None:
    r = matrix(140)
    found = collect(r, keep=30)
    listed = [[None if math.isnan(x) else x for x in row] for row in r.tolist()]
    places = strongest(listed, 30)
    assert found.names == tuple(f"team-{k}" for k in places)
    assert found.sites == tuple(("north", "south")[k % 2] for k in places)
    assert found.n == tuple(places)
    assert found.total == 140
    assert [list(row) for row in found.r] == [
        [listed[a][b] for b in places] for a in places
    ]


def test_the_matrix_given_is_not_changed() -> None:
    r = matrix(5)
    before = r.copy()
    collect(r)
    np.testing.assert_array_equal(r, before)


def test_no_groups_give_an_empty_map() -> None:
    assert collect(np.zeros((0, 0))).names == ()


def test_shapes_that_disagree_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"3 names.*shape \(2, 2\)"):
        collect_map(
            np.zeros((2, 2)), level="team", names="abc", sites="xyz", n=[1, 2, 3],
            nights=3, what="means",
        )  # fmt: skip
