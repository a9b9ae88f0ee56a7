"""Ratios that mean what they say, and ratios that do not."""

import numpy as np
import pytest
from scipy import optimize, special

from stats.ratio_calibration import calibrate_ratios, log_ratio_cost
from stats.summary import InvalidInput, NotEnoughData


def fair(rng, n, delta=1.5, prior=0.0):
    """Ratios that are calibrated by construction, N(±δ²/2, δ²)."""
    truth = rng.random(n) < special.expit(prior)
    side = np.where(truth, 0.5, -0.5) * delta**2
    return side + delta * rng.standard_normal(n), truth


@pytest.mark.parametrize("prior", [0.0, -2.0])
@pytest.mark.parametrize("delta", [0.7, 1.5])
def test_fair_ratios_come_back_as_they_are(prior, delta):
    x, truth = fair(np.random.default_rng(1), 300_000, delta, prior)
    found = calibrate_ratios(x, truth, prior)
    assert found.slope == pytest.approx(1.0, abs=0.02)
    assert found.intercept == pytest.approx(0.0, abs=0.02)
    gap = found.tenths.observed - found.tenths.predicted
    full = found.tenths.n >= 2_000
    assert full.sum() >= 4
    assert abs(gap[full]).max() <= 0.02
    inside = (found.tenths.lower <= found.tenths.predicted) & (
        found.tenths.predicted <= found.tenths.upper
    )
    # Three or more of ten 95 % intervals miss with probability 0.012.
    assert inside[full].sum() >= full.sum() - 2
    assert 0.0 <= found.cost - found.least_cost <= 0.002
    middle = np.linspace(-1.0, 1.0, 9)
    np.testing.assert_allclose(found.repair(middle), middle, atol=0.12)


def test_intervals_cover():
    rng = np.random.default_rng(2)
    hits = np.zeros(2)
    for _ in range(400):
        x, truth = fair(rng, 500, 1.0)
        found = calibrate_ratios(x, truth, 0.0)
        for k, (value, (low, high)) in enumerate(
            [(1.0, found.slope_interval), (0.0, found.intercept_interval)]
        ):
            hits[k] += low <= value <= high
    assert (abs(hits / 400 - 0.95) <= 0.035).all()


def test_wrong_scale_and_shift_are_found_and_undone():
    x, truth = fair(np.random.default_rng(3), 200_000)
    wrong = 3.0 * x + 2.0
    found = calibrate_ratios(wrong, truth)
    assert found.slope == pytest.approx(1 / 3, abs=0.01)
    assert found.intercept == pytest.approx(-2 / 3, abs=0.03)
    np.testing.assert_allclose(found.rescale(wrong), x, atol=0.15)
    assert found.cost > log_ratio_cost(found.rescale(wrong), truth) + 0.1
    repaired = log_ratio_cost(found.repair(wrong), truth)
    assert found.least_cost <= repaired <= found.least_cost + 0.002
    assert (np.diff(found.repaired) >= 0).all()
    assert np.isfinite(found.repair([-1e9, 1e9])).all()
    assert np.isnan(found.repair(np.nan))


def test_the_line_is_the_maximum_that_another_optimiser_finds():
    rng = np.random.default_rng(4)
    x, truth = fair(rng, 300)

    def loss(line):
        score = line[0] + line[1] * x - 0.4
        return (np.logaddexp(0, score) - truth * score).sum() + (
            line[0] ** 2 + (line[1] - 1) ** 2
        ) / 200

    wanted = optimize.minimize(loss, [0.0, 1.0], tol=1e-12).x
    found = calibrate_ratios(x, truth, -0.4)
    np.testing.assert_allclose([found.intercept, found.slope], wanted, atol=1e-5)


def test_cost_by_hand_and_the_least_by_the_textbook():
    assert log_ratio_cost([0.0, 0.0], [1, 0]) == 1.0
    x, truth = [np.log(3.0), -np.log(3.0), 0.0], [True, False, False]
    by_hand = (np.log2(4 / 3) + (np.log2(4 / 3) + 1.0) / 2) / 2
    assert log_ratio_cost(x, truth) == pytest.approx(by_hand)
    # Pools of the labels 0 1 0 1 in order: 0 | 1 0 | 1, so ratios 0, 1, infinity.
    found = calibrate_ratios([1.0, 2.0, 3.0, 4.0], [0, 1, 0, 1])
    assert found.least_cost == pytest.approx(0.5)


def test_labels_that_separate_perfectly_leave_everything_finite():
    found = calibrate_ratios([-5.0, -4.0, 4.0, 5.0], [0, 0, 1, 1])
    assert found.least_cost == 0.0
    assert np.isfinite([found.slope, found.intercept, *found.slope_interval]).all()
    assert found.slope > 1.0
    assert np.isfinite(found.repaired).all()
    tied = calibrate_ratios([0.0] * 6, [0, 0, 1, 1, 1, 1])
    np.testing.assert_allclose(tied.repair([0.0]), [0.0], atol=1e-12)
    huge = calibrate_ratios([-1e300, -1.0, 1.0, 1e300], [0, 0, 1, 1])
    assert np.isfinite([huge.slope, huge.cost, huge.least_cost]).all()


def test_too_few_labels_and_columns_that_do_not_fit():
    with pytest.raises(NotEnoughData, match="1 compromised of 3"):
        calibrate_ratios([1.0, 2.0, 3.0], [1, 0, 0])
    with pytest.raises(NotEnoughData, match="0 compromised of 1"):
        log_ratio_cost([1.0], [0])
    with pytest.raises(InvalidInput, match="1 infinite"):
        calibrate_ratios([np.inf], [1])
    with pytest.raises(InvalidInput, match=r"labels \(2,\)"):
        calibrate_ratios([1.0], [1, 0])
    with pytest.raises(InvalidInput, match="prior inf"):
        calibrate_ratios([1.0, 2.0, 3.0, 4.0], [1, 0, 0, 1], np.inf)
    assert calibrate_ratios([np.nan, 1, 2, 3, 4], [1, 1, 0, 0, 1]).n == 4
