"""Intervals against hand-worked cases and a naive twin."""

import numpy as np
import pytest
from scipy import stats as distributions

from stats.intervals import (
    clustered_mean_interval,
    correlation_interval,
    mean_interval,
    usual_range,
    variance_interval,
    wilson_interval,
    worst_case_mean,
)
from stats.summary import InvalidInput


def test_mean_interval_is_students():
    rows = np.random.default_rng(0).normal(3.0, 2.0, 12)
    lower, upper = mean_interval(12, rows.mean(), rows.var(ddof=1), 0.9)
    expected = distributions.ttest_1samp(rows, 0.0).confidence_interval(0.9)
    np.testing.assert_allclose([lower, upper], expected, rtol=1e-13)


def test_variance_interval_of_a_textbook_case():
    # n = 10, s² = 4: 36 / 19.0228 and 36 / 2.7004 (chi-square tables, 9 degrees).
    lower, upper = variance_interval(10, 4.0)
    np.testing.assert_allclose([lower, upper], [1.8925, 13.3313], rtol=1e-4)


def test_correlation_interval_is_fishers():
    x = np.random.default_rng(1).standard_normal((2, 30))
    found = distributions.pearsonr(*x)
    lower, upper = correlation_interval(30, found.statistic, 0.95)
    np.testing.assert_allclose([lower, upper], found.confidence_interval(), rtol=1e-12)
    assert tuple(map(float, correlation_interval(30, 1.0))) == (1.0, 1.0)


@pytest.mark.parametrize(("k", "n"), [(0, 10), (3, 10), (10, 10)])
def test_wilson_interval_equals_scipy(k, n):
    expected = distributions.binomtest(k, n).proportion_ci(method="wilson")
    np.testing.assert_allclose(wilson_interval(k, n), [expected.low, expected.high])


def test_too_few_observations_give_nan():
    assert np.isnan(mean_interval([0, 1], 1.0, 1.0)).all()
    assert np.isnan(variance_interval([0, 1], 1.0)).all()
    assert np.isnan(correlation_interval([0, 3], 0.5)).all()
    assert np.isnan(wilson_interval(0, 0)).all()


def _naive_clustered(rows, clusters, level):
    """Ten obvious lines: one group, every row in hand."""
    n, mean = len(rows), rows.mean()
    names = np.unique(clusters)
    scatter = sum((rows[clusters == c] - mean).sum() ** 2 for c in names)
    c = len(names)
    half = distributions.t.ppf(0.5 + level / 2, c - 1) * np.sqrt(c / (c - 1) * scatter)
    return mean, mean - half / n, mean + half / n


def test_clustered_interval_equals_its_naive_twin_in_every_group():
    rng = np.random.default_rng(2)
    clusters = rng.integers(0, 40, 300)
    rows = rng.normal(5.0, 1.0, 300) + clusters % 7
    group_of = np.arange(40) % 3
    count = np.bincount(clusters, minlength=40)
    total = np.bincount(clusters, rows, 40)
    found = clustered_mean_interval(count, total, group_of, 4, 0.9)
    for g in range(3):
        own = group_of[clusters] == g
        expected = _naive_clustered(rows[own], clusters[own], 0.9)
        np.testing.assert_allclose([part[g] for part in found], expected, rtol=1e-12)
    assert all(np.isnan(part[3]) for part in found)


def test_one_cluster_has_a_mean_and_no_interval():
    mean, lower, upper = clustered_mean_interval([4, 0, 9], [8, 0, 9], [0, 0, -1], 1)
    assert mean.tolist() == [2.0]
    assert np.isnan([lower[0], upper[0]]).all()


def test_clusters_of_one_row_give_students_interval():
    rows = np.random.default_rng(3).standard_normal(25)
    found = clustered_mean_interval(np.ones(25), rows, np.zeros(25, dtype=int), 1)
    lower, upper = mean_interval(25, rows.mean(), rows.var(ddof=1))
    np.testing.assert_allclose(found[1:], [[lower], [upper]], rtol=1e-12)


def test_usual_range_ignores_missing_nights_and_needs_fourteen():
    values = np.random.default_rng(4).standard_normal((30, 3))
    values[3, 0], values[5, 0], values[:17, 1] = np.nan, np.inf, np.nan
    lower, median, upper = usual_range(values, 0.9)
    finite = values[np.isfinite(values[:, 0]), 0]
    expected = np.quantile(finite, [0.05, 0.5, 0.95])
    np.testing.assert_allclose([lower[0], median[0], upper[0]], expected)
    assert np.isnan([lower[1], median[1], upper[1]]).all()
    assert np.isnan(usual_range(np.zeros((0, 2)))[1]).all()


def test_worst_case_is_the_mean_when_everything_arrived_and_the_range_when_nothing():
    low, high = worst_case_mean([6.0, 6.0, np.nan], [1.0, 0.75, 0.0], 0.0, 20.0)
    assert low.tolist() == [6.0, 4.5, 0.0]
    assert high.tolist() == [6.0, 9.5, 20.0]


def test_no_declared_range_is_unbounded_unless_everything_arrived():
    low, high = worst_case_mean([6.0, 6.0], [1.0, 0.5], -np.inf, np.inf)
    assert low.tolist() == [6.0, -np.inf]
    assert high.tolist() == [6.0, np.inf]


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_a_level_that_is_no_probability_is_refused(level):
    with pytest.raises(InvalidInput, match=f"level {level}"):
        mean_interval(5, 0.0, 1.0, level)


def test_shapes_and_shares_that_do_not_fit_are_refused():
    with pytest.raises(InvalidInput, match="differ"):
        clustered_mean_interval([1, 2], [1.0], [0, 0], 1)
    with pytest.raises(InvalidInput, match="arrived_share"):
        worst_case_mean(1.0, 1.2, 0.0, 1.0)
