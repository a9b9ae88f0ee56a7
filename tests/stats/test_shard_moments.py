"""A shard's summary: laws, agent means, and the interval that respects agents."""

from math import nan

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats as distributions

from stats.shard_moments import ShardMoments, agent_means
from stats.summary import InvalidInput
from stats.transforms import Transforms
from tests.laws import check_laws
from tests.strategies import TAME, values

Agents = tuple[NDArray[np.float64], NDArray[np.int64], int]


@st.composite
def agent_blocks(draw: st.DrawFn) -> tuple[Agents, Agents, Agents]:
    """Three blocks of whole agents with the same times, features and teams."""
    times, d, teams = (draw(st.integers(1, 3)) for _ in range(3))

    def block() -> Agents:
        agents = draw(st.sampled_from([0, 1, 4]))
        x = draw(values(agents * times, d, TAME)).reshape(agents, times, d)
        team = st.lists(st.integers(0, teams - 1), min_size=agents, max_size=agents)
        return x, np.array(draw(team), dtype=np.int64), teams

    return block(), block(), block()


def build(block: Agents) -> ShardMoments:
    x, teams, n_teams = block
    d = x.shape[2]
    transforms = Transforms(("asinh",) * d, (2.0,) * d)
    return ShardMoments.from_block(x, teams, n_teams, transforms=transforms)


def join(one: Agents, two: Agents) -> Agents:
    return (
        np.concatenate([one[0], two[0]]),
        np.concatenate([one[1], two[1]]),
        one[2],
    )


def naive_interval(
    rows_by_agent: list[list[float]], level: float
) -> tuple[float, float, float]:
    """Twin: Cochran's linearised variance, agent by agent."""
    agents = [rows for rows in rows_by_agent if rows]
    n, c = sum(map(len, agents)), len(agents)
    if n == 0:
        return nan, nan, nan
    mean = sum(map(sum, agents)) / n
    if c < 2:
        return mean, nan, nan
    squares = sum((sum(rows) - len(rows) * mean) ** 2 for rows in agents)
    half = (c / (c - 1) * squares) ** 0.5 / n
    half *= float(distributions.t.isf((1 - level) / 2, c - 1))
    return mean, mean - half, mean + half


def test_laws():
    check_laws(agent_blocks(), build, join, ShardMoments.from_arrays)


def test_interval_is_that_of_clusters():
    rng = np.random.default_rng(6)
    x = rng.normal(20, 5, (40, 5, 2)) + rng.normal(0, 20, (40, 1, 2))
    x[rng.random(x.shape) < 0.3] = nan
    x[:3] = nan
    teams = rng.integers(0, 4, 40)
    teams[5] = 4
    teams[teams == 5] = 0
    found = build((x, teams, 6)).mean_interval(0.9)
    for team in range(6):
        for i in range(2):
            rows = [a[~np.isnan(a)].tolist() for a in x[teams == team, :, i]]
            expected = naive_interval(rows, 0.9)
            actual = [float(bound[team, i]) for bound in found]
            np.testing.assert_allclose(actual, expected, rtol=1e-9)


def test_agents_without_data_are_no_clusters():
    """Silent agents once counted as clusters and made the interval too narrow."""
    x = np.array([[[1.0]], [[3.0]], [[nan]], [[nan]]])
    loud = build((x[:2], np.zeros(2, dtype=int), 1))
    padded = build((x, np.zeros(4, dtype=int), 1))
    for one, two in zip(loud.mean_interval(), padded.mean_interval(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert padded.clusters.count.tolist() == [[2, 2, 2]]


def test_cells_are_one_transformed_mean_per_agent():
    x = np.array([[[3.0], [nan]], [[1.0], [5.0]], [[nan], [nan]]])
    m = build((x, np.array([0, 1, 1]), 2))
    assert m.rows.count.tolist() == [[1], [2]]
    assert m.cells.count.tolist() == [[1], [1]]
    expected = [np.arcsinh(1.5), (np.arcsinh(0.5) + np.arcsinh(2.5)) / 2]
    np.testing.assert_allclose(m.cells.mean()[:, 0], expected, rtol=1e-15)
    assert repr(m) == "ShardMoments: n=3 | teams=2"


def test_agent_means_do_not_depend_on_the_block():
    rng = np.random.default_rng(8)
    x = rng.normal(size=(30, 7, 3)) * 1e3
    x[rng.random(x.shape) < 0.2] = nan
    mean, count = agent_means(x)
    for agent in range(30):
        alone = agent_means(x[agent : agent + 1])
        assert alone[0].tobytes() == mean[agent].tobytes()
        np.testing.assert_allclose(mean[agent], np.nanmean(x[agent], axis=0))
    np.testing.assert_array_equal(count, (~np.isnan(x)).sum(axis=1))
    empty = agent_means(np.full((1, 2, 1), nan))
    assert np.isnan(empty[0]).all()
    assert empty[1].tolist() == [[0.0]]


@pytest.mark.parametrize("shape", [(3, 2), (4, 1, 2)])
def test_shapes_that_do_not_fit_are_refused(shape):
    with pytest.raises(InvalidInput, match="do not fit"):
        ShardMoments.from_block(
            np.zeros(shape),
            np.zeros(3, dtype=int),
            1,
            transforms=Transforms.identity(2),
        )
