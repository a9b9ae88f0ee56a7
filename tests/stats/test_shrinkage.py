"""Shrinkage on the correlation scale against obvious loops and its limits."""

import numpy as np
import pytest

from stats.shrinkage import ledoit_wolf, oas
from stats.summary import InvalidInput


def _covariance(n, d, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, d)) @ rng.standard_normal((d, d))
    return np.cov(rows.T)


def _naive_oas(covariance, n):
    sd = np.sqrt(np.diag(covariance))
    r, d = covariance / np.outer(sd, sd), len(sd)
    a, m = np.trace(r @ r) / d**2, np.trace(r) / d
    rho = min(1.0, (a + m**2) / ((n + 1) * (a - m**2 / d)))
    shrunk = (1 - rho) * r + rho * m * np.eye(d)
    return shrunk * np.outer(sd, sd), rho


def test_oas_equals_its_naive_twin_for_a_stack():
    stack = np.stack([_covariance(40, 6, seed) for seed in range(3)])
    shrunk, rho = oas(stack, [40, 50, 60])
    for k, n in enumerate([40, 50, 60]):
        expected, intensity = _naive_oas(stack[k], n)
        np.testing.assert_allclose(shrunk[k], expected, rtol=1e-12)
        np.testing.assert_allclose(rho[k], intensity, rtol=1e-12)


def test_shrinkage_does_not_depend_on_units():
    covariance, unit = _covariance(30, 5), np.diag([1.0, 1e6, 1e-6, 10.0, 3.0])
    plain, rho = oas(covariance, 30)
    scaled, same = oas(unit @ covariance @ unit, 30)
    np.testing.assert_allclose(scaled, unit @ plain @ unit, rtol=1e-10)
    np.testing.assert_allclose(same, rho, rtol=1e-12)


def test_variances_are_kept_and_uncorrelated_features_pull_fully():
    shrunk, rho = oas(np.diag([4.0, 9.0]), 100)
    assert rho == 1.0
    assert np.array_equal(shrunk, np.diag([4.0, 9.0]))


def test_a_constant_feature_stays_constant_and_nan_stays_nan():
    covariance = _covariance(30, 3)
    covariance[1], covariance[:, 1] = 0.0, 0.0
    shrunk, rho = oas(covariance, 300)
    assert shrunk[1].tolist() == [0.0, 0.0, 0.0]
    assert 0 < rho < 1
    covariance[0, 0] = np.nan
    assert np.isnan(oas(covariance, 30)[1])


def test_more_features_than_rows_become_invertible():
    shrunk, _ = oas(_covariance(5, 20), 5)
    assert np.linalg.eigvalsh(shrunk)[0] > 0


def test_ledoit_wolf_equals_the_sum_over_rows():
    rows = np.random.default_rng(5).standard_normal((25, 4)) * [1, 2, 3, 4]
    rows[:, 1] += rows[:, 0]
    z = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    r = z.T @ z / 25
    noise = sum(((np.outer(v, v) - r) ** 2).sum() for v in z) / 25**2
    expected = min(1.0, noise / ((r - np.eye(4)) ** 2).sum())
    shrunk, rho = ledoit_wolf(rows)
    np.testing.assert_allclose(rho, expected, rtol=1e-12)
    np.testing.assert_allclose(np.diag(shrunk), rows.var(axis=0, ddof=1), rtol=1e-12)


def test_what_cannot_be_shrunk_is_refused():
    with pytest.raises(InvalidInput, match="not square"):
        oas(np.zeros((2, 3)), 5)
    with pytest.raises(InvalidInput, match="complete"):
        ledoit_wolf([[1.0, np.nan], [2.0, 3.0]])
