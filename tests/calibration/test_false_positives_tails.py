"""False-positive rates with heavy tails: by the baseline alone, and by a null pool.

A cell is a mean over independent fits or pools; bounds as in `populations.check`.
"""

import numpy as np
import pytest

from stats.anomaly import MahalanobisDetector
from stats.calibration import TailCounts
from tests.calibration.populations import ALPHA, CELLS, TOLERANCE, below, check, draw

pytestmark = pytest.mark.slow

LONG = [cell for cell in CELLS if cell[1] == 1_000]
SHORT = [cell for cell in CELLS if cell[1] == 50]


def _default(d, n, rho, law, *, fits, **options):
    """Rates of detectors as a user gets them."""
    rng, out = np.random.default_rng([d, n, int(100 * rho), law == "t"]), []
    for _ in range(fits):
        detector = MahalanobisDetector.fit(draw(rng, n, d, rho, law), **options)
        out.append(below(detector.log_p(draw(rng, 4_000, d, rho, law))))
    return np.array(out)


@pytest.mark.parametrize(("d", "n", "rho"), LONG)
@pytest.mark.parametrize("law", ["normal", "t"])
@pytest.mark.parametrize("shrinkage", [None, "oas"])
def test_a_long_baseline_knows_its_own_tail(d, n, rho, law, shrinkage, record):
    check(_default(d, n, rho, law, fits=40, shrinkage=shrinkage), record)


@pytest.mark.parametrize(("d", "n", "rho"), SHORT)
@pytest.mark.parametrize("law", ["normal", "t"])
def test_a_short_baseline_cannot_and_says_how_far_off_it_is(d, n, rho, law, record):
    """Fifty rows do not tell a t from a normal law: the limits that the page states."""
    rates = _default(d, n, rho, law, fits=100).mean(axis=0)
    record("rates", rates.round(5).tolist())
    limit = np.array([0.08, 0.03, 0.01]) if law == "t" else ALPHA + TOLERANCE
    assert (rates <= limit).all(), rates
    assert (rates >= [0.035, 0.004, 0.0001]).all(), rates


def _pooled(d, n, rho, law, shrinkage, rng, *, units, rows):
    """Rates of new rows after one pool over units that were each scored by their own.

    Every unit has its own scale, so that pooling raw distances would not do.
    """
    null, new = [], []
    for _ in range(units):
        scale = np.exp(rng.standard_normal(d))
        baseline = draw(rng, n, d, rho, law) * scale
        one = MahalanobisDetector.fit(baseline, shrinkage=shrinkage, tail="normal")
        log_p = one.log_p(draw(rng, 2 * rows, d, rho, law) * scale)
        null.append(log_p[:rows])
        new.append(log_p[rows:])
    codes = np.zeros(units * rows, dtype=np.int64)
    pool = TailCounts.from_block(np.concatenate(null), codes, 1)
    return below(np.log(pool.calibrate(np.concatenate(new), codes)))


@pytest.mark.parametrize(("d", "n", "rho"), CELLS)
@pytest.mark.parametrize("law", ["normal", "t"])
@pytest.mark.parametrize("shrinkage", [None, "oas"])
def test_a_pool_of_many_units_keeps_every_level(d, n, rho, law, shrinkage, record):
    rng = np.random.default_rng([d, n, int(100 * rho), law == "t"])
    size = {"units": 40, "rows": 1_000}
    rates = [_pooled(d, n, rho, law, shrinkage, rng, **size) for _ in range(2)]
    mean = np.mean(rates, axis=0)
    record("rates", mean.round(5).tolist())
    # Pool and new rows are 40,000 draws each, in 2 repeats.
    error = np.sqrt(2 * ALPHA * (1 - ALPHA) / 80_000)
    assert (np.abs(mean - ALPHA) <= TOLERANCE + 2 * error).all(), mean


def test_the_normal_law_alone_fails_on_heavy_tails(record):
    rates = _default(10, 1_000, 0.0, "t", fits=10, tail="normal").mean(axis=0)
    record("rates", rates.round(5).tolist())
    assert rates[1] > 0.05


@pytest.mark.parametrize("d", [2, 10])
def test_new_units_are_covered_by_the_pool_of_others(d, record):
    """Units that gave no null rows: exchangeable with those that did."""
    rng, found = np.random.default_rng(d), []

    def unit():
        rows = draw(rng, 50, d, 0.95, "t")
        one = MahalanobisDetector.fit(rows, shrinkage=None, tail="normal")
        return one, one.log_p(draw(rng, 200, d, 0.95, "t"))

    pool = TailCounts.from_block([], [], 1)
    for _ in range(400):
        pool = pool.merge(TailCounts.from_block(unit()[1], np.zeros(200, int), 1))
    codes = np.zeros(200, dtype=np.int64)
    found.extend(below(np.log(pool.calibrate(unit()[1], codes))) for _ in range(400))
    check(np.array(found), record)


@pytest.mark.parametrize("d", [2, 10])
def test_a_robust_fit_of_heavy_rows_is_cured_by_null_rows(d, record):
    rng, found = np.random.default_rng(d), []
    for _ in range(20):
        one = MahalanobisDetector.fit(draw(rng, 500, d, 0.95, "t"), robust=True)
        good = one.calibrated(draw(rng, 10_000, d, 0.95, "t"))
        found.append(below(good.log_p(draw(rng, 10_000, d, 0.95, "t"))))
    check(np.array(found), record)
