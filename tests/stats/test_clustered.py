"""Moments with sums per agent: the laws, the plain loop, and the interval they give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats.clustered import ClusteredMoments, agent_sums
from stats.shard_moments import ShardMoments
from stats.summary import InvalidInput, merge_all
from stats.transforms import Transforms
from tests.laws import check_laws, same_bytes
from tests.strategies import values

Drawn = tuple[np.ndarray, np.ndarray, int]


@st.composite
def agent_blocks(draw: st.DrawFn) -> tuple[Drawn, Drawn, Drawn]:
    """Three blocks of whole agents, all with the same times, features and groups."""
    times, d, n_groups = (draw(st.integers(1, 3)) for _ in range(3))
    kinds = ("small integers", "gaps", "missing", "unit interval")

    def block() -> Drawn:
        agents = draw(st.integers(0, 4))
        x = draw(values(agents * times, d, kinds)).reshape(agents, times, d)
        group = st.lists(
            st.integers(-1, n_groups - 1), min_size=agents, max_size=agents
        )
        return x, np.array(draw(group), dtype=np.int64), n_groups

    return block(), block(), block()


def build(block: Drawn) -> ClusteredMoments:
    return ClusteredMoments.from_block(*block)


def join(one: Drawn, two: Drawn) -> Drawn:
    x, y = one[0], two[0]
    return np.concatenate([x, y]), np.concatenate([one[1], two[1]]), one[2]


def test_laws():
    check_laws(agent_blocks(), build, join, ClusteredMoments.from_arrays)


@given(agent_blocks())
def test_parts_are_those_of_a_shard(blocks):
    x, groups, n_groups = blocks[0]
    shard = ShardMoments.from_block(
        x, groups, n_groups, transforms=Transforms.identity(x.shape[2])
    )
    found = build(blocks[0])
    same_bytes(shard.rows, found.rows)
    same_bytes(shard.clusters, found.clusters)
    for one, two in zip(shard.mean_interval(), found.mean_interval(), strict=True):
        np.testing.assert_array_equal(one, two)


@given(agent_blocks(), st.data())
def test_joining_is_rolling_up_and_merging(blocks, data):
    states = [build(block) for block in blocks]
    parent = st.lists(
        st.integers(-1, 3), min_size=blocks[0][2], max_size=blocks[0][2]
    ).map(lambda drawn: np.array(drawn, dtype=np.int64))
    parents = [data.draw(parent) for _ in states]
    rolled = [s.rollup(to, 4) for s, to in zip(states, parents, strict=True)]
    same_bytes(merge_all(rolled), ClusteredMoments.join(states, parents, 4))


def naive(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    agents, times, d = x.shape
    count, total = np.zeros((agents, d)), np.zeros((agents, d))
    for a, j in np.ndindex(agents, d):
        for t in range(times):
            value = float(x[a, t, j])
            if value == value:  # noqa: PLR0124
                count[a, j] += 1
                total[a, j] += value
    return count, total


@pytest.mark.parametrize(
    "dtype", ["float16", "float32", "float64", "int8", "int64", "uint32"]
)
def test_agent_sums_are_those_of_the_plain_loop_for_any_strides(dtype: str) -> None:
    rng = np.random.default_rng(4)
    x: np.ndarray[Any, Any] = rng.normal(0, 50, (7, 9, 3)).astype(dtype)
    if x.dtype.kind == "f":
        x[rng.random(x.shape) < 0.2] = np.nan
        x[0, :, 0] = np.nan
    expected = naive(x)
    still = x.copy()
    still.flags.writeable = False
    columns = np.ascontiguousarray(x.transpose(0, 2, 1)).transpose(0, 2, 1)
    for same in (x, still, columns, np.asfortranarray(x), x[::-1][::-1]):
        for one, two in zip(expected, agent_sums(same), strict=True):
            assert one.tobytes() == two.tobytes()


def test_rows_without_agents_are_refused():
    with pytest.raises(InvalidInput, match=r"Give \(agents, times, d\)"):
        ClusteredMoments.from_block(np.zeros((3, 2)), np.zeros(3, dtype=int), 1)
    one = build((np.ones((2, 3, 1)), np.zeros(2, dtype=int), 1))
    assert repr(one) == ("ClusteredMoments: GroupMoments: n=6 | groups=1 | features=1")
