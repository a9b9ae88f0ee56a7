"""Stated intervals cover what they state; tolerance 0.01 plus two standard errors."""

import numpy as np
import pytest

from stats.intervals import (
    clustered_mean_interval,
    correlation_interval,
    mean_interval,
    variance_interval,
    wilson_interval,
)

pytestmark = pytest.mark.slow

RUNS = 20_000
SLACK = 0.01 + 2 * np.sqrt(0.95 * 0.05 / RUNS)


def _covers(interval, truth):
    lower, upper = interval
    return float(((lower <= truth) & (truth <= upper)).mean())


@pytest.mark.parametrize("n", [5, 15, 50])
def test_mean_and_variance(n, record):
    x = np.random.default_rng(n).normal(3.0, 2.0, (RUNS, n))
    variance = x.var(axis=1, ddof=1)
    mean = _covers(mean_interval(n, x.mean(axis=1), variance), 3.0)
    spread = _covers(variance_interval(n, variance), 4.0)
    record("coverage", [mean, spread])
    assert abs(mean - 0.95) <= SLACK
    assert abs(spread - 0.95) <= SLACK


@pytest.mark.parametrize("rho", [0.0, 0.6, 0.95])
def test_correlation(rho, record):
    rng = np.random.default_rng(3)
    z = rng.standard_normal((2, RUNS, 30))
    x, y = z[0], rho * z[0] + np.sqrt(1 - rho**2) * z[1]
    x = x - x.mean(axis=1, keepdims=True)
    y = y - y.mean(axis=1, keepdims=True)
    r = (x * y).sum(axis=1) / np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    found = _covers(correlation_interval(30, r), rho)
    record("coverage", found)
    assert abs(found - 0.95) <= SLACK


@pytest.mark.parametrize("share", [0.02, 0.5])
def test_share(share, record):
    k = np.random.default_rng(4).binomial(200, share, RUNS)
    found = _covers(wilson_interval(k, 200), share)
    record("coverage", found)
    # Counts are whole numbers: coverage oscillates about its level.
    assert abs(found - 0.95) <= SLACK + 0.01


@pytest.mark.parametrize(
    ("agents", "rho"), [(30, 0.0), (30, 0.1), (30, 0.5), (200, 0.5)]
)
def test_rows_that_repeat_within_agents(agents, rho, record):
    """Treating rows as independent fails where the clustered interval holds."""
    rng = np.random.default_rng(agents)
    runs = RUNS // 4
    count = rng.integers(1, 9, (runs, agents))
    own = np.sqrt(rho) * rng.standard_normal((runs, agents))
    noise = np.sqrt(1 - rho) * rng.standard_normal((runs, agents, 8))
    seen = np.arange(8) < count[..., None]
    rows = np.where(seen, own[..., None] + noise, 0.0)
    group = np.repeat(np.arange(runs), agents)
    total = rows.sum(axis=2)
    _, lower, upper = clustered_mean_interval(count.ravel(), total.ravel(), group, runs)
    found = _covers((lower, upper), 0.0)
    n = count.sum(axis=1)
    mean = total.sum(axis=1) / n
    variance = ((rows - mean[:, None, None]) ** 2 * seen).sum(axis=(1, 2)) / (n - 1)
    naive = _covers(mean_interval(n, mean, variance), 0.0)
    record("clustered_and_naive", [found, naive])
    assert abs(found - 0.95) <= 0.015 + 2 * np.sqrt(0.95 * 0.05 / runs)
    if rho == 0.5:
        assert naive < 0.85
