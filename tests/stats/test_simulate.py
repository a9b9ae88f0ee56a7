"""The simulated population against its closed forms, given the realised effects."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats as distributions

from stats.crosscorr import mean_pairwise_correlation
from stats.simulate import KINDS, Anomaly, Population, PopulationParams
from stats.streams import stream
from stats.summary import InvalidInput

# One team per site and normal noise: the closed forms are exact.
GAUSS = PopulationParams(
    agents=4_000, nights=28, features=4, sites=4, teams_per_site=5, tail=math.inf,
    block_agents=1_000, seed=7, missing=0.0, absent=0.0,
)  # fmt: skip


def _noise_distance(x, params):
    r = params.noise_correlation * params.noise_sd**2
    return np.einsum("...i,ij,...j->...", x, np.linalg.inv(r), x)


def _inject(kind, *, params=GAUSS, block=0, **settings):
    """Noise of a block plus what an anomaly of everybody added to it."""
    anomaly = Anomaly(kind, share=1.0, **settings)
    block_of = Population(params, (anomaly,)).block(block)
    clean = Population(params).block(block)
    return block_of.truth.noise + (block_of.values - clean.values), block_of, clean


def test_any_block_regenerates_alone_in_any_order():
    population = Population(
        replace(GAUSS, missing=0.1, absent=0.1), (Anomaly("storm"),)
    )
    whole = [population.block(b) for b in range(4)]
    for b in (3, 0, 2):
        again = Population(population.params, population.anomalies).block(b)
        assert np.array_equal(again.values, whole[b].values, equal_nan=True)
        assert np.array_equal(again.rows, whole[b].rows)
    night = population.night_block(5, 1)
    assert np.array_equal(night, whole[1].values[:, 5], equal_nan=True)
    assert np.array_equal(
        np.concatenate([block.agents for block in whole]), np.arange(4_000)
    )


def test_effects_are_shared_across_blocks_and_other_seeds_differ():
    one, two = Population(GAUSS).block(0), Population(GAUSS).block(1)
    assert np.array_equal(one.truth.team, two.truth.team)
    both = set(one.team) & set(two.team)
    assert not both or len(both) == 1
    wide = Population(replace(GAUSS, block_agents=900))
    a, b = wide.block(0), wide.block(1)
    shared = (set(a.team) & set(b.team)).pop()
    shock = [x.truth.shock[x.team == shared][0] for x in (a, b)]
    assert np.array_equal(*shock)
    other = Population(replace(GAUSS, seed=8)).block(0)
    assert not np.isclose(one.values, other.values).any()


def test_values_are_the_sum_of_their_parts():
    block = Population(GAUSS).block(2)
    t = block.truth
    fixed = t.site[block.site] + t.team[block.team] + t.agent
    expected = fixed[:, None] + t.season + t.shock + t.memory + t.noise
    np.testing.assert_allclose(block.values, expected, atol=1e-12)
    assert np.array_equal(block.site, block.team // 5)
    assert block.rows.min() >= 1


def test_season_has_mean_zero_and_half_its_square_as_variance():
    season = Population(GAUSS).block(0).truth.season
    np.testing.assert_allclose(season.mean(axis=0), 0.0, atol=1e-15)
    np.testing.assert_allclose((season**2).mean(axis=0), 0.125, atol=1e-15)
    fourth = (season**4).mean(axis=0) - 3 * 0.125**2
    np.testing.assert_allclose(fourth, -3 * 0.5**4 / 8, atol=1e-12)


def test_memory_has_its_stationary_variance_and_correlation():
    h = np.concatenate([Population(GAUSS).block(b).truth.memory for b in range(4)])
    np.testing.assert_allclose(h.var(axis=0), 0.16, rtol=0.12)
    lagged = (h[:, 1:] * h[:, :-1]).mean() / (h**2).mean()
    np.testing.assert_allclose(lagged, 0.6, atol=0.01)
    t, phi = 28, 0.6
    expected = (1 + phi) / (1 - phi) - 2 * phi * (1 - phi**t) / (t * (1 - phi) ** 2)
    found = (h.mean(axis=1) ** 2).mean() / 0.16
    np.testing.assert_allclose(found, expected / t, rtol=0.05)


def test_correlation_of_two_agents_of_a_team_is_that_of_their_shock():
    params = replace(GAUSS, nights=280, agents=2_000, teams_per_site=1, shock_sd=0.5)
    block = Population(params).block(0)
    moving = block.truth.shock + block.truth.memory + block.truth.noise
    found, _ = mean_pairwise_correlation(moving[..., 0], block.team, 4)
    realised = [block.truth.shock[block.team == g][0, :, 0].var() for g in (0, 1)]
    expected = np.array(realised) / (np.array(realised) + 0.16 + 1.0)
    np.testing.assert_allclose(found[:2], expected, atol=0.01)


@pytest.mark.parametrize("tail", [8.0, math.inf])
def test_noise_has_unit_variance_its_correlation_and_the_f_law_of_its_tail(tail):
    params = replace(GAUSS, tail=tail, nights=14, agents=4_000, block_agents=4_000)
    noise = Population(params).block(0).truth.noise.reshape(-1, 4)
    expected = params.noise_correlation
    np.testing.assert_allclose(np.cov(noise.T), expected, atol=0.03)
    d2 = _noise_distance(noise, params)
    law = (
        distributions.chi2(4)
        if math.isinf(tail)
        else distributions.f(4, tail, scale=4 * (tail - 2) / tail)
    )
    hits = (d2 > law.isf(0.01)).mean()
    assert abs(hits - 0.01) < 3 * math.sqrt(0.01 * 0.99 / len(d2))


def test_absence_and_missing_values_have_their_rates():
    params = replace(GAUSS, absent=0.2, missing=0.05, nights=70, block_agents=4_000)
    block = Population(params).block(0)
    n = block.present.size
    assert abs(block.present.mean() - 0.8) < 3 * math.sqrt(0.16 / n)
    missing = np.isnan(block.values[block.present]).mean()
    assert abs(missing - 0.05) < 3 * math.sqrt(0.05 * 0.95 / (n * 0.8 * 4))
    assert np.isnan(block.values[~block.present]).all()
    assert np.array_equal(block.rows == 0, ~block.present)
    # Runs of two or more absent nights: q² (1 + (T - 2)(1 - q)) an agent.
    gone = ~block.present
    starts = gone[:, 1:] & gone[:, :-1]
    starts[:, 1:] &= ~gone[:, :-2]
    expected = 0.2**2 * (1 + 68 * 0.8)
    np.testing.assert_allclose(starts.sum(axis=1).mean(), expected, rtol=0.05)


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "storm"])
def test_an_anomaly_changes_its_own_cells_and_nothing_else(kind):
    params = replace(GAUSS, absent=0.05, missing=0.05, constant=(3,))
    anomaly = Anomaly(kind, start=10, nights=5, size=0.5, agents=(3, 1_500))
    for number in (0, 1):
        clean = Population(params).block(number)
        dirty = Population(params, (anomaly,)).block(number)
        same = (clean.values == dirty.values) | (
            np.isnan(clean.values) & np.isnan(dirty.values)
        )
        changed = np.argwhere(~same.all(axis=2))
        row = (3, 500)[number]
        assert set(changed[:, 0]) == {row}
        assert set(changed[:, 1]) <= set(range(10, 15))
        expected = np.zeros(dirty.truth.kind.shape, dtype=bool)
        expected[row, 10:15] = True
        assert np.array_equal(dirty.truth.anomalous, expected)
        assert dirty.truth.kind[row, 10] == KINDS.index(kind) + 1
        noise_only = kind not in ("constant feature moves", "mean shift", "slow drift")
        if noise_only and kind != "silence":
            assert same[row, :, 3].all()


def test_a_share_of_agents_is_drawn_and_a_storm_is_nobodys_anomaly():
    population = Population(GAUSS, (Anomaly("mean shift", share=0.1),))
    chosen = np.mean([population.block(b).truth.anomalous.mean() for b in range(4)])
    assert abs(chosen - 0.1) < 3 * math.sqrt(0.09 / 4_000)
    clean = Population(GAUSS).block(1)
    storm = Population(GAUSS, (Anomaly("storm", site=1, size=2.0, start=27),)).block(1)
    moved = storm.values - clean.values
    np.testing.assert_allclose(moved[clean.site == 1][:, 27], 2.0)
    assert (moved[clean.site != 1] == 0).all()
    assert (moved[:, :27] == 0).all()
    assert not storm.truth.anomalous.any()


def test_a_mean_shift_gives_the_noncentral_law():
    x, _, _ = _inject("mean shift", size=1.0)
    d2 = _noise_distance(x, GAUSS)
    lam = _noise_distance(np.ones(4), GAUSS)
    law = distributions.ncx2(4, lam)
    assert distributions.kstest(d2[:, ::7].ravel(), law.cdf).pvalue > 0.01


def test_variance_inflation_has_the_auroc_of_an_f_law():
    x, block, _ = _inject("variance inflation", size=4.0)
    clean, dirty = (_noise_distance(v, GAUSS)[:, 0] for v in (block.truth.noise, x))
    found = distributions.mannwhitneyu(dirty[500:], clean[:500]).statistic / 500**2
    expected = distributions.f.sf(0.25, 4, 4)
    assert abs(found - expected) < 0.05
    np.testing.assert_allclose(dirty, 4 * clean, rtol=1e-9)


def test_a_correlation_break_has_its_moments_and_the_same_marginals():
    x, _, _ = _inject("correlation break")
    p, r = 4, 0.4
    d2 = _noise_distance(x, GAUSS).ravel()
    mean = p * (1 + (p - 2) * r) / ((1 - r) * (1 + (p - 1) * r))
    variance = 2 * ((p - 1) / (1 - r) ** 2 + 1 / (1 + (p - 1) * r) ** 2)
    assert abs(d2.mean() - mean) < 3 * math.sqrt(variance / d2.size)
    np.testing.assert_allclose(d2.var(), variance, rtol=0.05)
    assert distributions.kstest(x[:, :7, 0].ravel(), "norm").pvalue > 0.01


def test_slow_drift_grows_by_its_size_a_night():
    x, block, _ = _inject("slow drift", size=0.1, start=8, features=(1,))
    added = x - block.truth.noise
    expected = np.zeros((28, 4))
    expected[8:, 1] = 0.1 * np.arange(20)
    np.testing.assert_allclose(
        added, np.broadcast_to(expected, added.shape), atol=1e-12
    )


def test_collusion_gives_its_pair_correlation_across_blocks():
    params = replace(GAUSS, nights=2_000, agents=40, block_agents=20)
    parts = [_inject("collusion", params=params, block=b, size=0.3)[0] for b in (0, 1)]
    x = np.concatenate(parts)[..., 0]
    found, _ = mean_pairwise_correlation(x, np.zeros(40, dtype=int), 1)
    assert abs(found[0] - 0.3) < 0.04
    np.testing.assert_allclose(x.var(axis=1).mean(), 1.0, atol=0.05)


def test_silence_is_absence_for_its_nights():
    block = Population(
        GAUSS, (Anomaly("silence", agents=(5,), start=3, nights=7),)
    ).block(0)
    assert np.flatnonzero(~block.present[5]).tolist() == list(range(3, 10))
    assert block.present.sum() == 1_000 * 28 - 7


def test_a_constant_feature_is_constant_until_it_moves():
    params = replace(GAUSS, constant=(2,), mean=5.0)
    move = Anomaly("constant feature moves", agents=(9,), start=20, size=0.25)
    values = Population(params, (move,)).block(0).values[..., 2]
    assert set(np.unique(values[9])) == {5.0, 5.25}
    assert np.unique(np.delete(values, 9, axis=0)).tolist() == [5.0]


def test_a_weak_direction_is_large_in_distance_and_small_in_every_feature():
    params = replace(GAUSS, correlation=0.95)
    x, block, _ = _inject("weak direction", params=params, size=6.0)
    push = (x - block.truth.noise)[0, 0]
    np.testing.assert_allclose(_noise_distance(push, params), 36.0)
    assert np.abs(push).max() < 1.0


def test_what_makes_no_population_is_refused():
    for bad in ({"agents": 0}, {"correlation": 1.0}, {"tail": 2.0}, {"constant": (8,)}):
        with pytest.raises(InvalidInput, match="makes no population"):
            PopulationParams(**bad)
    with pytest.raises(InvalidInput, match="block 4 of 4"):
        Population(GAUSS).block(4)
    with pytest.raises(InvalidInput, match="collusion"):
        Anomaly("collusion", size=1.0)
    with pytest.raises(InvalidInput, match="seed -1"):
        stream(-1, 0, 0)
