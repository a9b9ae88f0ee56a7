"""Scores turned into log-likelihood ratios, beside laws that share no code."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import integrate, special
from scipy import stats as laws

from stats.conjugate import BetaBernoulli, DirichletMultinomial, GammaPoisson
from stats.evidence import EvidenceType
from stats.fdr import log_simes, simes
from stats.score_evidence import (
    RATIO_MODELS,
    night_evidence,
    ratio_from_answer,
    ratio_from_distance,
    ratio_from_marginals,
    ratio_from_p,
    ratio_from_predictives,
    ratio_from_rates,
)
from stats.summary import Incompatible, InvalidInput


def test_every_type_has_a_model():
    assert set(RATIO_MODELS) == set(EvidenceType)


@pytest.mark.parametrize("xi", [0.05, 0.2, 0.7])
def test_the_ratio_of_a_p_is_a_density_and_misleads_no_more_than_it_may(xi):
    area, _ = integrate.quad(lambda p: np.exp(ratio_from_p(np.log(p), xi)), 1e-300, 1)
    assert area == pytest.approx(1.0, abs=1e-6)
    p = np.random.default_rng(1).random(1_000_000)
    ratio = np.exp(ratio_from_p(np.log(p), xi))
    for least in (2.0, 10.0, 100.0):
        assert np.mean(ratio >= least) <= 1.0 / least


def test_the_ratio_of_a_p_never_underflows_and_has_a_floor():
    found = ratio_from_p([0.0, -1e6, np.nan])
    assert found[0] == math.log(0.2)
    assert found[1] == pytest.approx(0.8e6, rel=1e-5)
    assert np.isnan(found[2])


@pytest.mark.parametrize("bad", [[0.1], [-np.inf]])
def test_what_is_no_p_is_refused(bad):
    with pytest.raises(InvalidInput, match="1 of 1 log p"):
        ratio_from_p(bad)
    with pytest.raises(InvalidInput, match=r"xi 1\.0"):
        ratio_from_p([-1.0], xi=1.0)


@pytest.mark.parametrize("features", [1, 2, 8, 30])
@pytest.mark.parametrize("shift", [0.5, 9.0, 60.0])
def test_a_known_shift_is_the_ratio_of_the_two_laws(features, shift):
    d2 = np.array([1e-6, 0.4, 3.0, 20.0, 90.0])
    mine = ratio_from_distance(d2, features, shift)
    theirs = laws.ncx2.logpdf(d2, features, shift) - laws.chi2.logpdf(d2, features)
    np.testing.assert_allclose(mine, theirs, rtol=1e-8, atol=1e-8)
    n = features + 40
    factor, away = n * (n - features) / (features * (n**2 - 1)), shift * n / (n + 1)
    mine = ratio_from_distance(d2, features, shift, n)
    law = (features, n - features)
    theirs = laws.ncf.logpdf(d2 * factor, *law, away) - laws.f.logpdf(d2 * factor, *law)
    np.testing.assert_allclose(mine, theirs, rtol=1e-7, atol=1e-7)


def test_distances_beyond_any_table_stay_finite_and_ordered():
    d2 = np.geomspace(1e-12, 1e12, 60)
    for rows in (np.inf, 100, 10_000_000):
        found = ratio_from_distance(d2, 5, 2_000.0, rows)
        assert np.isfinite(found).all()
        assert (np.diff(found) >= 0).all()
    assert np.isnan(ratio_from_distance(np.nan, 3, 1.0))
    near = ratio_from_distance([30.0], 5, 20.0, 1e9)
    np.testing.assert_allclose(near, ratio_from_distance([30.0], 5, 20.0), rtol=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [(-1, 2, 1, 9), (np.inf, 2, 1, 9), (1, 0, 1, 9), (1, 2, 0, 9), (1, 2, 1, 2)],
)
def test_a_distance_without_a_law_is_refused(wrong):
    with pytest.raises(InvalidInput, match="ratio_from_distance"):
        ratio_from_distance(*wrong)


def test_distances_of_known_shifts_are_calibrated_evidence():
    rng = np.random.default_rng(2)
    normal = rng.chisquare(4, 400_000)
    ratio = ratio_from_distance(normal, 4, 6.0)
    assert np.exp(ratio).mean() == pytest.approx(1.0, abs=0.03)
    moved = rng.noncentral_chisquare(4, 6.0, 400_000)
    p = special.expit(np.concatenate([ratio, ratio_from_distance(moved, 4, 6.0)]))
    truth = np.repeat([0.0, 1.0], 400_000)
    tenth = np.minimum((p * 10).astype(int), 9)
    n = np.bincount(tenth)
    gap = (np.bincount(tenth, truth) - np.bincount(tenth, p)) / n
    assert len(n) == 10
    assert abs(gap).max() <= 0.01


def test_dissent_is_strong_and_finite():
    found = ratio_from_rates([True, False], 0.1, 0.001)
    np.testing.assert_allclose(found, [np.log(0.9 / 0.001), np.log(0.1 / 0.999)])
    with pytest.raises(InvalidInput, match=r"false from 0\.0"):
        ratio_from_rates(True, 0.1, 0.0)


def test_an_answer_is_worth_what_its_source_is():
    table = [[[0.9, 0.1], [0.3, 0.7]], [[0.5, 0.5], [0.5, 0.5]]]
    found = ratio_from_answer([0, 1, 0, 1], [0, 0, 1, 1], table)
    np.testing.assert_allclose(found, [np.log(3 / 9), np.log(7), 0, 0], atol=1e-15)
    with pytest.raises(InvalidInput, match="answers from 2"):
        ratio_from_answer([2], [0], table)
    with pytest.raises(InvalidInput, match="no table"):
        ratio_from_answer([0], [0], [[[1.0, 0.0], [0.5, 0.5]]])


def test_counts_under_two_priors_equal_the_chain_of_predictives():
    rows, group = [3, 0, 7], [0, 0, 0]
    low = {"shape": 2.0, "rate": 1.0}
    normal = GammaPoisson.from_block(rows, group, 1, **low)
    odd = dataclasses.replace(normal, shape=4.0, rate=0.3)
    total = 0.0
    for k in range(3):
        seen = GammaPoisson.from_block(rows[:k], group[:k], 1, **low)
        other = dataclasses.replace(seen, shape=4.0, rate=0.3)
        total += ratio_from_predictives(other, seen, rows[k : k + 1], [0])[0]
    assert ratio_from_marginals(odd, normal)[0] == pytest.approx(total, rel=1e-12)
    exposed = ratio_from_predictives(odd, normal, [9], [0], exposure=[2.0])
    by_hand = [laws.nbinom(s, r / (r + 2.0)).logpmf(9) for s, r in ((14, 3.3), (12, 4))]
    assert exposed[0] == pytest.approx(by_hand[0] - by_hand[1], rel=1e-12)


def test_kinds_of_calls_by_hand():
    normal = DirichletMultinomial.from_counts([[2, 0]], alpha=[1.0, 1.0])
    odd = dataclasses.replace(normal, alpha=np.array([3.0, 1.0]))
    # 3/4 * 4/5 against 1/2 * 2/3
    assert ratio_from_marginals(odd, normal)[0] == pytest.approx(math.log(9 / 5))


def test_other_rows_or_families_are_no_ratio():
    one = DirichletMultinomial.from_counts([[2, 0]], alpha=[1.0, 1.0])
    two = DirichletMultinomial.from_counts([[2, 1]], alpha=[1.0, 2.0])
    with pytest.raises(Incompatible, match="other rows"):
        ratio_from_marginals(one, two)
    coin = BetaBernoulli.from_block([1], [0], 1, alpha=1.0, beta=1.0)
    with pytest.raises(Incompatible, match="one family"):
        ratio_from_predictives(one, coin, [0], [0])


def test_one_night_agent_and_type_is_one_ratio():
    rng = np.random.default_rng(3)
    p = rng.random(500) ** 3
    p[::17] = np.nan
    agent, kind = rng.integers(0, 40, 500) * 5, rng.integers(0, 3, 500)
    found = night_evidence(np.log(p), agent, kind)
    wanted = {}
    for a, k in sorted(set(zip(agent, kind, strict=True))):
        mine = np.sort(p[(agent == a) & (kind == k) & ~np.isnan(p)])
        if len(mine):
            low = min(1.0, *(len(mine) * x / (i + 1) for i, x in enumerate(mine)))
            wanted[a, k] = len(mine), math.log(0.2) - 0.8 * math.log(low)
    assert list(wanted) == list(zip(found.agent, found.kind, strict=True))
    assert [n for n, _ in wanted.values()] == found.tests.tolist()
    np.testing.assert_allclose(found.log_ratio, [x for _, x in wanted.values()])


def test_many_tests_of_a_night_do_not_make_evidence_out_of_nothing():
    rng = np.random.default_rng(4)
    shared = rng.standard_normal((20_000, 1))
    z = np.sqrt(0.8) * shared + np.sqrt(0.2) * rng.standard_normal((20_000, 10))
    agent = np.repeat(np.arange(20_000), 10)
    found = night_evidence(laws.norm.logsf(z).ravel(), agent, np.zeros(200_000, int))
    assert found.log_ratio.shape == (20_000,)
    assert np.exp(found.log_ratio).mean() <= 1.0
    apart = night_evidence(laws.norm.logsf(z).ravel(), np.arange(200_000), agent * 0)
    summed = apart.log_ratio.reshape(20_000, 10).sum(axis=1)
    assert np.mean(summed > np.log(1_000)) > 0.001 > np.mean(found.log_ratio > 6.9)


def test_a_night_with_nothing_in_it_and_columns_that_do_not_fit():
    assert repr(night_evidence([], [], [])) == "NightEvidence: n=0 | tests=0"
    assert len(night_evidence([np.nan], [0], [0]).agent) == 0
    with pytest.raises(InvalidInput, match="one of each"):
        night_evidence([-1.0], [0, 1], [0])
    with pytest.raises(InvalidInput, match="from 0"):
        night_evidence([-1.0], [-1], [0])
    with pytest.raises(InvalidInput, match="above 0"):
        night_evidence([1.0, -1.0], [0, 0], [0, 0])


def test_simes_in_logarithms_is_simes():
    rng = np.random.default_rng(5)
    p, group = rng.random(300) ** 4, rng.integers(-1, 40, 300)
    p[::11] = np.nan
    np.testing.assert_allclose(
        log_simes(np.log(p), group, 45), np.log(simes(p, group, 45))
    )
    with pytest.raises(InvalidInput, match="log_simes"):
        log_simes([0.0], [0, 1], 2)
