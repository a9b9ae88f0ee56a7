"""Posteriors: the prior enters once, nothing is clamped, and p is always a number."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special

from stats.evidence import EvidenceSums, EvidenceType, log_posterior
from stats.summary import InvalidInput


def one(*ratios: float, weight: float = 1.0) -> EvidenceSums:
    return EvidenceSums.from_block(list(ratios), weight, [0] * len(ratios), 1)


@pytest.mark.parametrize("prior", [0.0, -4.6, 2.0])
def test_log_odds_are_the_prior_plus_the_sum(prior):
    rng = np.random.default_rng(3)
    ratios = rng.normal(0.3, 1.0, 200)
    found = log_posterior(one(*ratios), prior)
    expected = prior + math.fsum(ratios)
    assert found.log_odds[0, 0] == pytest.approx(expected, rel=1e-15)
    assert found.log_odds[0, 1] == -found.log_odds[0, 0]
    assert found.p[0, 0] == pytest.approx(1 / (1 + math.exp(-expected)), rel=1e-12)
    assert (found.n[0], found.effective_n[0]) == (200, 200.0)
    assert repr(found) == "Posterior: n=200 | groups=1 | k=2"


def test_partitions_of_one_hypothesis_add_and_the_prior_counts_once():
    """Averaging partitions by log-sum-exp turned -418 into +432."""
    rng = np.random.default_rng(4)
    ratios = rng.normal(-0.05, 1.0, 1_000)
    parts = [one(*ratios[i : i + 100]) for i in range(0, 1_000, 100)]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.merge(part)
    found = log_posterior(whole, -2.0).log_odds[0, 0]
    assert found == pytest.approx(-2.0 + math.fsum(ratios), rel=1e-15)


@pytest.mark.parametrize("log_odds", [0.0, 40.0, -40.0, 800.0, -800.0, 1e9, -1e9])
def test_far_out_stays_a_number(log_odds):
    found = log_posterior(one(log_odds), 0.0)
    assert found.log_odds[0, 0] == log_odds
    for values in (found.p, found.log_p, found.log_not_p, found.error):
        assert not np.isnan(values).any()
    assert found.p.sum() == pytest.approx(1.0, abs=2e-15)
    assert found.log_not_p[0, 0] == pytest.approx(
        -max(log_odds, 0) - math.log1p(math.exp(-abs(log_odds))), rel=1e-12
    )


def test_several_hypotheses_against_rational_weights():
    prior = np.log([0.2, 0.3, 0.5])
    values = np.log([[0.9, 0.5, 0.1], [0.8, 0.4, 0.4]])
    sums = EvidenceSums.from_block(
        values.ravel(), 1.0, [0] * 6, 1, hypotheses=[0, 1, 2] * 2, n_hypotheses=3
    )
    weight = np.array([0.2 * 0.72, 0.3 * 0.2, 0.5 * 0.04])
    found = log_posterior(sums, prior)
    np.testing.assert_allclose(found.p[0], weight / weight.sum(), rtol=1e-14)
    odds = weight / (weight.sum() - weight)
    np.testing.assert_allclose(found.log_odds[0], np.log(odds), rtol=1e-13)
    np.testing.assert_allclose(np.exp(found.log_not_p[0]), 1 - found.p[0], rtol=1e-13)


def test_hypotheses_that_nearly_cancel_keep_their_difference():
    values = [1e16, 0.5, 1e16, 0.25]
    sums = EvidenceSums.from_block(
        values, 1.0, [0] * 4, 1, hypotheses=[0, 0, 1, 1], n_hypotheses=2
    )
    found = log_posterior(sums, np.log([0.5, 0.5]))
    assert found.log_odds[0, 0] == pytest.approx(0.25, rel=1e-15)


def test_a_hypothesis_without_prior_stays_impossible():
    sums = EvidenceSums.from_block([50.0], 1.0, [0], 1, hypotheses=[0], n_hypotheses=3)
    with np.errstate(divide="ignore"):
        found = log_posterior(sums, np.log([0.0, 0.5, 0.5]))
    assert found.p[0].tolist() == [0.0, 0.5, 0.5]
    assert found.log_odds[0, 0] == -np.inf


def test_tempering_scales_the_evidence_and_not_the_prior():
    found = log_posterior(one(4.0, 4.0), -3.0, tempering=0.5)
    assert found.log_odds[0, 0] == 1.0
    assert found.effective_n[0] == 1.0


def test_probabilities_of_many_hypotheses_sum_to_one():
    rng = np.random.default_rng(5)
    k, g = 64, 200
    cells = np.arange(g * k)
    sums = EvidenceSums.from_block(
        rng.normal(0, 300, g * k), 1.0, cells // k, g,
        hypotheses=cells % k, n_hypotheses=k,
    )  # fmt: skip
    total = log_posterior(sums, np.zeros(k)).p.sum(axis=1)
    assert np.abs(total - 1).max() <= 1e-15 * k


@pytest.mark.parametrize("k", [2, 3, 9])
def test_each_hypothesis_is_set_against_all_others_together(k):
    rng = np.random.default_rng(4)
    score = rng.normal(scale=30.0, size=k)
    zeros = EvidenceSums.from_block(
        np.zeros(k), 1.0, [0] * k, 1, hypotheses=range(k), n_hypotheses=k
    )
    found = log_posterior(zeros, score).log_odds[0]
    rest = [special.logsumexp(np.delete(score, j)) for j in range(k)]
    assert found == pytest.approx(score - rest, rel=1e-13, abs=1e-13)


def test_no_evidence_is_the_prior():
    nothing = one(2.0).empty()
    assert log_posterior(nothing, -1.5).log_odds[0, 0] == -1.5


@pytest.mark.parametrize(
    ("prior", "tempering", "words"),
    [
        (np.nan, 1.0, "prior"),
        (np.inf, 1.0, "prior"),
        ([0.0, 1.0], 1.0, "does not fit"),
        (0.0, 0.0, "tempering"),
        (0.0, 1.5, "tempering"),
    ],
)
def test_priors_that_are_none_are_refused(prior, tempering, words):
    with pytest.raises(InvalidInput, match=words):
        log_posterior(one(1.0), prior, tempering)


def test_six_kinds_of_evidence_keep_their_names():
    assert [kind.name for kind in EvidenceType] == [
        "TIMING_ANOMALY", "RESOURCE_USAGE", "API_PATTERN", "NETWORK_BEHAVIOR",
        "CONSENSUS_VIOLATION", "PEER_VALIDATION",
    ]  # fmt: skip
