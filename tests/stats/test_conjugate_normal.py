"""The normal family: known densities, integrals, hard scales finite or refused."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, stats

from stats.conjugate import NormalInverseWishart
from stats.scale_matrix import ScaleMatrix
from stats.summary import InvalidInput

PRIOR = {
    "mean": [1.0, -2.0, 0.5],
    "kappa": 0.7,
    "df": 6.0,
    "scale": [[2.0, 0.9, 0.0], [0.9, 1.0, 0.1], [0.0, 0.1, 3.0]],
}


def plain(p: int, size: float = 1.0) -> dict:
    return {"mean": np.zeros(p), "kappa": 1.0, "df": p + 2.0, "scale": size * np.eye(p)}


def seen(x, groups=None, n_groups=1, **prior) -> NormalInverseWishart:
    at = np.zeros(len(x), dtype=np.int64) if groups is None else groups
    return NormalInverseWishart.from_block(x, at, n_groups, **(prior or PRIOR))


def naive(x: np.ndarray, mean, kappa, df, scale):
    """Posterior row by row, as one would do it by hand."""
    mean, scale = np.array(mean), np.array(scale)
    for row in x:
        gap = row - mean
        scale = scale + kappa / (kappa + 1) * np.outer(gap, gap)
        mean = mean + gap / (kappa + 1)
        kappa, df = kappa + 1, df + 1
    return mean, kappa, df, scale


def test_the_posterior_is_the_one_row_by_row():
    rng = np.random.default_rng(1)
    x, at = rng.normal(3.0, 2.0, (60, 3)), rng.integers(0, 4, 60)
    now = seen(x, at, 4).posterior()
    for g in range(4):
        mean, kappa, df, scale = naive(x[at == g], **PRIOR)
        np.testing.assert_allclose(now.mean[g], mean, rtol=1e-12)
        np.testing.assert_allclose(now.scale[g], scale, rtol=1e-12)
        assert (now.kappa[g], now.df[g]) == pytest.approx((kappa, df))
        np.testing.assert_allclose(now.covariance()[g], scale / (df - 4), rtol=1e-12)
    assert now.n.tolist() == np.bincount(at).tolist()


def test_a_covariance_without_expectation_is_nan():
    prior = {**plain(3), "df": 3.5}
    assert np.isnan(seen(np.zeros((0, 3)), **prior).posterior().covariance()).all()


def test_the_predictive_is_a_multivariate_t():
    rng = np.random.default_rng(2)
    family = seen(rng.normal(0, 1, (9, 3)))
    new = rng.normal(0, 4, (5, 3))
    now = family.posterior()
    df, kappa = now.df[0] - 2, now.kappa[0]
    shape = now.scale[0] * (kappa + 1) / (kappa * df)
    expected = stats.multivariate_t(now.mean[0], shape, df).logpdf(new)
    found = family.log_predictive(new, [0] * 5)
    np.testing.assert_allclose(found, expected, rtol=1e-11)


def test_one_feature_against_an_integral_over_the_variance():
    rng = np.random.default_rng(3)
    x = rng.normal(2.0, 1.5, 6)
    family = seen(x[:, None], mean=[0.5], kappa=0.8, df=3.0, scale=[[2.0]])
    shared = np.eye(6) + np.ones((6, 6)) / 0.8

    def density(t: float) -> float:
        v = math.exp(t)
        data = stats.multivariate_normal.logpdf(x, np.full(6, 0.5), v * shared)
        return math.exp(data + stats.invgamma.logpdf(v, 1.5, scale=1.0) + t)

    total, _ = integrate.quad(density, -8, 25, epsabs=0, epsrel=1e-12, limit=200)
    assert family.log_marginal()[0] == pytest.approx(math.log(total), abs=1e-11)


def test_units_of_features_shift_the_marginal_and_nothing_else():
    rng = np.random.default_rng(4)
    x, unit = rng.normal(0, 1, (20, 3)), np.array([1e-30, 1.0, 1e40])
    one = seen(x)
    other = seen(
        x * unit, mean=unit * PRIOR["mean"], kappa=0.7, df=6.0,
        scale=np.array(PRIOR["scale"]) * np.outer(unit, unit),
    )  # fmt: skip
    shift = 20 * np.log(unit).sum()
    assert other.log_marginal()[0] == pytest.approx(one.log_marginal()[0] - shift)


def test_more_features_than_rows_are_fine():
    rng = np.random.default_rng(5)
    x = rng.normal(0, 1, (4, 30))
    found = seen(x, **plain(30))
    total = sum(
        float(seen(x[:k], **plain(30)).log_predictive(x[k : k + 1], [0])[0])
        for k in range(4)
    )
    assert found.log_marginal()[0] == pytest.approx(total, abs=1e-11)


def test_features_that_follow_from_others_are_fine_beside_the_prior():
    rng = np.random.default_rng(6)
    u = rng.normal(0, 1, (50, 2))
    x = np.column_stack([u, u.sum(axis=1), np.full(50, 7.0)])
    total = sum(
        float(seen(x[:k], **plain(4)).log_predictive(x[k : k + 1], [0])[0])
        for k in range(50)
    )
    assert seen(x, **plain(4)).log_marginal()[0] == pytest.approx(total, abs=1e-10)


def test_a_scale_made_of_rounding_is_refused():
    rng = np.random.default_rng(7)
    u = rng.normal(0, 1e9, (50, 1))
    x = np.column_stack([u, 2 * u])
    family = seen(np.concatenate([x, u[:1] * [[1, 1]]]), [0] * 50 + [1], 2, **plain(2))
    for ask in (family.log_marginal, lambda: family.log_predictive(x[:1], [0])):
        with pytest.raises(InvalidInput, match="1 of 2 groups is singular"):
            ask()
    assert np.isfinite(family.posterior().mean).all()


def test_a_million_million_rows_have_the_largest_likelihood():
    rng = np.random.default_rng(8)
    x = rng.normal(0, 1, (1_000, 3))
    family, spread = seen(x), np.cov(x.T, ddof=0)
    for _ in range(30):
        family = family.merge(family)
    n = 1_000 * 2**30
    assert family.n[0] == n
    best = stats.multivariate_normal(x.mean(axis=0), spread).logpdf(x).mean()
    assert family.log_marginal()[0] / n == pytest.approx(best, rel=1e-9)
    assert np.isfinite(family.log_predictive(np.zeros((1, 3)), [0])).all()


def test_a_row_with_a_gap_is_missing_as_a_whole():
    x = np.array([[1.0, np.nan, 2.0], [0.0, 1.0, 2.0]])
    both = seen(x)
    assert both.n.tolist() == [1]
    assert both.digest() == seen(x[1:]).digest()
    assert np.isnan(both.log_predictive(x, [0, -1])).tolist() == [True, True]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"df": 2.0}, "more than 2"),
        ({"kappa": [1.0]}, "one number"),
        ({"mean": [[1.0, 2.0, 3.0]]}, "one number"),
        ({"mean": [1.0, 2.0, np.inf]}, "in size"),
        ({"mean": [1.0, 2.0]}, "2 features"),
        ({"scale": [[1.0, 0.5], [0.4, 1.0]]}, "symmetric"),
        ({"scale": np.ones((3, 3))}, "singular"),
        ({"scale": [[1, 2, 0], [2, 1, 0], [0, 0, 1]]}, "singular"),
        ({"scale": np.diag([1.0, 0.0, 1.0])}, "diagonal"),
        ({"scale": np.diag([1.0, np.nan, 1.0])}, "symmetric"),
    ],
)
def test_a_prior_that_is_none_is_refused(change, words):
    with pytest.raises(InvalidInput, match=words):
        seen(np.zeros((2, 3)), **{**PRIOR, **change})


def test_values_beyond_all_units_are_refused():
    with pytest.raises(InvalidInput, match="in size"):
        seen(np.full((1, 3), 1e101))
    with pytest.raises(InvalidInput, match="infinite"):
        seen(np.full((1, 3), np.inf))
    with pytest.raises(InvalidInput, match="2 features in the sums and 3"):
        replace(seen(np.zeros((1, 3))), sums=seen(np.zeros((1, 2)), **plain(2)).sums)


def test_determinants_and_distances_are_those_of_numpy():
    rng = np.random.default_rng(9)
    a = rng.normal(0, 1, (6, 4, 4))
    matrices = a @ a.transpose(0, 2, 1) + np.eye(4)
    matrices = (matrices + matrices.transpose(0, 2, 1)) / 2
    gap, at = rng.normal(0, 1, (20, 4)), rng.integers(0, 6, 20)
    scale = ScaleMatrix(matrices, "test")
    expected = np.linalg.slogdet(matrices)[1]
    np.testing.assert_allclose(scale.log_determinant(), expected, rtol=1e-12)
    solved = np.linalg.solve(matrices[at], gap[:, :, None])[:, :, 0]
    np.testing.assert_allclose(
        scale.distance(gap, at), (gap * solved).sum(axis=1), rtol=1e-11
    )
