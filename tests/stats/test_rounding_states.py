"""Every figure of a state of moments against Python's integers, bit by bit."""

from dataclasses import replace
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from numpy.typing import NDArray

from stats.limbs import PRODUCT_UNIT, SUM_UNIT, Limbs
from stats.moment_pairs import PairSums
from stats.moments import GroupMoments
from stats.rounding import quotients
from tests.strategies import block_triples

Floats = NDArray[np.float64]


def by_integers(limbs: Limbs, counts: NDArray[np.int64], unit: int) -> Floats:
    exponent = unit + 32 * limbs.base
    return quotients(limbs.integers(), counts.ravel().tolist(), exponent)


def symmetric(m: GroupMoments, upper: Floats) -> Floats:
    """Every group's upper triangle as a matrix; NaN where a value is infinite."""
    out, place = np.empty((m.n_groups, m.d, m.d)), 0
    for g in range(m.n_groups):
        for i in range(m.d):
            for j in range(i, m.d):
                out[g, i, j] = out[g, j, i] = upper[place]
                if m.infinite[g, i] or m.infinite[g, j]:
                    out[g, i, j] = out[g, j, i] = nan
                place += 1
    return out


def pairs_of(m: GroupMoments) -> PairSums:
    i, j = np.triu_indices(m.d)
    count = np.array([k[i, j] for k in m.pair_count], dtype=np.int64).ravel()
    diagonal = np.flatnonzero(np.tile(i == j, m.n_groups))
    own = Limbs(m.products.words[diagonal], m.products.base)
    return PairSums(m.d, count, m.sums, m.gaps, m.products, own, m.squares)


def same_bits(found: Floats, expected: Floats) -> None:
    """Equal bits; any NaN is a NaN."""
    one, two = (np.where(np.isnan(x), nan, x) for x in (found, expected))
    np.testing.assert_array_equal(one.view(np.uint64), two.view(np.uint64))


def check(m: GroupMoments) -> None:
    pairs, every = pairs_of(m), np.arange(len(pairs_of(m).counts))
    shape, ones = (m.n_groups, m.d), np.ones(len(every), dtype=np.int64)
    finite = m.infinite == 0
    for count, found in ((np.ones(shape, np.int64), m.total()), (m.count, m.mean())):
        expected = by_integers(m.sums, count, SUM_UNIT).reshape(shape)
        same_bits(found[finite], expected[finite])
    product = by_integers(m.products, ones, PRODUCT_UNIT)
    same_bits(m.product_total(), symmetric(m, product))
    for ddof in (0, 1, 2):
        expected = symmetric(m, pairs.covariances_by_integers(ddof, every))
        same_bits(m.covariance(ddof), expected)
        same_bits(m.variance(ddof), np.einsum("gii->gi", expected).copy())
    expected = symmetric(m, pairs.correlations_by_integers(every))
    same_bits(m.correlation(), expected)


@given(block_triples())
def test_reachable_states_of_all_kinds(blocks):
    x, groups, n_groups = blocks[0]
    check(GroupMoments.from_block(x, groups, n_groups))


SCALES = {
    "near one": (-2, 2),
    "squares are subnormal": (-545, -510),
    "squares are too small": (-1074, -500),
    "squares are too large": (400, 1023),
    "everywhere": (-1040, 1000),
}


@pytest.mark.parametrize("missing", [0.0, 0.15])
@pytest.mark.parametrize("scale", SCALES)
def test_states_of_many_groups(scale, missing):
    rng = np.random.default_rng(list(SCALES).index(scale))
    for each in (1, 4):  # one scale for a feature, or one for a value
        x = rng.normal(size=(120, 4)) @ rng.normal(size=(4, 4))
        size = (1, 4) if each == 1 else (120, 4)
        x *= 2.0 ** rng.integers(*SCALES[scale], size)
        x[rng.random(x.shape) < missing] = nan
        x[rng.random(x.shape) < missing / 30] = inf
        m = GroupMoments.from_block(x, rng.integers(0, 12, 120), 14)
        check(m)
        alone = GroupMoments.from_block(x[:, :1], np.zeros(120, np.int64), 1)
        check(alone.merge(alone).subtract(alone))


def test_states_of_float32_and_of_one_line():
    rng = np.random.default_rng(9)
    x = rng.normal(50, 3, (300, 3)).astype(np.float32)
    x[:, 2] = -2 * x[:, 0]
    m = GroupMoments.from_block(x, rng.integers(0, 9, 300), 9)
    check(m)
    same_bits(m.correlation()[:, 0, 2], np.full(9, -1.0))


def test_results_cover_what_they_claim():
    """The scales above give subnormal, infinite, negative and tiny results."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(60, 4)) * 2.0 ** np.array([-530, -520, 600, 500])
    found = GroupMoments.from_block(x, np.zeros(60, np.int64), 1).covariance()
    size = np.abs(found)
    assert ((size > 0) & (size < np.finfo(np.float64).tiny)).any()
    assert np.isinf(found).any()
    assert (found < 0).any()


@pytest.mark.parametrize("count", [(1 << 32) - 1, 1 << 32, 1 << 33])
def test_counts_beyond_a_word(count):
    rng = np.random.default_rng(4)
    x = rng.normal(5, 1, (40, 2))
    x[3, 0] = nan
    m = GroupMoments.from_block(x, np.zeros(40, np.int64), 1)
    large = replace(m, pair_count=np.full_like(m.pair_count, count))
    check(large)
    assert np.isfinite(large.covariance()).all()
