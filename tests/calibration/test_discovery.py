"""False-discovery rates at a hundred thousand agents, and tests over several levels."""

import numpy as np
import pytest

from stats.anomaly import control_false_discovery, simes
from stats.calibration import TailCounts
from stats.tails import log_f_tail

pytestmark = pytest.mark.slow

AGENTS, RUNS, D = 100_000, 20, 5


def _proportion(found, truth):
    return (found & ~truth).sum() / max(int(found.sum()), 1)


def _chi_square(rng, truth, shift):
    z = rng.standard_normal((len(truth), D))
    z[truth, 0] += shift
    return (z**2).sum(axis=1)


@pytest.mark.parametrize("share", [0.01, 0.1])
@pytest.mark.parametrize("method", ["bh", "by"])
def test_false_discoveries_stay_below_their_rate(share, method, record):
    rng, rates, power = np.random.default_rng(int(share * 100)), [], []
    for _ in range(RUNS):
        truth = rng.random(AGENTS) < share
        log_p = log_f_tail(_chi_square(rng, truth, 6.0) / D, D, 1e9)
        found = control_false_discovery(np.exp(log_p), 0.05, method)
        rates.append(_proportion(found, truth))
        power.append(found[truth].mean())
    record("fdr_and_power", np.round([np.mean(rates), np.mean(power)], 4))
    assert np.mean(rates) <= 0.06
    assert np.mean(power) > 0.5


def test_strong_dependence_within_groups_is_still_controlled(record):
    rng, rates = np.random.default_rng(5), []
    for _ in range(RUNS):
        truth = rng.random(AGENTS) < 0.01
        shared = np.repeat(rng.standard_normal(AGENTS // 100), 100)
        z = np.sqrt(0.5) * (shared + rng.standard_normal(AGENTS)) + 6.0 * truth
        p = np.exp(log_f_tail(z**2, 1, 1e9))
        rates.append(_proportion(control_false_discovery(p, 0.05, "by"), truth))
    record("fdr", np.round(np.mean(rates), 4))
    assert np.mean(rates) <= 0.06


def test_heavy_tails_are_cured_by_the_null_pool(record):
    """The F law alone floods the list; ranks in a pool of null nights do not."""
    rng, bare, cured = np.random.default_rng(6), [], []

    def score(truth):
        d2 = _chi_square(rng, truth, 12.0)
        return log_f_tail(d2 * 6 / rng.chisquare(8, len(d2)) / D, D, 1e9)

    pool = np.zeros(AGENTS, dtype=np.int64)
    nobody = np.zeros(AGENTS, dtype=bool)
    null = TailCounts.from_block([], [], 1)
    for _ in range(40):
        null = null.merge(TailCounts.from_block(score(nobody), pool, 1))
    for _ in range(RUNS):
        truth = rng.random(AGENTS) < 0.01
        log_p = score(truth)
        found = control_false_discovery(np.exp(log_p), 0.05)
        bare.append(_proportion(found, truth))
        found = control_false_discovery(null.calibrate(log_p, pool), 0.05)
        cured.append(_proportion(found, truth))
    record("fdr_by_law_and_by_pool", np.round([np.mean(bare), np.mean(cured)], 4))
    assert np.mean(bare) > 0.3
    assert np.mean(cured) <= 0.06


@pytest.mark.parametrize("rho", [0.0, 0.8])
def test_one_test_over_several_levels_keeps_its_level(rho, record):
    rng, n, levels = np.random.default_rng(7), 200_000, 4
    shared = rng.standard_normal((n, 1))
    z = np.sqrt(rho) * shared + np.sqrt(1 - rho) * rng.standard_normal((n, levels))
    p = np.exp(log_f_tail(z**2, 1, 1e9))
    found = simes(p.ravel(), np.repeat(np.arange(n), levels), n)
    rate = (found < 0.05).mean()
    record("rate", np.round(rate, 5))
    assert rate <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)
    if rho == 0:
        assert rate >= 0.05 - 3 * np.sqrt(0.05 * 0.95 / n)
