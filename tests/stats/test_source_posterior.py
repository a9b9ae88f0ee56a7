"""Posteriors of sources that count in part, beside rational arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from stats.evidence import EvidenceSums
from stats.source_consensus import STATUSES, consensus_of_sources
from stats.source_posterior import weighted_posterior
from stats.source_voices import voices_of
from stats.summary import InvalidInput


def test_weights_and_shared_voices_are_those_of_rational_arithmetic() -> None:
    rng = np.random.default_rng(3)
    agents, sources = 40, 5
    voice, weight = np.array([0, 1, 0, 3, 4]), np.array([0.8, 0.123, 0.5, 0.0, 1.0])
    agent, source = rng.integers(0, agents, 600), rng.integers(0, sources, 600)
    ratio = rng.normal(size=600) * 10.0 ** rng.integers(-3, 12, 600)
    sums = EvidenceSums.from_block(ratio, 1.0, np.arange(600), 600)
    found = consensus_of_sources(
        sums, agent, source, agents, voice=voice, f=0, log_prior=-2.0, tempering=0.5,
        weight=weight,
    )  # fmt: skip
    odds = found.posterior.log_odds[:, 0].tolist()
    error = found.posterior.error[:, 0].tolist()
    members = np.bincount(voice, minlength=sources)
    rows = np.zeros(agents)
    for at in range(agents):
        exact = Fraction(-2)
        for k in np.flatnonzero(agent == at):
            w = weight[voice[source[k]]] / members[voice[source[k]]]
            exact += Fraction(w) * Fraction(ratio[k]) / 2
            rows[at] += w / 2
        assert abs(Fraction(odds[at]) - exact) <= Fraction(error[at])
        assert error[at] <= 1e-14 * (1 + np.abs(ratio[agent == at]).sum())
    np.testing.assert_allclose(found.posterior.effective_n, rows)
    assert found.posterior.n.tolist() == np.bincount(agent, minlength=agents).tolist()
    assert {STATUSES[k] for k in found.status} == {"exact"}


def test_who_has_no_weight_says_nothing_and_full_weight_all() -> None:
    sums = EvidenceSums.from_block([3.0, 1e300], 1.0, [0, 1], 2)
    said = voices_of(sums, [0, 0], [0, 1], 2)
    both = sums.rollup([0, 0], 1)
    found = weighted_posterior(both, said, np.array([1.0, 0.0]), 0.25, 1.0)
    assert found.log_odds.tolist() == [[3.25, -3.25]]
    nobody = weighted_posterior(both, said, np.zeros(2), 0.25, 1.0)
    assert nobody.log_odds.tolist() == [[0.25, -0.25]]


def test_weights_that_cannot_be_are_refused() -> None:
    sums = EvidenceSums.from_block([3.0, 1.0], 1.0, [0, 1], 2)
    said = voices_of(sums, [0, 0], [0, 1], 2)
    both = sums.rollup([0, 0], 1)
    for weight in ([1.0], [1.0, 1.5], [1.0, -0.1], [1.0, np.nan]):
        with pytest.raises(InvalidInput, match="weighted_posterior"):
            weighted_posterior(both, said, np.array(weight), 0.0, 1.0)
    with pytest.raises(InvalidInput, match="weights only where f = 0"):
        consensus_of_sources(
            sums, [0, 0], [0, 1], 1, voice=[0, 1], f=1, log_prior=0.0, weight=[1, 1]
        )
