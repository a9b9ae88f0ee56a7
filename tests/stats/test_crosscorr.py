"""Averages of all pairs against brute force, and exact top pairs."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats.crosscorr import mean_pairwise_correlation, top_correlated_pairs
from stats.summary import InvalidInput


def _series(n, steps, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, steps)) + 0.4 * rng.standard_normal(steps) + 1e3


def test_averages_equal_brute_force_of_all_pairs():
    x, groups = _series(300, 40), np.random.default_rng(1).integers(0, 3, 300)
    within, between = mean_pairwise_correlation(x, groups, 4)
    r = np.corrcoef(x)
    for a in range(3):
        block = r[np.ix_(groups == a, groups == a)]
        expected = block[np.triu_indices(len(block), 1)].mean()
        np.testing.assert_allclose(within[a], expected, atol=1e-12)
        for b in range(a):
            expected = r[np.ix_(groups == a, groups == b)].mean()
            np.testing.assert_allclose(between[[a, b], [b, a]], expected, atol=1e-12)
    assert np.array_equal(np.diag(between), within, equal_nan=True)
    assert np.isnan(between[3]).all()


def test_constant_and_unassigned_series_are_left_out():
    x = _series(20, 30)
    x[3], x[4] = 0.1, np.nan
    groups = np.zeros(20, dtype=int)
    groups[5] = -1
    rest = np.delete(x, [3, 4, 5], axis=0)
    found, _ = mean_pairwise_correlation(x, groups, 1)
    expected, _ = mean_pairwise_correlation(rest, np.zeros(17, dtype=int), 1)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    alone, _ = mean_pairwise_correlation(x[2:5], np.zeros(3, dtype=int), 1)
    assert np.isnan(alone).all()


@given(st.integers(0, 10_000))
def test_with_gaps_it_is_the_overlap_weighted_mean(seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((8, 12))
    x[rng.random(x.shape) < 0.3] = np.nan
    seen = np.isfinite(x)
    y = np.zeros_like(x)
    for a in range(8):
        own = x[a, seen[a]]
        if len(own) > 1:
            y[a, seen[a]] = (own - own.mean()) / own.std()
        else:
            seen[a] = False
    pairs = [(a, b) for a in range(8) for b in range(a)]
    top = sum(y[a] @ y[b] for a, b in pairs)
    overlap = sum((seen[a] & seen[b]).sum() for a, b in pairs)
    within, _ = mean_pairwise_correlation(x, np.zeros(8, dtype=int), 1)
    np.testing.assert_allclose(within[0], top / overlap, atol=1e-12)


@pytest.mark.parametrize("n", [3, 50, 1_500])
def test_top_pairs_equal_sorting_all_of_them(n):
    x = _series(n, 30, seed=n)
    x[0] = 5.0
    i, j, r = top_correlated_pairs(x, 7)
    full = np.atleast_2d(np.corrcoef(x[1:]))
    a, b = np.triu_indices(n - 1, 1)
    order = np.lexsort((b, a, -full[a, b]))[:7]
    assert np.array_equal(i, a[order] + 1)
    assert np.array_equal(j, b[order] + 1)
    np.testing.assert_allclose(r, full[a, b][order], atol=1e-12)


def test_equal_correlations_come_in_order_of_position():
    x = np.tile(_series(1, 20), (5, 1)) * np.arange(1, 6)[:, None]
    i, j, r = top_correlated_pairs(x, 4)
    np.testing.assert_allclose(r, 1.0, atol=1e-12)
    assert (i < j).all()
    twins = np.tile(_series(1, 20), (4, 1))
    i, j, _ = top_correlated_pairs(twins, 4)
    assert list(zip(i.tolist(), j.tolist(), strict=True)) == [
        (0, 1),
        (0, 2),
        (0, 3),
        (1, 2),
    ]


def test_no_square_of_the_series_is_ever_in_memory():
    x, groups = _series(20_000, 8), np.arange(20_000) % 50
    tracemalloc.start()
    mean_pairwise_correlation(x, groups, 50)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * x.nbytes


def test_what_does_not_fit_is_refused():
    with pytest.raises(InvalidInput, match=r"\(3,\)"):
        mean_pairwise_correlation(np.zeros((2, 5)), [0, 0, 0], 1)
    with pytest.raises(InvalidInput, match="groups from 0 to 1"):
        mean_pairwise_correlation(np.zeros((2, 5)), [0, 1], 1)
    with pytest.raises(InvalidInput, match="1 missing"):
        top_correlated_pairs([[1.0, np.nan], [1.0, 2.0]], 1)
    assert len(top_correlated_pairs(np.zeros((3, 4)), 2)[2]) == 0
