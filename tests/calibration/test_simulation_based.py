"""Simulation-based calibration: true parameters rank uniformly among posterior draws.

Talts, Betancourt, Simpson, Vehtari, Gelman, arXiv 1804.06788.  Ranks of the parameters
alone cannot see that the data were ignored; those of the likelihood can (Modrák et al.,
Bayesian Analysis, 2023).
"""

import numpy as np
import pytest
from scipy import stats

from tests.conjugates import MODELS, build

pytestmark = pytest.mark.slow

SIMULATIONS, DRAWS, BINS, ROWS, PARTS = 1_000, 99, 20, 12, 5
FAMILIES = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def simulated(model, rng):
    """Parameters from the prior, and rows of each with some missing."""
    theta = model.prior(rng, SIMULATIONS)
    rows = model.data(rng, theta, ROWS)
    rows[rng.random(rows.shape) < 0.05] = np.nan
    return theta, rows


def uniformity(model, rng, theta, rows, posterior):
    """p-values of ranks of every parameter, then of the likelihood."""
    draws = model.draws(rng, posterior, DRAWS)
    found = [_p_value(rng, theta[:, j], draws[..., j]) for j in range(theta.shape[1])]
    here = model.log_likelihood(theta[:, None, :], rows)[:, 0]
    return [*found, _p_value(rng, here, model.log_likelihood(draws, rows))]


def _p_value(rng, truth, draws):
    below = (draws < truth[:, None]).sum(axis=1)
    ties = (draws == truth[:, None]).sum(axis=1)
    ranks = below + rng.integers(0, ties + 1)
    counts = np.bincount(ranks * BINS // (DRAWS + 1), minlength=BINS)
    return float(stats.chisquare(counts).pvalue)


@FAMILIES
def test_ranks_are_uniform(model, record):
    rng = np.random.default_rng(2018)
    theta, rows = simulated(model, rng)
    found = uniformity(model, rng, theta, rows, build(model, rows).posterior())
    record("p", np.round(found, 3))
    assert min(found) > 0.01


def delivered(model, rng, rows):
    """Partitions merged in any order; one came wrong first and was corrected late."""
    part = rng.integers(0, PARTS, rows.shape[1])
    shards = [build(model, rows[:, part == k]) for k in range(PARTS)]
    wrong = build(model, model.data(rng, model.prior(rng, len(rows)), 3))
    order = rng.permutation(PARTS - 1)
    merged = shards[0].empty()
    for k in order[:2]:
        merged = merged.merge(shards[k])
    merged = merged.merge(wrong)
    for k in order[2:]:
        merged = merged.merge(shards[k])
    return merged.subtract(wrong).merge(shards[-1])


@FAMILIES
def test_ranks_are_uniform_through_partitions_and_a_late_correction(model, record):
    rng = np.random.default_rng(1804)
    theta, rows = simulated(model, rng)
    merged = delivered(model, rng, rows)
    assert merged.digest() == build(model, rows).digest()
    found = uniformity(model, rng, theta, rows, merged.posterior())
    record("p", np.round(found, 3))
    assert min(found) > 0.01


@FAMILIES
def test_a_prior_counted_in_every_partition_is_seen(model, record):
    rng = np.random.default_rng(3)
    theta, rows = simulated(model, rng)
    wrong = model.times(build(model, rows), float(PARTS)).posterior()
    found = uniformity(model, rng, theta, rows, wrong)
    record("p", found)
    assert min(found) < 1e-6


@FAMILIES
def test_a_scale_that_is_off_by_two_is_seen(model, record):
    rng = np.random.default_rng(4)
    theta, rows = simulated(model, rng)
    wrong = model.spoil(build(model, rows).posterior())
    found = uniformity(model, rng, theta, rows, wrong)
    record("p", found)
    assert min(found) < 1e-6


@FAMILIES
def test_data_that_are_ignored_are_seen_by_the_likelihood_alone(model, record):
    rng = np.random.default_rng(5)
    theta, rows = simulated(model, rng)
    prior = build(model, rows).empty().posterior()
    found = uniformity(model, rng, theta, rows, prior)
    record("p", found)
    assert min(found[:-1]) > 0.01
    assert found[-1] < 1e-6
