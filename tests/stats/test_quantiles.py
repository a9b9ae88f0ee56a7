"""Counts in relative bins: the laws, the guaranteed error, equal bytes for any plan."""

from fractions import Fraction
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats as distributions_of

from stats.quantile_results import bin_values
from stats.quantiles import GroupQuantiles
from stats.summary import merge_all
from tests.laws import check_laws, same_bytes
from tests.strategies import Block, block_triples, join_blocks, values

_SHARES = np.array(
    [0.0, 0.001, 0.01, 0.05, 0.25, 1 / 3, 0.5, 0.75, 0.95, 0.99, 0.999, 1.0]
)
_LARGEST = float(np.finfo(np.float64).max)


def build(block: Block) -> GroupQuantiles:
    return GroupQuantiles.from_block(block.values, block.groups, block.n_groups)


def one_group(x: NDArray[np.float64], *, error: float = 0.005) -> GroupQuantiles:
    groups = np.zeros(len(x), dtype=np.int64)
    return GroupQuantiles.from_block(x[:, None], groups, 1, relative_error=error)


def rounded(x: float, m: int) -> Fraction:
    """|x| with m bits after the leading one, ties away from zero, in rationals."""
    exact = abs(Fraction(x))
    unit = Fraction(1)
    while exact >= unit * 2 ** (m + 1):
        unit *= 2
    while exact < unit * 2**m:
        unit /= 2
    return Fraction((exact / unit + Fraction(1, 2)).__floor__()) * unit


def test_laws():
    check_laws(block_triples(), build, join_blocks, GroupQuantiles.from_arrays)


@given(st.data())
def test_every_value_is_counted_at_its_rounded_number(data):
    x = data.draw(values(5, 1))[:, 0]
    m = data.draw(st.sampled_from([4, 7, 13]))
    q = one_group(x, error=max(1e-4, 1.0 / (2 ** (m + 1) + 1)))
    assert q.mantissa_bits == m
    expected: dict[float, int] = {}
    for value in x[~np.isnan(x)].tolist():
        number = value
        if value != 0 and abs(value) != inf:
            number = float(min(rounded(value, m), Fraction(_LARGEST)))
            number = -number if value < 0 else number
        expected[number + 0.0] = expected.get(number + 0.0, 0) + 1
    numbers = bin_values(q.bins, m).tolist()
    assert numbers == sorted(expected)
    assert q.counts.tolist() == [expected[number] for number in numbers]


_MANY = 20_000


def distributions() -> dict[str, NDArray[np.float64]]:
    rng = np.random.default_rng(20)
    half = rng.uniform(0.5, 1.0, _MANY)
    edges = 1.0 + (2 * rng.integers(0, 128, _MANY) + 1) / 256
    return {
        "normal": rng.normal(size=_MANY),
        "lognormal": np.exp(3.0 * rng.normal(size=_MANY)),
        "uniform": rng.uniform(size=_MANY),
        "negative": -rng.gamma(0.3, size=_MANY),
        "mixed sign": 3.0 + rng.normal(size=_MANY),
        "Cauchy": rng.standard_cauchy(_MANY),
        "integers": rng.poisson(40.0, _MANY).astype(np.float64),
        "large integers": rng.integers(-(2**53), 2**53, _MANY).astype(np.float64),
        "constant": np.full(_MANY, 0.1),
        "zeros": np.where(rng.random(_MANY) < 0.7, 0.0, rng.normal(size=_MANY)),
        "denormal": rng.integers(-(2**52), 2**52, _MANY) * 5e-324,
        "small denormal": rng.integers(-3000, 3000, _MANY) * 5e-324,
        "float32 denormal": rng.integers(-(2**23), 2**23, _MANY) * 2.0**-149,
        "every exponent": np.ldexp(half, rng.integers(-1074, 1025, _MANY)),
        "largest": _LARGEST * rng.uniform(0.98, 1.0, _MANY),
        "bin edges": np.nextafter(edges, 2.0 * rng.integers(0, 2, _MANY)),
        "infinite": np.where(half < 0.6, -np.inf, np.where(half < 0.7, inf, half)),
    }


DISTRIBUTIONS = distributions()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_quantiles_are_within_the_stated_error(name, dtype):
    with np.errstate(over="ignore", under="ignore"):
        x = DISTRIBUTIONS[name].astype(dtype)
    expected = np.quantile(x, _SHARES, method="inverted_cdf").tolist()
    for error in (0.05, 0.005, 1e-4):
        q = one_group(x, error=error)
        bound = Fraction(1, 2 ** (q.mantissa_bits + 1) + 1)
        assert bound <= error
        assert q.quantile_error == float(bound)
        actual = q.quantile(_SHARES)[:, 0, 0].tolist()
        for one, two in zip(expected, actual, strict=True):
            if abs(one) == inf:
                assert two == one
            else:
                off = abs(Fraction(two) - Fraction(one))
                assert off <= bound * abs(Fraction(one))


def test_a_quantile_is_the_value_of_its_rank():
    state = one_group(np.arange(10.0, 0.0, -1.0))
    found = state.quantile([[0.0, 0.1, 0.11], [0.5, 0.51, 0.95]])
    assert found.shape == (2, 3, 1, 1)
    assert found.ravel().tolist() == [1.0, 1.0, 2.0, 5.0, 6.0, 10.0]


def test_the_stated_error_is_reached():
    q = one_group(np.array([1.0 + 2.0**-8]))
    found = Fraction(float(q.quantile(0.5)[0, 0]))
    value = Fraction(1.0 + 2.0**-8)
    assert (found - value) / value == Fraction(1, 257)


def test_a_thousand_parts_in_any_order_and_tree_give_the_same_bytes():
    rng = np.random.default_rng(7)
    x = np.exp(2 * rng.normal(size=(6_000, 2))) * rng.choice([-1, 1], (6_000, 2))
    x[rng.random(x.shape) < 0.05] = nan
    groups = rng.integers(-1, 5, len(x))
    whole = build(Block(x, groups, 5))
    for _ in range(3):
        order = rng.permutation(len(x))
        cuts = np.sort(rng.integers(0, len(x), 1_000))
        parts = [build(Block(x[i], groups[i], 5)) for i in np.split(order, cuts)]
        assert len(parts) > 1_000
        while len(parts) > 1:
            fan = int(rng.integers(2, 17))
            rng.shuffle(parts)  # type: ignore[arg-type]  # a list may be shuffled
            parts = [merge_all(parts[i : i + fan]) for i in range(0, len(parts), fan)]
        same_bytes(whole, parts[0])


@given(block_triples())
def test_a_level_above_equals_its_own_rows(blocks):
    x, groups, n = join_blocks(blocks[0], blocks[1])
    parent = np.arange(n) % 2
    above = np.where(groups >= 0, parent[groups], -1)
    expected = GroupQuantiles.from_block(x, above, 2)
    state = GroupQuantiles.from_block(x, groups, n)
    same_bytes(expected, state.rollup(parent, 2))


@given(block_triples(), st.lists(st.integers(0, 2), max_size=4))
def test_groups_are_taken_in_the_order_asked_for(blocks, wanted):
    state = build(blocks[0])
    at = np.array([i for i in wanted if i < state.n_groups], dtype=np.int64)
    taken = state.take(at)
    assert taken.n_groups == len(at)
    for i, group in enumerate(at):
        own = blocks[0].values[blocks[0].groups == group]
        alone = GroupQuantiles.from_block(own, np.zeros(len(own), dtype=int), 1)
        same_bytes(alone, taken.take(np.array([i])))


_THRESHOLDS = [-inf, -1.0, -5e-324, 0.0, 1e-300, 1.5, 2.0, 1e9, inf]


@given(block_triples())
def test_ranks_of_a_threshold_enclose_the_count(blocks):
    block = blocks[0]
    state = build(block)
    near = np.unique(block.values[~np.isnan(block.values)])
    with np.errstate(over="ignore"):
        above = np.nextafter(near, inf)
    x = np.concatenate([_THRESHOLDS, near, above])[:, None, None]
    rows = block.values[block.groups >= 0]
    member = np.arange(block.n_groups)[:, None] == block.groups[block.groups >= 0]
    exact = np.einsum("gn,tnd->tgd", member.astype(int), (rows <= x).astype(int))
    lower, upper = state.rank_bounds(x)
    assert (lower <= exact).all()
    assert (exact <= upper).all()
    with np.errstate(invalid="ignore", over="ignore"):  # differences of the largest
        beside = np.abs(rows - x) <= 2 * state.quantile_error * np.abs(x)
    with_x = np.einsum("gn,tnd->tgd", member.astype(int), beside.astype(int))
    finite = np.isfinite(x) & (np.abs(x) < _LARGEST)
    assert (((upper - lower) <= with_x) | ~finite).all()
    n = np.where(state.count > 0, state.count, nan)
    for share, rank in zip(state.cdf(x), (lower, upper), strict=True):
        np.testing.assert_array_equal(share, rank / n)


def test_ranks_are_exact_where_a_bin_ends():
    state = one_group(np.array([-inf, -2.0, -0.0, 0.0, 1.0, 1.001, inf]))
    lower, upper = state.rank_bounds(np.array([-inf, 0.0, 1.0005, 1.002, inf])[:, None])
    assert lower.ravel().tolist() == [1, 4, 4, 4, 7]
    assert upper.ravel().tolist() == [1, 4, 6, 6, 7]
    last = 1.0 + 2.0**-8 - 2.0**-52
    assert [int(r[0, 0]) for r in state.rank_bounds(last)] == [6, 6]


def test_nothing_seen_is_nan():
    state = one_group(np.array([nan, nan]))
    assert state.count.tolist() == [[0]]
    assert np.isnan(state.quantile([0.0, 0.5])).all()
    assert state.quantile(0.5).shape == (1, 1)
    assert np.isnan(state.quantile_interval(0.5)).all()
    assert np.isnan(state.cdf(1.0)).all()
    assert [rank.tolist() for rank in state.rank_bounds(1.0)] == [[[0]], [[0]]]


def test_interval_is_that_of_order_statistics():
    # Ten rows: P(B < 2) = 0.0107 and P(B >= 9) = 0.0107 for B ~ binomial(10, 1/2).
    state = one_group(np.arange(1.0, 11.0))
    lower, upper = state.quantile_interval([0.5, 0.0, 1.0])
    assert lower.ravel().tolist()[:2] == [2.0 - 2.0**-8, -inf]
    assert upper.ravel().tolist()[::2] == [np.nextafter(9.0 + 2.0**-5, 0.0), inf]
    none = state.quantile_interval(0.5, level=0.9999)
    assert [float(side[0, 0]) for side in none] == [-inf, inf]


@pytest.mark.slow
@pytest.mark.parametrize("draw", ["normal", "lognormal", "poisson"])
@pytest.mark.parametrize("n", [8, 60, 400])
def test_interval_covers_as_often_as_it_says(draw, n):
    rng = np.random.default_rng(n)
    runs, shares = 20_000, np.array([0.05, 0.5, 0.9])
    if draw == "normal":
        x, truth = rng.normal(10, 3, (runs, n)), distributions_of.norm(10, 3)
    elif draw == "lognormal":
        x, truth = rng.lognormal(0, 1, (runs, n)), distributions_of.lognorm(1)
    else:
        x, truth = rng.poisson(5.0, (runs, n)), distributions_of.poisson(5.0)
    state = GroupQuantiles.from_block(x[:, :, None], np.arange(runs), runs)
    lower, upper = state.quantile_interval(shares, 0.9)
    true = truth.ppf(shares)[:, None, None]
    covered = ((lower <= true) & (true <= upper)).mean(axis=(1, 2))
    # Four standard errors of a share of 20,000 runs.
    assert (covered >= 0.9 - 4 * np.sqrt(0.9 * 0.1 / runs)).all()
    if draw != "poisson":  # ties widen the interval
        assert covered[1] <= 0.97
