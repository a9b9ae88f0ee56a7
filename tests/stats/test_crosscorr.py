"""The two questions about many series under one name; what answers them has tests."""

import numpy as np

from stats import top_pairs
from stats.crosscorr import mean_pairwise_correlation, top_correlated_pairs


def test_averages_within_lie_on_the_diagonal_of_those_between():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((30, 20)) + 0.4 * rng.standard_normal(20)
    groups = np.arange(30) % 3
    within, between = mean_pairwise_correlation(x, groups, 4)
    r = np.corrcoef(x)
    for g in range(3):
        own = r[np.ix_(groups == g, groups == g)]
        np.testing.assert_allclose(within[g], own[np.triu_indices(10, 1)].mean())
        np.testing.assert_allclose(
            between[g, 0 if g else 1],
            r[np.ix_(groups == g, groups == (0 if g else 1))].mean(),
        )
    np.testing.assert_array_equal(np.diag(between), within)
    assert np.isnan(between[3]).all()


def test_top_pairs_are_the_same_function():
    assert top_correlated_pairs is top_pairs.top_correlated_pairs
