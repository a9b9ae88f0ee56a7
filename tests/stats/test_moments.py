"""Exact moments of groups against rationals, entry by entry, and pandas."""

from fractions import Fraction
from math import inf, nan

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from numpy.typing import NDArray

from stats.moments import GroupMoments
from stats.summary import Incompatible, merge_all
from tests.laws import check_laws, same_bytes
from tests.strategies import Block, block_triples, join_blocks

_ZERO = np.zeros(1, dtype=np.int64)


def build(block: Block) -> GroupMoments:
    return GroupMoments.from_block(*block)


def diagonal(block: Block) -> GroupMoments:
    return GroupMoments.from_block(*block, pairs=False)


def one_group(x: NDArray[np.float64], *, pairs: bool = True) -> GroupMoments:
    groups = np.zeros(len(x), dtype=np.int64)
    return GroupMoments.from_block(x, groups, 1, pairs=pairs)


def rounded(value: Fraction) -> float:
    """The nearest float64."""
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf


def naive_pair(x: list[float], y: list[float]) -> tuple[int, Fraction, Fraction]:
    """Twin of the compiled code: n, Σxy and n Σxy - Σx Σy of the complete rows."""
    rows = [(a, b) for a, b in zip(x, y, strict=True) if np.isfinite([a, b]).all()]
    xs, ys = [Fraction(a) for a, _ in rows], [Fraction(b) for _, b in rows]
    n, products = (
        len(rows),
        sum((a * b for a, b in zip(xs, ys, strict=True)), Fraction()),
    )
    return n, products, n * products - sum(xs, Fraction()) * sum(ys, Fraction())


def assert_root_is_nearest(r: float, top: Fraction, square: Fraction) -> None:
    """r is the float64 nearest to top / sqrt(square): it lies between the midpoints."""
    size = abs(r)
    below, above = np.nextafter(size, 0), np.nextafter(size, 2)
    lower = (Fraction(size) + Fraction(float(below))) / 2
    upper = (Fraction(size) + Fraction(float(above))) / 2
    assert lower**2 * square <= top**2 <= upper**2 * square
    assert (r > 0) == (top > 0) or r == top == 0


@pytest.mark.parametrize("make", [build, diagonal])
def test_laws(make):
    check_laws(
        block_triples(),
        make,
        join_blocks,
        GroupMoments.from_arrays,
        forgotten=("minimum", "maximum"),
    )


@given(block_triples())
def test_every_entry_is_the_rational_answer_rounded_once(blocks):
    x, groups, n_groups = blocks[0]
    m, alone = build(blocks[0]), diagonal(blocks[0])
    covariance, product = m.covariance(), m.product_total()
    for g in range(n_groups):
        rows = x[groups == g]
        for i in range(x.shape[1]):
            column = rows[:, i].tolist()
            finite = [Fraction(v) for v in column if np.isfinite(v)]
            infinite = [v for v in column if np.isinf(v)]
            total, mean = sum(finite, Fraction()), nan
            if finite:
                mean = rounded(total / len(finite))
            if infinite:
                mean = sum(infinite)
            expected = sum(infinite) if infinite else rounded(total)
            for found in (m, alone):
                assert found.count[g, i] == len(finite) + len(infinite)
                assert found.infinite[g, i] == len(infinite)
                np.testing.assert_equal(found.total()[g, i], expected)
                np.testing.assert_equal(found.mean()[g, i], mean)
                np.testing.assert_equal(found.variance()[g, i], covariance[g, i, i])
            for j in range(x.shape[1]):
                other = rows[:, j].tolist()
                n, products, top = naive_pair(column, other)
                assert m.pair_count[g, i, j] == n
                wanted = rounded(top / (n * (n - 1))) if n > 1 else nan
                whole = rounded(products)
                if np.isinf(column).any() or np.isinf(other).any():
                    wanted = whole = nan
                np.testing.assert_equal(covariance[g, i, j], wanted)
                np.testing.assert_equal(product[g, i, j], whole)


@given(block_triples())
def test_correlation_is_rounded_once_and_never_above_one(blocks):
    x, groups, n_groups = blocks[0]
    correlation = build(blocks[0]).correlation()
    for g in range(n_groups):
        rows = x[groups == g]
        for i, j in np.ndindex(x.shape[1], x.shape[1]):
            one, two = rows[:, i], rows[:, j]
            r = float(correlation[g, i, j])
            both = np.isfinite(one) & np.isfinite(two)
            _, _, top = naive_pair(one.tolist(), two.tolist())
            _, _, u = naive_pair(one[both].tolist(), one[both].tolist())
            _, _, v = naive_pair(two[both].tolist(), two[both].tolist())
            if u == 0 or v == 0 or np.isinf([one, two]).any():
                assert np.isnan(r)
            else:
                assert abs(r) <= 1
                assert_root_is_nearest(r, top, u * v)


@given(block_triples())
def test_extremes_are_those_of_the_rows_with_one_zero(blocks):
    x, groups, n_groups = blocks[0]
    m = build(blocks[0])
    for g in range(n_groups):
        for i in range(x.shape[1]):
            seen = x[groups == g, i]
            seen = seen[~np.isnan(seen)] + 0.0
            np.testing.assert_equal(m.minimum[g, i], seen.min() if len(seen) else nan)
            np.testing.assert_equal(m.maximum[g, i], seen.max() if len(seen) else nan)
    assert not np.signbit(m.minimum[m.minimum == 0]).any()
    assert not np.signbit(m.maximum[m.maximum == 0]).any()


def test_a_negative_zero_is_the_same_extreme_as_a_positive_one():
    plus, minus = np.array([[0.0]]), np.array([[-0.0]])
    digests = {
        one_group(x).digest()
        for x in (np.concatenate([plus, minus]), np.concatenate([minus, plus]))
    }
    assert len(digests) == 1
    same_bytes(one_group(plus), one_group(minus))


def test_any_plan_gives_the_same_bytes():
    rng = np.random.default_rng(7)
    x = rng.normal(1e6, 1.0, (90, 3)) * 2.0 ** rng.integers(-60, 60, (90, 3))
    x[rng.random(x.shape) < 0.1] = np.nan
    groups = rng.integers(-1, 4, 90)
    whole = GroupMoments.from_block(x, groups, 4).digest()
    for _ in range(300):
        order = rng.permutation(90)
        cuts = np.sort(rng.integers(0, 91, rng.integers(0, 6)))
        parts = [
            GroupMoments.from_block(x[rows], groups[rows], 4)
            for rows in np.split(order, cuts)
        ]
        while len(parts) > 1:
            take = int(rng.integers(2, len(parts) + 1))
            rng.shuffle(parts)  # type: ignore[arg-type]  # a list of any objects
            parts = [merge_all(parts[:take]), *parts[take:]]
        assert parts[0].digest() == whole


def test_bits_do_not_remember_a_window_that_was_wide_once():
    narrow = one_group(np.array([[1.0], [3.0]]))
    wide = one_group(np.array([[1e300], [1e-300]]))
    back = narrow.merge(wide).subtract(wide)
    assert back.sums.words.shape == narrow.sums.words.shape
    assert back.variance().tobytes() == narrow.variance().tobytes()


def test_mean_far_above_sd_loses_nothing():
    rng = np.random.default_rng(0)
    noise = rng.integers(-4, 5, 3000) / 8
    shifted, plain = one_group((1e9 + noise)[:, None]), one_group(noise[:, None])
    assert shifted.variance()[0, 0] == plain.variance()[0, 0]


@pytest.mark.parametrize("missing", [0.0, 0.05, 0.6])
def test_missing_values_are_pairwise_complete_as_in_pandas(missing):
    rng = np.random.default_rng(5)
    x = rng.normal(50, 3, (400, 4)) @ rng.normal(size=(4, 4))
    x[rng.random(x.shape) < missing] = np.nan
    m, frame = one_group(x), pd.DataFrame(x)
    scale = np.sqrt(np.outer(frame.var(), frame.var()))
    np.testing.assert_allclose(
        m.covariance()[0] / scale, frame.cov().to_numpy() / scale, rtol=0, atol=1e-12
    )
    np.testing.assert_allclose(
        m.correlation()[0], frame.corr().to_numpy(), rtol=0, atol=1e-12
    )


def test_infinities_are_counted_and_kept_out_of_the_sums():
    x = np.array([[inf, 1.0], [2.0, 2.0], [-inf, inf], [4.0, 4.0]])
    m = one_group(x)
    assert m.infinite.tolist() == [[2, 1]]
    assert m.count.tolist() == [[4, 4]]
    np.testing.assert_equal(m.mean(), [[nan, inf]])
    assert np.isnan(m.covariance()).all()
    assert np.isnan(m.product_total()).all()
    assert np.isnan(m.correlation()).all()
    assert (m.minimum.tolist(), m.maximum.tolist()) == ([[-inf, 1.0]], [[inf, inf]])


def test_subtracted_extremes_stay_unknown_in_every_merge():
    """Once a merge after a subtraction took the other side's minimum for the truth."""
    a, b, c = (one_group(np.array([[v]])) for v in (1.0, 0.0, 5.0))
    left = a.merge(b).subtract(b)
    assert np.isnan(left.minimum[0, 0])
    assert left.maximum[0, 0] == 1.0
    for merged in (left.merge(c), c.merge(left), c.merge(left.rollup(_ZERO, 1))):
        assert np.isnan(merged.minimum[0, 0])
        assert merged.maximum[0, 0] == 5.0
    both = GroupMoments.from_block(np.array([[5.0], [1.0]]), np.array([0, 1]), 2)
    gone = GroupMoments.from_block(np.array([[0.0]]), np.array([1]), 2)
    halves = both.merge(gone).subtract(gone)
    np.testing.assert_equal(halves.minimum, [[5.0], [nan]])
    assert np.isnan(halves.rollup(np.array([0, 0]), 1).minimum[0, 0])
    assert halves.rollup(np.array([0, -1]), 1).minimum[0, 0] == 5.0
    same_bytes(left, left.empty().merge(left))


def test_subtracting_what_was_never_there_is_refused():
    a, b = one_group(np.array([[1.0]])), one_group(np.array([[1.0], [2.0]]))
    with pytest.raises(Incompatible, match="was not part of"):
        a.subtract(b)
    plus, minus = one_group(np.array([[inf]])), one_group(np.array([[-inf]]))
    with pytest.raises(Incompatible, match="was not part of"):
        plus.subtract(minus)


def test_without_pairs_the_diagonal_is_the_same_and_the_rest_refused():
    rng = np.random.default_rng(1)
    x, groups = rng.normal(size=(50, 4)), rng.integers(0, 3, 50)
    full = GroupMoments.from_block(x, groups, 3)
    small = GroupMoments.from_block(x, groups, 3, pairs=False)
    np.testing.assert_array_equal(small.variance(0), full.variance(0))
    np.testing.assert_array_equal(small.mean(), full.mean())
    for verb in ("covariance", "correlation", "product_total"):
        with pytest.raises(Incompatible, match=f"{verb}: products of different"):
            getattr(small, verb)()
    with pytest.raises(Incompatible, match="pairs"):
        small.merge(full)


def test_take_returns_groups_in_the_asked_order():
    rng = np.random.default_rng(2)
    x, groups = rng.normal(size=(60, 2)), rng.integers(0, 5, 60)
    m = GroupMoments.from_block(x, groups, 5)
    taken = m.take(np.array([3, 0, 3]))
    np.testing.assert_array_equal(taken.covariance(), m.covariance()[[3, 0, 3]])
    assert taken.take(np.array([1])).digest() == m.take(np.array([0])).digest()
    assert m.take(np.array([], dtype=np.int64)).n_groups == 0


def test_interval_of_the_mean_is_students():
    lower, upper = one_group(np.array([[1.0], [2.0], [3.0]])).mean_interval()
    np.testing.assert_allclose([lower[0, 0], upper[0, 0]], [-0.48413771, 4.48413771])


def test_nothing_seen_is_nan_with_a_count_of_zero():
    m = GroupMoments.from_block(np.zeros((0, 2)), np.zeros(0, dtype=np.int64), 3)
    assert m.count.tolist() == [[0, 0]] * 3
    assert m.total().tolist() == [[0.0, 0.0]] * 3
    for found in (m.mean(), m.variance(), m.covariance(), m.correlation(), m.minimum):
        assert np.isnan(found).all()
    assert repr(m) == "GroupMoments: n=0 | groups=3 | features=2"
