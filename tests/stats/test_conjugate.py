"""Conjugate families: laws, sequential predictives, integrals, and the far ends."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import integrate, stats

from stats.conjugate import BetaBernoulli, DirichletMultinomial, GammaPoisson
from stats.summary import Incompatible, InvalidInput
from tests.conjugates import MODELS, build
from tests.laws import check_laws, same_bytes

NAN = math.nan
FAMILIES = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def drawn(model, seed, g=3, n=12, missing=0.2):
    """Rows of some groups, with gaps; the last group has none at all."""
    rng = np.random.default_rng(seed)
    rows = model.data(rng, model.prior(rng, g), n)
    gaps = rng.random(rows.shape) < missing
    rows[gaps] = NAN
    rows[-1] = NAN
    return rows


@FAMILIES
def test_laws(model):
    def block(args):
        seed, n = args
        rng = np.random.default_rng(seed)
        rows = drawn(model, seed, n=5).reshape(15, -1)[:n]
        rows = rows if rows.shape[1] > 1 else rows[:, 0]
        return rows, rng.integers(-1, 3, n)

    one = st.tuples(st.integers(0, 999), st.sampled_from([0, 1, 15])).map(block)
    check_laws(
        st.tuples(one, one, one),
        lambda b: model.from_rows(*b, 3),
        lambda a, b: tuple(map(np.concatenate, zip(a, b, strict=True))),
        type(build(model, drawn(model, 0))).from_arrays,
    )


@FAMILIES
def test_the_marginal_is_the_product_of_predictives(model):
    rows = drawn(model, 11)
    g, n = rows.shape[:2]
    total, at = np.zeros(g), np.arange(g)
    for k in range(n):
        before = build(model, rows[:, :k])
        terms = model.log_predictive(before, rows[:, k], at)
        gap = np.isnan(rows[:, k].reshape(g, -1)).any(axis=1)
        np.testing.assert_array_equal(np.isnan(terms), gap)
        total += np.nan_to_num(terms)
    found = build(model, rows)
    assert found.n.tolist()[-1] == 0
    assert found.n[0] > 3
    np.testing.assert_allclose(found.log_marginal(), total, atol=1e-11)
    assert found.log_marginal()[-1] == 0.0


@FAMILIES
def test_the_prior_counts_once_through_partitions_and_levels(model):
    rows = drawn(model, 12, g=4)
    whole = build(model, rows)
    parts = [build(model, rows[:, k::3]) for k in range(3)]
    merged = parts[2].merge(parts[0]).merge(parts[1])
    same_bytes(whole, merged)
    site = merged.rollup(np.zeros(4, dtype=np.int64), 1)
    flat = rows.reshape(1, -1, *rows.shape[2:])
    same_bytes(build(model, flat), site)
    assert site.log_marginal() == pytest.approx(build(model, flat).log_marginal())


@FAMILIES
def test_a_correction_leaves_no_trace(model):
    rows = drawn(model, 13)
    late, rest = build(model, rows[:, :4]), build(model, rows[:, 4:])
    wrong = build(model, drawn(model, 99, n=4))
    same_bytes(build(model, rows), rest.merge(wrong).subtract(wrong).merge(late))


@FAMILIES
def test_nothing_seen_is_the_prior(model):
    empty = build(model, drawn(model, 1)).empty()
    assert empty.log_marginal().tolist() == [0.0, 0.0, 0.0]
    now = empty.posterior()
    for name in type(empty).PRIOR:
        expected = np.broadcast_to(getattr(empty, name), getattr(now, name).shape)
        np.testing.assert_array_equal(getattr(now, name), expected)


@FAMILIES
def test_priors_that_differ_do_not_merge(model):
    one = build(model, drawn(model, 2))
    other = model.times(one, 3.0)
    for verb in (one.merge, one.subtract):
        with pytest.raises(Incompatible, match="priors differ"):
            verb(other)
    assert one.digest() != other.digest()
    with pytest.raises(InvalidInput, match="no array"):
        type(one).from_arrays({})
    with pytest.raises(InvalidInput, match="no array"):
        type(one).from_arrays({k: v for k, v in one.to_arrays().items() if "." in k})


@FAMILIES
@pytest.mark.parametrize("bad", [0.0, -1.0, NAN, math.inf, 1e101])
def test_a_prior_that_is_none_is_refused(model, bad):
    with pytest.raises(InvalidInput, match="from 1e-100"):
        model.times(build(model, drawn(model, 2)), bad)


def test_shares_against_integrals():
    seen = BetaBernoulli.from_counts([3, 40], [9, 2], alpha=0.7, beta=2.0)
    prior = stats.beta(0.7, 2.0)
    for k, (ones, zeros) in enumerate([(3, 9), (40, 2)]):
        total, _ = integrate.quad(
            lambda t, a=ones, b=zeros: (
                prior.pdf(t**2) * t ** (2 * a) * (1 - t**2) ** b * 2 * t
            ),
            0, 1, epsabs=0, epsrel=1e-13,
        )  # fmt: skip
        assert seen.log_marginal()[k] == pytest.approx(math.log(total), abs=1e-11)
    assert repr(seen) == "BetaBernoulli: n=54 | groups=2 | alpha=0.7 | beta=2.0"


def test_kinds_are_rational():
    """Pólya's urn: products of whole numbers."""
    seen = DirichletMultinomial.from_counts([[2, 0, 3]], alpha=[1.0, 2.0, 3.0])
    top = (1 * 2) * 1 * (3 * 4 * 5)
    bottom = 6 * 7 * 8 * 9 * 10
    assert seen.log_marginal()[0] == pytest.approx(math.log(top / bottom), abs=1e-14)
    two = DirichletMultinomial.from_counts([[3, 9]], alpha=[0.7, 2.0])
    one = BetaBernoulli.from_counts([3], [9], alpha=0.7, beta=2.0)
    np.testing.assert_array_equal(two.log_marginal(), one.log_marginal())
    np.testing.assert_allclose(seen.posterior().mean(), [[3 / 11, 2 / 11, 6 / 11]])


def test_rates_against_integrals_and_the_negative_binomial():
    x, e = np.array([4, 0, 7]), np.array([1.5, 0.2, 3.0])
    seen = GammaPoisson.from_block(x, [0] * 3, 1, exposure=e, shape=1.3, rate=0.6)

    def density(t: float) -> float:
        rate = math.exp(t)
        logs = stats.poisson.logpmf(x, rate * e).sum()
        return math.exp(logs + stats.gamma.logpdf(rate, 1.3, scale=1 / 0.6) + t)

    total, _ = integrate.quad(density, -15, 5, epsabs=0, epsrel=1e-13, limit=200)
    assert seen.log_marginal()[0] == pytest.approx(math.log(total), abs=1e-11)
    found = seen.log_predictive([0, 3, 50], [0] * 3, exposure=2.0)
    a, b = 1.3 + 11, 0.6 + 4.7
    expected = stats.nbinom.logpmf([0, 3, 50], a, b / (b + 2.0))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_an_exposure_of_nothing_says_nothing():
    prior = {"shape": 2.0, "rate": 3.0}
    seen = GammaPoisson.from_block([0, 0], [0, 0], 1, exposure=0.0, **prior)
    assert (seen.n.tolist(), seen.log_marginal().tolist()) == ([2], [0.0])
    assert seen.posterior().mean().tolist() == [2 / 3]
    assert seen.log_predictive([0, 1], [0, 0], exposure=0.0).tolist() == [0, -math.inf]
    with pytest.raises(InvalidInput, match="exposure of 0"):
        GammaPoisson.from_block([1], [0], 1, exposure=[0.0], **prior)


def test_counts_of_a_million_million_stay_right():
    n = 10**12
    rare = BetaBernoulli.from_counts([0, n], [n, n], alpha=1.0, beta=1.0)
    expected = [-math.log(n + 1), -2 * n * math.log(2) + 0.5 * math.log(math.pi / n)]
    expected[1] -= math.log(2)  # (2n + 1) B(n + 1, n + 1) 4^n = sqrt(pi / n) / 2 …
    assert rare.log_marginal()[0] == pytest.approx(expected[0], rel=1e-14)
    assert rare.log_marginal()[1] == pytest.approx(expected[1], rel=1e-15)
    kinds = DirichletMultinomial.from_counts([[n, 0, 0]], alpha=[1.0, 1.0, 1.0])
    urn = math.log(2) - math.log(n + 1) - math.log(n + 2)
    assert kinds.log_marginal()[0] == pytest.approx(urn, rel=1e-14)
    many = GammaPoisson.from_block([n], [0], 1, exposure=1e12, shape=1.0, rate=1e-9)
    assert np.isfinite(many.log_marginal()).all()
    assert many.posterior().mean()[0] == pytest.approx(1.0, rel=1e-11)
    assert many.log_predictive([n], [0], exposure=1e12)[0] == pytest.approx(
        -0.5 * math.log(4 * math.pi * n), abs=1e-2
    )


@pytest.mark.parametrize(
    ("values", "groups", "words"),
    [
        ([0.5], [0], "none of the 2 kinds"),
        ([2], [0], "none of the 2 kinds"),
        ([-1], [0], "none of the 2 kinds"),
        ([math.inf], [0], "infinite"),
        ([1], [1], "groups from 1 to 1"),
        ([1], [-2], "groups from -2"),
        ([1], [0.0], "float64"),
        ([1, 0], [0], "values"),
        ([[1]], [0], "values"),
    ],
)
def test_rows_that_are_none_are_refused(values, groups, words):
    with pytest.raises(InvalidInput, match=words):
        BetaBernoulli.from_block(values, groups, 1, alpha=1.0, beta=1.0)


@pytest.mark.parametrize(
    ("count", "exposure", "words"),
    [
        ([1.5], 1.0, "no count"),
        ([-1], 1.0, "no count"),
        ([1], -1.0, "no count"),
        ([1], 1e101, "no count"),
        ([2.0**54], 1.0, "no count"),
        ([1], math.inf, "infinite"),
        ([1], [1.0, 2.0], "exposures"),
    ],
)
def test_counts_that_are_none_are_refused(count, exposure, words):
    with pytest.raises(InvalidInput, match=words):
        GammaPoisson.from_block(count, [0], 1, exposure=exposure, shape=1, rate=1)


def test_sums_of_another_shape_are_refused():
    seen = BetaBernoulli.from_counts([3], [9], alpha=0.7, beta=2.0)
    with pytest.raises(InvalidInput, match="2 columns of counts for 3 kinds"):
        DirichletMultinomial(np.ones(3), seen.sums)
    with pytest.raises(InvalidInput, match="one number"):
        replace(seen, alpha=np.ones(2))
    with pytest.raises(InvalidInput, match="per kind"):
        DirichletMultinomial(np.ones((1, 2)), seen.sums)
    kinds = DirichletMultinomial.from_counts([[1, 2]], alpha=[1.0, 1.0])
    with pytest.raises(ValueError, match="read-only"):
        kinds.alpha[0] = 2.0
