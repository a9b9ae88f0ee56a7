"""Drift against an independent fit, and what must and must not be called drift."""

import numpy as np
import pytest
from scipy import linalg
from scipy import stats as distributions

from stats.averaged import averaged_t
from stats.drift import detect_drift
from stats.fdr import q_values
from stats.season import weekday_season
from stats.serial import SerialDesign, SerialMemory, fit_serial
from stats.summary import Incompatible, InvalidInput

WEEK = np.arange(61) % 7


def memory_nights(rng, nights, groups, d, phi):
    """Correlated features, AR(1) over nights, variance 1."""
    root = np.linalg.cholesky(0.5 * np.eye(d) + 0.5).T
    fresh = rng.standard_normal((nights, groups, d)) @ root
    out = fresh.copy()
    for t in range(1, nights):
        out[t] = phi * out[t - 1] + np.sqrt(1 - phi**2) * fresh[t]
    return out


def _naive(x, columns, phi):
    """Generalised least squares with the whole covariance matrix in hand."""
    at = np.flatnonzero(np.isfinite(x).all(axis=1))
    v = phi ** np.abs(at[:, None] - at[None, :])
    white = linalg.solve_triangular(np.linalg.cholesky(v), np.eye(len(at)), lower=True)
    a, y = white @ columns[at], white @ x[at]
    beta = np.linalg.lstsq(a, y, rcond=None)[0]
    left = y - a @ beta
    return beta, np.linalg.inv(a.T @ a), left.T @ left


def test_the_fit_is_generalised_least_squares_with_nights_missing():
    rng = np.random.default_rng(0)
    x = memory_nights(rng, 40, 1, 3, 0.6)[:, 0]
    x[[4, 5, 20]] = np.nan
    step = np.zeros(40)
    step[33:] = 1
    columns = np.stack([step, np.ones(40)], axis=1)
    beta, inverse, scatter = _naive(x, columns, 0.6)
    used = np.isfinite(x).all(axis=1)[None]
    design = SerialDesign.of(columns, used, 1)
    fit = fit_serial(design, np.nan_to_num(x)[None], np.full((1, 3), 0.6))
    np.testing.assert_allclose(fit.coefficient[0, :, 0], beta[0], rtol=1e-10)
    np.testing.assert_allclose(fit.inverse[0, :, 0, 0], inverse[0, 0], rtol=1e-10)
    np.testing.assert_allclose(fit.scatter[0], scatter, rtol=1e-10)
    assert design.dof[0] == 37 - 2


def test_without_memory_it_is_the_pooled_two_sample_test():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((30, 1, 2))
    step = np.zeros(30)
    step[20:] = 1
    design = SerialDesign.of(
        np.stack([step, np.ones(30)], axis=1), np.ones((1, 30), bool), 1
    )
    fit = fit_serial(design, np.moveaxis(x, 0, 1), np.zeros((1, 2)))
    error = np.sqrt(np.diag(fit.scatter[0]) / 28 * fit.inverse[0, :, 0, 0])
    shift = fit.coefficient[0, :, 0]
    found = averaged_t(shift[None], error[None], np.array(28.0), np.ones(1), 0.95)
    expected = distributions.ttest_ind(x[20:, 0], x[:20, 0])
    np.testing.assert_allclose(found[3], expected.pvalue, rtol=1e-10)
    bounds = expected.confidence_interval(0.95)
    np.testing.assert_allclose(found[1:3], [bounds.low, bounds.high], rtol=1e-9)


def test_the_memory_of_many_groups_is_found():
    rng = np.random.default_rng(2)
    for phi in (0.0, 0.6):
        x = np.moveaxis(memory_nights(rng, 61, 60, 2, phi), 0, 1)
        design = SerialDesign.of(np.ones((61, 1)), np.ones((60, 61), bool), 0)
        memory = SerialMemory.estimate_from(design, x)
        assert abs(memory.estimate.mean() - phi) < 0.05
        np.testing.assert_allclose(memory.weight.sum(), 1.0)
        assert (np.diff(memory.nodes, axis=0) >= 0).all()


def test_a_shift_is_found_with_its_size_and_the_others_are_left_alone():
    rng = np.random.default_rng(3)
    x = memory_nights(rng, 61, 20, 3, 0.6)
    x[-7:, 4, 1] += 6.0
    x[10, 5] = np.nan
    found = detect_drift(x)
    assert np.flatnonzero(found.found).tolist() == [4]
    assert found.feature_found[4].tolist() == [False, True, False]
    assert found.lower[4, 1] < 6.0 < found.upper[4, 1]
    np.testing.assert_array_equal(found.q, q_values(np.exp(found.log_p)))
    np.testing.assert_array_equal((found.lower > 0) | (found.upper < 0), found.p < 0.05)
    assert found.reference.tolist() == [54] * 5 + [53] + [54] * 14
    assert repr(found).startswith("Drift: groups=20 | tested=20 | found=1")
    x[-1, 9, 0] += 6.0
    tonight = detect_drift(x, recent=1)
    assert np.flatnonzero(tonight.found).tolist() == [9]


def test_a_weekly_cycle_is_no_drift_but_a_shift_on_top_of_it_is():
    rng = np.random.default_rng(4)
    x = memory_nights(rng, 61, 20, 2, 0.3)
    x += np.array([3.0, 0, 0, 0, 0, -5.0, 0])[WEEK][:, None, None]
    plain = detect_drift(x, recent=2)
    known = detect_drift(x, recent=2, weekday=WEEK)
    assert known.found.sum() == 0
    assert (known.upper - known.lower).mean() < 0.7 * (plain.upper - plain.lower).mean()
    x[-2:, 3] += 4.0
    again = detect_drift(x, recent=2, weekday=WEEK)
    assert np.flatnonzero(again.found).tolist() == [3]


def test_a_fixed_reference_sees_the_slow_drift_that_a_rolling_one_absorbs():
    rng = np.random.default_rng(5)
    x = 0.4 * rng.standard_normal((61, 10, 1))
    slope, begun = 0.03, 40
    x[-begun:, 0, 0] += slope * np.arange(1, begun + 1)
    rolling, fixed = detect_drift(x), detect_drift(x, reference=slice(0, 21))
    shift = slope * (begun - 3)
    assert fixed.difference[0, 0] > rolling.difference[0, 0]
    assert fixed.lower[0, 0] < shift < fixed.upper[0, 0]
    bias = slope * (begun - 7) ** 2 / (2 * 54)
    assert abs(rolling.difference[0, 0] + bias - shift) < 0.3


def test_a_larger_spread_is_found_in_the_variances():
    rng = np.random.default_rng(6)
    n = 200
    variances = rng.chisquare(n - 1, (61, 12, 2)) / (n - 1)
    variances[-7:, 2, 0] *= 1.5
    means = rng.standard_normal((61, 12, 2))
    found = detect_drift(means, variances=variances)
    assert np.argwhere(found.variance_found).tolist() == [[2, 0]]
    assert found.variance_lower[2, 0] < 1.5 < found.variance_upper[2, 0]
    none = detect_drift(means)
    assert np.isnan(none.variance_ratio).all()
    assert not none.variance_found.any()


def test_what_never_changed_and_moves_outranks_everything():
    rng = np.random.default_rng(7)
    x = rng.standard_normal((40, 3, 2))
    x[..., 1] = 5.0
    x[-7:, 1, 1] = 5.5
    found = detect_drift(x)
    assert found.found.tolist() == [False, True, False]
    assert np.isneginf(found.log_p[1])
    assert np.isposinf(found.d2[1])


def test_missing_sites_features_and_short_windows_are_nan_not_wrong():
    rng = np.random.default_rng(8)
    x = rng.standard_normal((40, 4, 3))
    x[-7:, 0] = np.nan
    x[::2, 1, 2] = np.nan
    x[5, 1, 2] = np.nan
    x[:, 2, 1] = np.nan
    found = detect_drift(x)
    assert np.isnan(found.log_p[0])
    assert np.isnan(found.p[0]).all()
    assert np.isnan(found.p[1]).tolist() == [False, False, True]
    assert np.isnan(found.p[2]).tolist() == [False, True, False]
    assert np.isfinite(found.p[3]).all()
    few = detect_drift(x[-12:, 3:], recent=3)
    assert np.isfinite(few.log_p).all()
    assert np.isnan(detect_drift(x[-5:, 3:], recent=2).log_p).all()


def test_unusable_windows_are_refused():
    x = np.zeros((10, 1, 1))
    with pytest.raises(Incompatible, match="T, g, d"):
        detect_drift(x[0])
    with pytest.raises(Incompatible, match="variances"):
        detect_drift(x, recent=2, variances=x[:5])
    with pytest.raises(InvalidInput, match="recent"):
        detect_drift(x, recent=10)
    for reference in (slice(0, 0), slice(0, 9)):
        with pytest.raises(InvalidInput, match="reference"):
            detect_drift(x, recent=2, reference=reference)


def test_weekday_effects_are_found_taken_out_and_sum_to_zero():
    rng = np.random.default_rng(9)
    truth = np.array([3.0, 1.0, 0.0, 0.0, 0.0, -1.0, -3.0])
    x = memory_nights(rng, 61, 12, 2, 0.4)
    x[:, 0, 1] += truth[WEEK]
    x[7, 0, 1] = np.nan
    found = weekday_season(x, WEEK)
    assert np.argwhere(found.found).tolist() == [[0, 1]]
    assert (
        (found.lower < truth[:, None, None]) & (truth[:, None, None] < found.upper)
    )[:, 0, 1].mean() > 0.7
    np.testing.assert_allclose(found.effect.sum(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(found.adjusted + found.effect[WEEK], x, atol=1e-12)
    assert found.nights.tolist() == [61] * 12
    again = weekday_season(found.adjusted, WEEK)
    np.testing.assert_allclose(again.effect, 0.0, atol=0.05)
    assert repr(found).startswith("Season: nights=61 | groups=12 | found=1")


def test_without_memory_the_season_is_one_way_analysis_of_variance():
    rng = np.random.default_rng(10)
    x = rng.standard_normal(35)
    days = np.arange(35) % 7
    columns = np.column_stack([np.vstack([np.eye(6), -np.ones(6)])[days], np.ones(35)])
    design = SerialDesign.of(columns, np.ones((1, 35), bool), 6)
    fit = fit_serial(design, x[None, :, None], np.zeros((1, 1)))
    beta = fit.coefficient[0, 0]
    explained = beta @ np.linalg.solve(fit.inverse[0, 0], beta) / 6
    f = explained / (fit.scatter[0, 0, 0] / design.dof[0])
    expected = distributions.f_oneway(*(x[days == k] for k in range(7)))
    np.testing.assert_allclose(f, expected.statistic, rtol=1e-10)


def test_fewer_than_three_weeks_have_no_season():
    x = np.random.default_rng(11).standard_normal((20, 3, 2))
    found = weekday_season(x, np.arange(20) % 7)
    assert np.isnan(found.effect).all()
    assert np.isnan(found.p).all()
    np.testing.assert_array_equal(found.adjusted, x)
    gap = np.random.default_rng(12).standard_normal((40, 1, 1))
    gap[np.arange(40) % 7 == 3] = np.nan
    assert np.isnan(weekday_season(gap, np.arange(40) % 7).effect).all()
    with pytest.raises(Incompatible, match="weekdays"):
        weekday_season(x, np.arange(5))
    with pytest.raises(InvalidInput, match="Monday"):
        weekday_season(x, np.arange(20))
    with pytest.raises(Incompatible, match="T, g, d"):
        weekday_season(x[0], np.arange(20) % 7)
