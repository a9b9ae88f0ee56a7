"""What happens as often as it was said to: predicted probabilities against outcomes."""

import numpy as np
import pytest
from scipy import special

from stats.evidence import EvidenceSums, log_posterior
from stats.exact import ExactSum
from stats.logspace import softmax

pytestmark = pytest.mark.slow

AGENTS, POINTS = 400_000, 12


def agents(rng, prior, spread, correlation=0.0):
    """Who is compromised, and ratios that are calibrated each by itself."""
    truth = rng.random(AGENTS) < special.expit(prior)
    own = rng.standard_normal((POINTS, AGENTS)) * np.sqrt(1.0 - correlation)
    noise = own + rng.standard_normal(AGENTS) * np.sqrt(correlation)
    side = np.where(truth, 0.5, -0.5)
    return truth, side * spread**2 + spread * noise


def gaps(p, truth):
    """Observed minus predicted share in every tenth of the predictions."""
    tenth = np.minimum((p * 10).astype(int), 9)
    n = np.bincount(tenth, minlength=10)
    assert n.min() >= 2_000  # a standard error of at most 0.0112
    said = np.bincount(tenth, p, minlength=10)
    return (np.bincount(tenth, truth, minlength=10) - said) / n


@pytest.mark.parametrize("prior", [0.0, -2.0])
def test_independent_evidence_is_calibrated(prior, record):
    rng = np.random.default_rng(6)
    truth, ratios = agents(rng, prior, 0.5)
    total = ExactSum.from_block(ratios, (AGENTS,)).value() + prior
    p = softmax(np.stack([total, np.zeros(AGENTS)], axis=1))[:, 0]
    found = gaps(p, truth)
    record("gaps", found.round(4))
    assert abs(found).max() <= 0.02


def test_correlated_evidence_is_calibrated_by_tempering_alone(record):
    rng = np.random.default_rng(7)
    truth, ratios = agents(rng, 0.0, 0.5, correlation=0.2)
    group = np.tile(np.arange(AGENTS), POINTS)
    sums = EvidenceSums.from_block(ratios.ravel(), 1.0, group, AGENTS)
    share = 1.0 / (1.0 + (POINTS - 1) * 0.2)
    right = gaps(log_posterior(sums, 0.0, tempering=share).p[:, 0], truth)
    wrong = gaps(log_posterior(sums, 0.0).p[:, 0], truth)
    record("gaps", [right.round(4), wrong.round(4)])
    assert abs(right).max() <= 0.02
    assert abs(wrong).max() > 0.1
