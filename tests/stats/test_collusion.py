"""Planted cliques are found with their members, and shifts give the null law.

Rates over many runs are in tests/calibration/test_collusion.py.
"""

import tracemalloc

import numpy as np
import pytest

from stats import clique_null
from stats.clique_null import (
    ShiftedCliques,
    band_power,
    different,
    uncorrelated,
    unit_rows,
)
from stats.collusion import find_cliques
from stats.simulate import Anomaly, Population, PopulationParams
from stats.summary import InvalidInput, NotEnoughData


def rng(seed=0):
    return np.random.default_rng(seed)


def planted(n, steps, members, *, seed=0, rho=0.8):
    x = rng(seed).standard_normal((n, steps))
    common = rng(seed + 1).standard_normal(steps)
    x[members] = np.sqrt(1 - rho) * x[members] + np.sqrt(rho) * common
    return x


def test_two_planted_cliques_come_first_with_their_members():
    one, two = np.array([3, 50, 51, 200, 310]), np.array([7, 90, 91])
    x = planted(400, 60, one)
    x[two] = planted(400, 60, two, seed=5)[two]
    found = find_cliques(x, rng=rng(2))
    assert found.found.sum() == 2
    cliques = {tuple(found.of(k).tolist()) for k in (0, 1)}
    assert cliques == {tuple(one.tolist()), tuple(two.tolist())}
    assert (np.diff(found.log_p) >= 0).all()
    assert (found.mean_r[:2] > 0.6).all()
    np.testing.assert_allclose(found.variance, 1 + (found.size - 1) * found.mean_r)
    assert np.array_equal(found.found, found.q_value <= 0.05)
    np.testing.assert_allclose(found.p, np.exp(found.log_p))
    assert not found.truncated
    assert repr(found).startswith("Cliques: n=400 | found=2 of ")


def test_the_mean_correlation_is_that_of_the_second_half():
    members = np.array([1, 4, 8, 9])
    x = planted(60, 60, members)
    found = find_cliques(x, rng=rng())
    own = x[found.of(0), 33:]
    r = np.corrcoef(own)[np.triu_indices(len(own), 1)]
    assert len(r) >= 3
    np.testing.assert_allclose(found.mean_r[0], r.mean(), rtol=1e-12)
    z = (own - own.mean(axis=1, keepdims=True)) / own.std(axis=1, keepdims=True)
    for k, row in enumerate(z):
        expected = np.corrcoef(row, z.sum(axis=0) - row)[0, 1]
        np.testing.assert_allclose(found.member_r[k], expected, rtol=1e-12)


def test_an_equal_generator_gives_an_equal_answer():
    x = planted(120, 40, np.array([2, 3, 5]))
    one, two = (find_cliques(x, rng=rng(7)) for _ in range(2))
    np.testing.assert_array_equal(one.log_p, two.log_p)
    np.testing.assert_array_equal(one.members, two.members)


def test_pairs_across_groups_are_not_looked_for():
    members = np.array([5, 6, 105, 106])
    x = planted(200, 60, members)
    groups = np.arange(200) // 100
    groups[40] = -1
    found = find_cliques(x, groups, rng=rng())
    assert found.agents == 199
    assert sorted(found.of(k).tolist() for k in (0, 1)) == [[5, 6], [105, 106]]
    assert found.found[:2].all()
    for k in range(len(found.size)):
        assert len(set(groups[found.of(k)].tolist())) == 1
    assert 40 not in found.members


def test_every_agent_is_in_one_clique_at_most():
    x = planted(300, 30, np.arange(40), rho=0.4)
    found = find_cliques(x, rng=rng())
    assert len(np.unique(found.members)) == len(found.members)
    assert found.offsets[-1] == len(found.members)
    assert (np.diff(found.offsets) >= 2).all()


@pytest.mark.parametrize("size", [5, 20])
def test_collusion_of_the_simulated_population_is_found(size):
    who = tuple(np.sort(rng(size).choice(2_000, size, replace=False)).tolist())
    params = PopulationParams(agents=2_000, nights=28, sites=20, teams_per_site=5)
    collude = Anomaly("collusion", size=0.8, agents=who)
    block = Population(params, (collude,)).block(0)
    x = block.values - np.nanmean(block.values, axis=1, keepdims=True)
    for team in np.unique(block.team):
        own = block.team == team
        x[own] -= np.nanmean(x[own], axis=0)
    found = find_cliques(x, rng=rng())
    named = set(np.concatenate([found.of(k) for k in np.flatnonzero(found.found)]))
    assert len(named & set(who)) >= 0.9 * size
    assert len(named & set(who)) >= 0.8 * len(named)
    stray = ~np.isin(found.members[: found.size[0]], who)
    r = found.member_r[: found.size[0]]
    assert r[stray].max(initial=-1) < 0.4 < r[~stray].min()


def test_gaps_and_agents_without_data_do_no_harm():
    members = np.array([10, 11, 12, 13, 14])
    x = planted(150, 60, members)
    x[rng(3).random(x.shape) < 0.1] = np.nan
    x[0], x[1], x[2, 30:] = np.nan, 4.0, np.inf
    x[14, 31:] = np.nan
    found = find_cliques(x, rng=rng())
    assert found.agents == 148
    assert found.of(0).tolist() == members.tolist()
    assert found.size[0] == 4
    assert np.isnan(found.member_r[:5]).tolist() == [False] * 4 + [True]
    assert found.found[0]
    assert not set(found.members.tolist()) & {0, 1}


def test_nobody_and_nothing():
    for x in (np.zeros((5, 30)), np.full((4, 30), np.nan), rng().random((2, 30))):
        found = find_cliques(x, rng=rng())
        assert len(found.p) == len(found.members) == 0
        assert found.offsets.tolist() == [0]


def test_what_all_agents_share_is_said_not_to_be_taken_out():
    x = planted(300, 30, np.arange(300), rho=0.95)
    assert find_cliques(x, rng=rng()).truncated


def test_memory_stays_far_below_a_square():
    x = rng().standard_normal((6_000, 30)).astype(np.float32)
    find_cliques(x[:100], rng=rng())
    tracemalloc.start()
    found = find_cliques(x, rng=rng())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found.p) > 100
    assert peak < 100_000_000 < 4 * 6_000**2


def test_unit_rows_correlate_as_pearson_does():
    x = rng().standard_normal((5, 40, 1)) * 10 + 3
    rows, usable = unit_rows(x)
    assert usable.all()
    np.testing.assert_allclose(
        rows[..., 0] @ rows[..., 0].T, np.corrcoef(x[..., 0]), atol=1e-13
    )


def test_mixed_features_are_uncorrelated():
    x = rng().standard_normal((300, 40, 3))
    x[..., 1] += 2 * x[..., 0]
    x[..., 2] = 1.0
    rows, _ = unit_rows(x, uncorrelated(unit_rows(x)[0]))
    second = np.einsum("atd,ate->de", rows, rows)
    values = np.linalg.eigvalsh(second) / (np.trace(second) / 2)
    np.testing.assert_allclose(values, [0.0, 1.0, 1.0], atol=0.05)


def test_power_gives_the_mean_square_of_the_correlation_over_all_shifts(monkeypatch):
    x = np.cumsum(rng().standard_normal((6, 21, 1)), axis=1)
    rows, _ = unit_rows(x)
    first = rows[0, :, 0]
    shifted = np.stack([np.roll(rows[1:, :, 0], s, axis=1) for s in range(21)])
    expected = ((shifted @ first) ** 2).mean(axis=0)
    power = band_power(rows)
    assert power.shape == (6, 4)
    assert np.abs(np.log(power[1:] @ power[0] / expected)).max() < 0.2
    monkeypatch.setattr(clique_null, "_BANDS", tuple(range(1, 11)))
    power = band_power(rows)
    np.testing.assert_allclose(power[1:] @ power[0], expected, rtol=1e-12)
    white, _ = unit_rows(rng().standard_normal((400, 50, 2)))
    mean = band_power(white).mean(axis=0)
    np.testing.assert_allclose(mean @ mean, 1 / 98, rtol=0.02)


def test_drawn_cliques_are_different_agents():
    for n, size in ((12, 10), (500, 4)):
        drawn = different(rng(), n, 2_000, size)
        assert drawn.shape == (2_000, size)
        assert (np.diff(np.sort(drawn, axis=1), axis=1) > 0).all()
        assert np.ptp(np.bincount(drawn.ravel(), minlength=n)) > 0
        assert drawn.min() == 0
        assert drawn.max() == n - 1


def test_tails_agree_with_counts_and_go_on_beyond_them():
    rows, _ = unit_rows(rng().standard_normal((500, 40, 1)))
    null = ShiftedCliques(rows, 20_000, rng(1))
    mean_r, sd = ShiftedCliques(rows, 200_000, rng(2)).draw(3)
    t = np.quantile(mean_r / sd, [0.5, 0.9, 0.99, 0.999, 0.9999])
    expected = np.log([0.5, 0.1, 0.01, 0.001, 0.0001])
    np.testing.assert_allclose(null.log_p(3, t), expected, atol=0.8)
    far = null.log_p(3, np.array([8.0, 30.0, 1e3]))
    assert np.isfinite(far).all()
    assert (np.diff(far) < 0).all()
    assert 1.0 <= null.widening() < 1.1
    assert null.effective_length() == pytest.approx(39, rel=0.1)


def test_what_does_not_fit_is_refused():
    with pytest.raises(NotEnoughData, match="16 steps with a gap of 5 leave 5"):
        find_cliques(np.zeros((3, 16)), rng=rng())
    with pytest.raises(InvalidInput, match=r"\(3, 20, 1\) float64 and groups \(2,\)"):
        find_cliques(np.zeros((3, 20)), [0, 0], rng=rng())
    with pytest.raises(InvalidInput, match=r"series \(3,\)"):
        find_cliques(np.zeros(3), rng=rng())
    with pytest.raises(InvalidInput, match="q 1 is not"):
        find_cliques(np.zeros((3, 20)), rng=rng(), q=1)
