"""Variance, kurtosis, clusters and effective n against independent computations."""

import numpy as np
import pytest
from scipy import stats as distributions

from stats.clustered_spread import (
    clustered_correlation_interval,
    clustered_variance_interval,
)
from stats.effective import effective_n, effective_n_repeats, effective_n_serial
from stats.kurtosis import kurtosis_terms, pooled_excess_kurtosis, quantile_kurtosis
from stats.quantiles import GroupQuantiles
from stats.summary import Incompatible
from stats.variances import variance_interval, variance_ratio_interval


def test_kurtosis_zero_is_the_chi_square_interval():
    plain = variance_interval(10, 4.0)
    np.testing.assert_array_equal(variance_interval(10, 4.0, excess_kurtosis=0), plain)
    heavy = variance_interval(10, 4.0, excess_kurtosis=1.5)
    light = variance_interval(10, 4.0, excess_kurtosis=-1.2)
    assert heavy[0] < plain[0] < light[0]
    assert light[1] < plain[1] < heavy[1]
    assert np.isnan(variance_interval(10, 4.0, excess_kurtosis=np.nan)).all()
    assert np.isfinite(variance_interval(5, 4.0, excess_kurtosis=-2.0)).all()


def test_many_rows_have_the_known_error_of_a_variance():
    n, kurtosis = 1_000_000, 3.0
    lower, upper = variance_interval(n, 1.0, excess_kurtosis=kurtosis)
    half = 1.959964 * np.sqrt((2 + kurtosis) / n)
    np.testing.assert_allclose([lower - 1, upper - 1], [-half, half], rtol=0.01)


def test_a_ratio_of_variances_has_the_quantiles_of_f():
    ratio, lower, upper = variance_ratio_interval((12, 9), (3.0, 2.0))
    quantiles = distributions.f.ppf([0.975, 0.025], 11, 8)
    np.testing.assert_allclose([lower, upper], ratio / quantiles, rtol=1e-12)
    assert np.isnan(variance_ratio_interval((1, 9), (3.0, 2.0))[1])
    assert np.isnan(variance_ratio_interval((9, 9), (3.0, 0.0))[0])


def _moments(x):
    return x.var(axis=1, ddof=1), ((x - x.mean(1, keepdims=True)) ** 4).mean(axis=1)


def test_the_cumulant_is_fishers_k_statistic():
    x = np.random.default_rng(0).exponential(size=(1, 17))
    cumulant, _ = kurtosis_terms(17, *_moments(x))
    np.testing.assert_allclose(cumulant, distributions.kstat(x[0], 4), rtol=1e-10)


@pytest.mark.parametrize("n", [4, 5, 30])
def test_pooling_has_no_bias_of_few_rows(n):
    rng = np.random.default_rng(1)
    scale = np.exp(0.2 * rng.standard_normal((100_000, 1)))
    x = 7.0 + scale * rng.uniform(-1, 1, (100_000, n))
    found = pooled_excess_kurtosis(n, *_moments(x))
    assert abs(found + 1.2) < 0.05
    own = distributions.kurtosis(x, axis=1).mean()
    assert abs(own + 1.2) > abs(found + 1.2)
    terms = kurtosis_terms(n, *_moments(x))
    halves = [
        [n * term[part].sum() for term in terms]
        for part in (slice(0, 50_000), slice(50_000, None))
    ]
    top, low = np.sum(halves, axis=0)
    np.testing.assert_allclose(top / low, found, rtol=1e-10)
    assert np.isnan(pooled_excess_kurtosis(3, 1.0, 1.0))


def test_kurtosis_of_binned_values_is_that_of_the_values():
    x = np.random.default_rng(2).standard_t(8, (4_000, 2))
    x[:5, 1] = np.nan
    x[5, 1] = np.inf
    groups = np.repeat([0, 2], 2_000)
    found = quantile_kurtosis(GroupQuantiles.from_block(x, groups, 3))
    expected = distributions.kurtosis(x[2_000:, 0], bias=False)
    np.testing.assert_allclose(found[2, 0], expected, atol=0.1)
    assert np.isnan(found[1]).all()
    assert np.isfinite(found[0]).all()


def _naive_jackknife(nights, statistic, level=0.95):
    whole = statistic(np.concatenate(nights))
    left = np.array(
        [
            statistic(np.concatenate(nights[:k] + nights[k + 1 :]))
            for k in range(len(nights))
        ]
    )
    t = len(nights)
    error = np.sqrt((t - 1) / t * ((left - left.mean()) ** 2).sum())
    return whole, distributions.t.ppf(0.5 + level / 2, t - 1) * error


def test_night_clusters_are_a_jackknife_over_nights():
    rng = np.random.default_rng(3)
    sizes = [1, 3, 8, 5, 12, 4]
    nights = [rng.standard_normal((n, 2)) @ [[1, 0.5], [0, 1]] + 1e3 for n in sizes]
    n = np.array([*sizes, 0])
    mean = np.array([*(x.mean(axis=0) for x in nights), [np.nan, np.nan]])
    spread = np.array(
        [
            *(np.cov(x.T) if len(x) > 1 else np.full((2, 2), np.nan) for x in nights),
            np.full((2, 2), np.nan),
        ]
    )
    one = [x[:, 0] for x in nights]
    log, half = _naive_jackknife(one, lambda x: np.log(x.var(ddof=1)))
    found = clustered_variance_interval(n, mean[:, 0], spread[:, 0, 0])
    np.testing.assert_allclose(np.log(found), [log, log - half, log + half], rtol=1e-7)
    z, half = _naive_jackknife(nights, lambda x: np.arctanh(np.corrcoef(x.T)[0, 1]))
    r, lower, upper = clustered_correlation_interval(n, mean, spread)
    np.testing.assert_allclose(r[0, 1], np.tanh(z), rtol=1e-9)
    np.testing.assert_allclose(
        np.arctanh([lower[0, 1], upper[0, 1]]), [z - half, z + half], rtol=1e-6
    )
    assert r[0, 0] == lower[1, 1] == upper[1, 1] == 1.0
    assert np.isnan(
        clustered_variance_interval(n[:2], mean[:2, 0], spread[:2, 0, 0])[1]
    )
    with pytest.raises(Incompatible, match="do not fit"):
        clustered_variance_interval(n, mean, spread)


def test_effective_n_of_repeats_and_of_memory():
    assert effective_n_repeats(100, 5, 0.0) == 100
    assert effective_n_repeats(100, 5, 1.0) == 20
    assert effective_n(4.0, 0.2) == pytest.approx(100)
    assert np.isnan(effective_n(4.0, 0.0))
    phi = 0.6
    powers = phi ** np.abs(np.subtract.outer(np.arange(9), np.arange(9)))
    np.testing.assert_allclose(effective_n_serial(9, phi), 81 / powers.sum())
    assert effective_n_serial(9, 0.0) == 9
    assert np.isnan(effective_n_serial([0, 9], [0.5, 1.0])).all()
