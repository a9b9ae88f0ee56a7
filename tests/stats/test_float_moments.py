"""Float moments against the exact ones, pandas and scipy, and their laws and bits."""

from math import inf, nan

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stats.float_moments import FloatMoments
from stats.moments import GroupMoments
from stats.summary import Incompatible
from tests.laws import check_laws
from tests.strategies import TAME, Block, join_blocks, values

EPSILON = float(np.finfo(np.float64).eps)
CENTER = np.array([0.0, 1e9, -1.5])


def build(block: Block) -> FloatMoments:
    center = CENTER[: block.values.shape[1]]
    return FloatMoments.from_block(*block, center=center, higher=True)


def one_group(x: NDArray[np.floating], **options) -> FloatMoments:
    options = {"center": np.zeros(x.shape[-1])} | options
    return FloatMoments.from_block(x, np.zeros(len(x), dtype=np.int64), 1, **options)


def gaps(rng: np.random.Generator, x: NDArray[np.floating], share: float):
    x[rng.random(x.shape) < share] = nan
    return x


@st.composite
def triples(draw: st.DrawFn) -> tuple[Block, Block, Block]:
    """Three blocks of the same groups and features, with squares that stay finite."""
    d, n_groups = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    blocks = []
    for _ in range(3):
        n = draw(st.sampled_from([0, 1, 2, 7]))
        x = draw(values(n, d, (*TAME, "infinite")))
        group = st.lists(st.integers(-1, n_groups - 1), min_size=n, max_size=n)
        blocks.append(Block(x, np.array(draw(group), dtype=np.int64), n_groups))
    return blocks[0], blocks[1], blocks[2]


def same_within_the_bound(expected: FloatMoments, actual: FloatMoments) -> None:
    """Counts and ranges are equal, sums within a few roundings of Σ|y|, Σ|y_i y_j|."""
    one, two = expected.to_arrays(), actual.to_arrays()
    for name in ("pair_count", "infinite_signs", "minimum", "maximum", "center"):
        np.testing.assert_array_equal(two[name], one[name], err_msg=name)
    own = np.einsum("gii->gi", one["squares"])
    own_sums = np.sqrt(expected.finite_count * own)
    i, j = np.triu_indices(expected.d, 1)
    sizes = {
        "sums": own_sums[:, None, :],
        "squares": own[:, None, :],
        "products": np.sqrt(own[:, i] * own[:, j]),
        "cubes": np.sqrt(own * one["fourths"]),
        "fourths": one["fourths"],
    }
    for name, size in sizes.items():
        assert (np.abs(two[name] - one[name]) <= 80 * EPSILON * size).all(), name


def test_laws():
    check_laws(
        triples(),
        build,
        join_blocks,
        FloatMoments.from_arrays,
        same=same_within_the_bound,
    )


@given(triples())
def test_counts_and_extremes_are_those_of_the_exact_moments(blocks):
    m, exact = build(blocks[0]), GroupMoments.from_block(*blocks[0])
    for name in ("count", "infinite", "infinite_signs", "minimum", "maximum"):
        np.testing.assert_array_equal(getattr(m, name), getattr(exact, name), name)
    np.testing.assert_array_equal(m.pair_count, exact.pair_count)
    for verb in ("variance", "covariance", "correlation", "mean"):
        found, wanted = getattr(m, verb)(), getattr(exact, verb)()
        assert (np.isnan(found) >= np.isnan(wanted)).all(), verb


@pytest.mark.parametrize("share", [0.0, 0.01, 0.6])
@pytest.mark.parametrize("d", [1, 2, 3, 10, 33, 64])
@pytest.mark.parametrize("offset", [0.0, 5.0])
def test_covariance_is_the_exact_one_to_twelve_digits(d, share, offset):
    rng = np.random.default_rng([d, int(100 * share), int(offset)])
    x = gaps(rng, rng.normal(offset, 1.0, (1500, d)), share)
    groups = rng.integers(-1, 3, len(x))
    m = FloatMoments.from_block(x, groups, 3, center=np.zeros(d))
    exact = GroupMoments.from_block(x, groups, 3)
    np.testing.assert_array_equal(m.pair_count, exact.pair_count)
    sd = np.sqrt(exact.variance())
    scale = sd[:, :, None] * sd[:, None, :]
    for verb, size in (
        ("mean", sd),
        ("variance", sd * sd),
        ("covariance", scale),
        ("correlation", np.ones_like(scale)),
        ("total", len(x) * sd),
    ):
        error = np.abs(getattr(m, verb)() - getattr(exact, verb)())
        assert (error <= 1e-12 * size).all(), verb
    assert not m.ill_conditioned().any()


@pytest.mark.parametrize("offset", [1e2, 1e4, 1e6, 1e8])
def test_far_from_the_centre_the_error_is_the_documented_one(offset):
    rng = np.random.default_rng(int(offset))
    x = gaps(rng, rng.normal(offset, 1.0, (4000, 4)), 0.02)
    exact = one_exact(x).covariance()[0]
    far = one_group(x)
    near = one_group(x, center=FloatMoments.center_from(x))
    assert (far.ill_conditioned() == (offset > 1e3)).all()
    error = np.abs(far.covariance()[0] - exact)
    assert (error <= 8 * EPSILON * (1 + offset**2)).all()
    assert (error > 1e-12).any()
    assert (np.abs(near.covariance()[0] - exact) <= 1e-12).all()
    assert (near.condition() < 0.02).all()
    if offset == 1e8:
        assert np.isnan(far.correlation()).all()
    else:
        np.testing.assert_allclose(far.condition(), offset**2, rtol=0.1)
    np.testing.assert_allclose(
        near.correlation(), one_exact(x).correlation(), rtol=0, atol=1e-12
    )


def one_exact(x: NDArray[np.floating]) -> GroupMoments:
    return GroupMoments.from_block(x, np.zeros(len(x), dtype=np.int64), 1)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.97])
def test_missing_values_as_pandas_has_them(share):
    rng = np.random.default_rng(11)
    mixed = rng.normal(size=(2000, 6)) @ rng.normal(size=(6, 6))
    x = gaps(rng, mixed * 10.0 ** np.arange(-3, 3) + 7.0, share)
    m, frame = one_group(x, center=FloatMoments.center_from(x)), pd.DataFrame(x)
    scale = np.sqrt(np.outer(frame.var(), frame.var()))
    np.testing.assert_allclose(
        m.covariance()[0] / scale, frame.cov().to_numpy() / scale, rtol=0, atol=1e-12
    )
    np.testing.assert_allclose(
        m.correlation()[0], frame.corr().to_numpy(), rtol=0, atol=1e-12
    )
    assert np.nanmax(np.abs(m.correlation())) <= 1.0


def test_features_that_hardly_ever_meet_keep_their_digits():
    """A sum over two shared rows is not the difference of two sums over thousands."""
    rng = np.random.default_rng(5)
    x = np.column_stack([rng.normal(1e3, 1.0, 6000), np.full(6000, nan)])
    x[[600, 4000]] = [[0.25, 3.0], [0.75, 1.0]]
    m, exact = one_group(x), one_exact(x)
    assert m.pair_count[0, 0, 1] == 2
    assert m.covariance()[0, 0, 1] == exact.covariance()[0, 0, 1] == -0.5
    assert m.correlation()[0, 0, 1] == pytest.approx(-1.0, abs=1e-15)


def test_features_that_never_meet_leave_no_rounding_behind():
    apart = np.where(np.arange(6000)[:, None] % 2, [nan, 1.1], [1.3, nan])
    state = one_group(apart).to_arrays()
    assert state["pair_count"][0, 0, 1] == state["sums"][0, 0, 1] == 0.0


@pytest.mark.parametrize("bias", [True, False])
def test_skewness_and_kurtosis_are_those_of_scipy_and_pandas(bias):
    rng = np.random.default_rng(3)
    x = gaps(rng, rng.gamma(2.0, 3.0, (1300, 5)) + 20.0, 0.1)
    groups = rng.integers(0, 2, len(x))
    center = FloatMoments.center_from(x)
    m = FloatMoments.from_block(x, groups, 2, center=center, higher=True)
    for g in range(2):
        rows = x[groups == g]
        options = {"bias": bias, "nan_policy": "omit"}
        skew = scipy.stats.skew(rows, **options)
        np.testing.assert_allclose(m.skewness(bias=bias)[g], skew, rtol=1e-11)
        kurtosis = scipy.stats.kurtosis(rows, **options)
        np.testing.assert_allclose(m.kurtosis(bias=bias)[g], kurtosis, rtol=1e-11)
        if not bias:
            frame = pd.DataFrame(rows)
            np.testing.assert_allclose(m.skewness(bias=bias)[g], frame.skew())
            np.testing.assert_allclose(m.kurtosis(bias=bias)[g], frame.kurt())


def test_higher_moments_of_few_rows():
    """By hand: of 0, 0, 3 about their mean 1, m2 = 2, m3 = 2 and m4 = 6."""
    m = one_group(np.array([[0.0, 1.0], [0.0, nan], [3.0, 2.0]]), higher=True)
    np.testing.assert_allclose(m.skewness(), [[2.0**-0.5, 0.0]])
    np.testing.assert_allclose(m.kurtosis(), [[-1.5, -2.0]])
    adjusted = 2.0**-0.5 * 6.0**0.5
    np.testing.assert_allclose(m.skewness(bias=False), [[adjusted, nan]])
    assert np.isnan(m.kurtosis(bias=False)).all()
    plain = one_group(np.zeros((3, 1)))
    for verb in ("skewness", "kurtosis"):
        with pytest.raises(Incompatible, match=f"FloatMoments.{verb}: third and"):
            getattr(plain, verb)()


def test_infinities_are_counted_and_kept_out_of_the_sums():
    x = np.array([[inf, 1.0, 1.0], [2.0, 2.0, nan], [-inf, inf, 3.0], [4.0, 4.0, 2.0]])
    m = one_group(x, higher=True)
    assert m.infinite.tolist() == [[2, 1, 0]]
    assert m.count.tolist() == [[4, 4, 3]]
    np.testing.assert_equal(m.mean(), [[nan, inf, 2.0]])
    np.testing.assert_equal(m.total(), [[nan, inf, 6.0]])
    np.testing.assert_equal(m.variance(), [[nan, nan, 1.0]])
    for found in (m.covariance()[0], m.correlation()[0]):
        assert np.isnan(found).sum() == 8
        assert found[2, 2] == 1.0
    for found in (m.skewness()[0], m.kurtosis()[0]):
        assert np.isnan(found).tolist() == [True, True, False]
    assert m.minimum.tolist() == [[-inf, 1.0, 1.0]]
    assert m.maximum.tolist() == [[inf, inf, 3.0]]


def test_a_constant_feature_varies_by_nothing():
    """Far from the centre, rounding would give it a variance and correlations."""
    rng = np.random.default_rng(8)
    x = np.column_stack([np.full(999, 0.1), rng.normal(size=999)])
    m = one_group(x, center=np.array([7.0, 0.0]), higher=True)
    assert m.variance()[0, 0] == m.condition()[0, 0] == 0.0
    assert m.covariance()[0, 0].tolist() == [0.0, 0.0]
    assert np.isnan(m.correlation()[0]).tolist() == [[True, True], [True, False]]
    for found in (m.skewness(), m.kurtosis()):
        assert np.isnan(found).tolist() == [[True, False]]


def test_values_whose_squares_overflow_give_no_number_and_no_warning():
    m = one_group(np.array([[1e200, 1.0], [-1e200, 2.0], [3e200, 3.0]]), higher=True)
    assert not np.isfinite(m.variance()[0, 0])
    assert m.merge(m).variance()[0, 1] == pytest.approx(0.8)
    for found in (m.covariance(), m.correlation(), m.skewness(), m.kurtosis()):
        assert not np.isfinite(found[0].ravel()[0])
    assert (m.minimum[0, 0], m.maximum[0, 0]) == (-1e200, 3e200)


def test_nothing_seen_is_nan_with_a_count_of_zero():
    none = np.zeros(0, dtype=np.int64)
    m = FloatMoments.from_block(
        np.zeros((0, 2)), none, 3, center=np.ones(2), higher=True
    )
    assert m.count.tolist() == [[0, 0]] * 3
    assert m.total().tolist() == [[0.0, 0.0]] * 3
    verbs = ("mean", "variance", "covariance", "correlation", "skewness", "kurtosis")
    for found in (getattr(m, verb)() for verb in verbs):
        assert np.isnan(found).all()
    assert np.isnan(m.minimum).all()
    assert np.isnan(m.condition()).all()
    assert not m.ill_conditioned().any()
    assert repr(m) == "FloatMoments: n=0 | groups=3 | features=2"


def test_interval_of_the_mean_is_students():
    lower, upper = one_group(np.array([[1.0], [2.0], [3.0]])).mean_interval()
    np.testing.assert_allclose([lower[0, 0], upper[0, 0]], [-0.48413771, 4.48413771])
