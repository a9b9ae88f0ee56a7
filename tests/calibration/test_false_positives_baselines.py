"""Baselines that break a rule: outliers among the rows, rows in series, many units."""

import numpy as np
import pytest

from stats.anomaly import MahalanobisDetector, control_false_discovery
from stats.calibration import TailCounts
from tests.calibration.populations import ALPHA, attack, below, check, draw, root

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", ["weak direction", "cluster", "scale"])
@pytest.mark.parametrize("rho", [0.0, 0.95])
@pytest.mark.parametrize("n", [200, 1_000])
def test_a_tenth_of_outliers_of_any_kind_is_survived(kind, rho, n, record):
    rng, rates, power, d = np.random.default_rng(2), [], [], 10
    for _ in range(12):
        rows, bad = draw(rng, n, d, rho), slice(n // 10)
        if kind == "weak direction":
            rows[bad] += attack(d, rho)
        elif kind == "cluster":
            rows[bad] += 8 * np.sqrt((1 + (d - 1) * rho) / d)
        else:
            rows[bad] *= 5
        one = MahalanobisDetector.fit(rows, robust=True)
        new = draw(rng, 1_500, d, rho)
        rates.append(below(one.log_p(new)))
        power.append((one.p_value(new + attack(d, rho)) < 0.05).mean())
    record("rates", np.mean(rates, axis=0).round(5).tolist())
    record("power", round(float(np.mean(power)), 4))
    assert (np.mean(rates, axis=0)[:2] <= 2 * ALPHA[:2]).all()
    assert np.mean(power) >= 0.9


def _series(rng, n, d, phi):
    e = rng.standard_normal((n + 50, d))
    for row in range(1, n + 50):
        e[row] = phi * e[row - 1] + np.sqrt(1 - phi**2) * e[row]
    return e[50:] @ root(d, 0.95)


def _serial_rates(n, d, given):
    rng, out = np.random.default_rng([n, d]), []
    for _ in range(60):
        rows = _series(rng, n, d, 0.6)
        one = MahalanobisDetector.fit(
            rows, shrinkage=None, tail="normal", serial_correlation=given
        )
        out.append(below(one.log_p(draw(rng, 3_000, d, 0.95))))
    return np.array(out)


@pytest.mark.parametrize("d", [2, 10])
def test_rows_in_series_keep_their_level(d, record):
    check(_serial_rates(1_000, d, 0.6), record)


@pytest.mark.parametrize("d", [2, 10])
def test_few_rows_in_series_err_towards_no_alarm(d, record):
    told, untold = (_serial_rates(50, d, phi).mean(axis=0) for phi in (0.6, 0.0))
    record("rates_told_and_untold", np.round([told, untold], 5).tolist())
    assert (told <= 1.1 * ALPHA).all()
    assert (untold >= 1.4 * ALPHA).all()


@pytest.mark.parametrize("share", [0.01, 0.1])
@pytest.mark.parametrize("method", ["bh", "by"])
def test_pooled_units_with_heavy_tails_keep_their_discoveries(share, method, record):
    """100 units of 1,000 agents: own law, one pool, one family."""
    rng, d, nights = np.random.default_rng(int(100 * share)), 5, 3
    null, scores, truth = TailCounts.from_block([], [], 1), [], []
    codes = np.zeros(30_000, dtype=np.int64)
    for _ in range(100):
        one = MahalanobisDetector.fit(
            draw(rng, 200, d, 0.5, "t"), shrinkage=None, tail="normal"
        )
        log_p = one.log_p(draw(rng, 30_000, d, 0.5, "t"))
        null = null.merge(TailCounts.from_block(log_p, codes, 1))
        moved = rng.random(1_000 * nights) < share
        new = draw(rng, 1_000 * nights, d, 0.5, "t") + moved[:, None] * attack(
            d, 0.5, 15
        )
        scores.append(one.log_p(new).reshape(nights, -1))
        truth.append(moved.reshape(nights, -1))
    rates, power = [], []
    for night in range(nights):
        log_p = np.concatenate([unit[night] for unit in scores])
        real = np.concatenate([unit[night] for unit in truth])
        p = null.calibrate(log_p, np.zeros(len(log_p), dtype=np.int64))
        found = control_false_discovery(p, 0.05, method)
        rates.append((found & ~real).sum() / max(int(found.sum()), 1))
        power.append(found[real].mean())
    record("fdr_and_power", np.round([np.mean(rates), np.mean(power)], 4).tolist())
    assert np.mean(rates) <= 0.06
    assert np.mean(power) > 0.5
