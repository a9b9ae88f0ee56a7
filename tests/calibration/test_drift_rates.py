"""Drift keeps its level when nights remember each other, and finds what is there.

Nights are AR(1) with φ = .6 unless said otherwise, five features with correlation .5.
A rate is over independent groups; its tolerance is half a point plus two standard
errors, the variance tests' as well.
"""

import numpy as np
import pytest

from stats.drift import detect_drift
from stats.season import weekday_season

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_200)]

ALPHA = np.array([0.05, 0.01])
WEEK = np.arange(61) % 7
CYCLE = np.array([2.0, 1.0, 0.0, 0.0, 0.0, -1.0, -2.0])[WEEK][:, None, None]


def _nights(rng, groups, *, phi=0.6, nights=61, d=5):
    root = np.linalg.cholesky(0.5 * np.eye(d) + 0.5).T
    fresh = rng.standard_normal((nights, groups, d)) @ root
    out = fresh.copy()
    for t in range(1, nights):
        out[t] = phi * out[t - 1] + np.sqrt(1 - phi**2) * fresh[t]
    return out


def _rates(p):
    return np.array([(p < alpha).mean() for alpha in ALPHA])


def _check(name, p, runs, record, *, slack=0.005):
    found = _rates(p)
    error = np.sqrt(ALPHA * (1 - ALPHA) / runs)
    record(name, found.round(4).tolist())
    assert (np.abs(found - ALPHA) <= slack + 2 * error).all(), (name, found)


@pytest.mark.parametrize("recent", [7, 1])
@pytest.mark.parametrize(
    ("groups", "phi"), [(35, 0.6), (35, 0.0), (3, 0.6), (1, 0.6), (1, 0.0)]
)
def test_false_positives_per_group_and_per_feature(groups, phi, recent, record):
    rng = np.random.default_rng([groups, recent, int(10 * phi)])
    runs = {35: 110, 3: 700, 1: 1_500}[groups]
    joint, single = [], []
    for _ in range(runs):
        found = detect_drift(_nights(rng, groups, phi=phi), recent=recent)
        joint.append(np.exp(found.log_p))
        single.append(found.p.ravel())
    slack = 0.005 if groups == 35 else 0.01
    total = runs * groups
    _check("joint", np.concatenate(joint), total, record, slack=slack)
    _check("feature", np.concatenate(single), total, record, slack=slack)


def test_a_weekly_cycle_with_nights_missing_is_no_drift(record):
    rng = np.random.default_rng(1)
    joint, single, covered, nights_called = [], [], [], []
    for _ in range(8):
        x = _nights(rng, 400) + CYCLE
        x[rng.random(x.shape[:2]) < 0.05] = np.nan
        found = detect_drift(x, recent=3, weekday=WEEK)
        joint.append(np.exp(found.log_p))
        single.append(found.p.ravel())
        covered.append(((found.lower <= 0) & (found.upper >= 0)).mean())
        nights_called.append(bool(found.found.any()))
    _check("joint", np.concatenate(joint), 3_200, record)
    _check("feature", np.concatenate(single), 3_200, record)
    record("coverage_and_nights_called", [np.mean(covered), sum(nights_called)])
    assert sum(nights_called) <= 3
    assert 0.94 <= np.mean(covered) <= 0.96


@pytest.mark.parametrize("kurtosis", [0.0, 1.5])
def test_variances_of_heavy_tails_keep_the_level(kurtosis, record):
    """Rows are normal or t on eight degrees of freedom; nights share a shock."""
    rng = np.random.default_rng(2)
    shape = (61, 400, 2, 40)
    rows = rng.standard_normal(shape) if not kurtosis else rng.standard_t(8, shape)
    variances = rows.var(axis=3, ddof=1) * np.exp(0.3 * _nights(rng, 400, d=2))
    means = rng.standard_normal((61, 400, 2))
    found = detect_drift(means, variances=variances)
    _check("variance", found.variance_p.ravel(), 800, record)
    covered = float(((found.variance_lower <= 1) & (found.variance_upper >= 1)).mean())
    record("coverage", covered)
    assert abs(covered - 0.95) <= 0.01 + 2 * np.sqrt(0.95 * 0.05 / 800)


def test_power_and_false_discoveries(record):
    """A tenth of 400 groups shift by 3 in two features; q = .05 over groups."""
    rng = np.random.default_rng(3)
    shares, power, named = [], [], []
    for _ in range(10):
        x = _nights(rng, 400)
        x[-7:, :40, :2] += 3.0
        found = detect_drift(x)
        shares.append(found.found[40:].sum() / max(found.found.sum(), 1))
        power.append(found.found[:40].mean())
        named.append(found.feature_found[:40, :2].mean())
    record(
        "false_discoveries_power_features", [np.mean(v) for v in (shares, power, named)]
    )
    assert np.mean(shares) <= 0.05 + 0.01
    assert np.mean(power) >= 0.95


def test_a_frozen_reference_sees_slow_drift(record):
    """Half a tenth of a standard deviation a night for forty nights."""
    rng = np.random.default_rng(4)
    x = _nights(rng, 300, phi=0.3, d=2)
    x[-40:] += (0.05 * np.arange(1, 41))[:, None, None]
    rolling = (detect_drift(x).p < 0.05).mean()
    frozen = (detect_drift(x, reference=slice(0, 21)).p < 0.05).mean()
    record("power_rolling_and_frozen", [float(rolling), float(frozen)])
    assert frozen > rolling


@pytest.mark.parametrize("phi", [0.0, 0.6])
def test_the_season_keeps_its_level_and_covers(phi, record):
    rng = np.random.default_rng([5, int(10 * phi)])
    x = _nights(rng, 1_500, phi=phi, d=1)
    none = weekday_season(x, WEEK)
    _check("season", none.p.ravel(), 1_500, record)
    some = weekday_season(x + CYCLE, WEEK)
    truth = CYCLE[:7, :, :]
    covered = float(((some.lower <= truth) & (truth <= some.upper)).mean())
    record("coverage_and_power", [covered, float(some.found.mean())])
    assert 0.94 <= covered <= 0.96
    assert some.found.mean() > 0.99
