"""Sums of standardised series against brute force over all pairs, and as a summary."""

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import strategies as st

from stats.hierarchy import Hierarchy
from stats.series_sums import SeriesSums
from stats.summary import Incompatible, InvalidInput
from tests.laws import check_laws


def naive(x, groups, n_groups):
    """Every pair by itself: the mean weighted by overlap, within and between groups."""
    y, seen = np.zeros(x.shape), np.isfinite(x)
    for a in range(len(x)):
        own = x[a, seen[a]]
        if len(own) and own.min() < own.max():
            y[a, seen[a]] = (own - own.mean()) / own.std()
        else:
            seen[a] = False
    products, overlap = y @ y.T, seen.astype(float) @ seen.T
    np.fill_diagonal(products, 0.0)
    np.fill_diagonal(overlap, 0.0)
    found = np.full((n_groups, n_groups), np.nan)
    for g in range(n_groups):
        for h in range(n_groups):
            block = np.ix_(groups == g, groups == h)
            if overlap[block].sum() > 0:
                found[g, h] = products[block].sum() / overlap[block].sum()
    return found


def _series(n, steps, *, gaps=0.0, seed=0, offset=0.0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, steps)) + 0.4 * rng.standard_normal(steps)
    x = x * 10.0 ** rng.uniform(-2, 2, (n, 1)) + offset
    x[rng.random(x.shape) < gaps] = np.nan
    return x, rng.integers(-1, 4, n)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("gaps", [0.0, 0.02, 0.5])
@pytest.mark.parametrize(
    ("n", "steps"), [(1, 1), (7, 2), (60, 7), (300, 64), (40, 365)]
)
def test_means_equal_those_of_all_pairs(n, steps, gaps, dtype):
    x, groups = _series(n, steps, gaps=gaps, seed=n)
    x = x.astype(dtype)
    x[n // 2] = 3.0
    state = SeriesSums.from_block(x, groups, 5)
    expected = naive(x.astype(np.float64), groups, 5)
    np.testing.assert_allclose(state.between(), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(state.within(), np.diag(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("gaps", [0.0, 0.05])
def test_five_thousand_series_agree_to_the_twelfth_digit(gaps):
    x, groups = _series(5_000, 64, gaps=gaps, seed=5)
    found = SeriesSums.from_block(x, groups, 4).between()
    np.testing.assert_allclose(found, naive(x, groups, 4), rtol=0, atol=1e-12)


def test_without_gaps_it_is_the_mean_of_pearson_correlations():
    x, _ = _series(50, 30)
    r = np.corrcoef(x)
    state = SeriesSums.from_block(x, np.zeros(50, int), 1)
    np.testing.assert_allclose(
        state.within(), r[np.triu_indices(50, 1)].mean(), rtol=0, atol=1e-13
    )
    assert state.observed == 1.0


def test_far_from_zero_it_is_as_right_as_the_numbers_allow():
    x, groups = _series(40, 64, offset=1e8)
    x = 1e8 + np.rint((x - 1e8) * 1e4) / 2**20
    assert np.abs(x.mean(axis=1) / x.std(axis=1)).min() > 1e6
    centred = np.array(
        [
            [float(Fraction(v) - sum(map(Fraction, row)) / 64) for v in row.tolist()]
            for row in x
        ]
    )
    found = SeriesSums.from_block(x, groups, 4).between()
    np.testing.assert_allclose(found, naive(centred, groups, 4), rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-320, 1e-200, 1e-160, 1e160, 1e305])
def test_magnitude_does_not_matter(scale):
    whole = np.rint(_series(9, 20)[0])
    whole[3, 4] = np.nan
    x = whole * scale
    plain = whole if scale > 1e-300 else x / 5e-324
    found = SeriesSums.from_block(x, np.zeros(9, int), 1)
    expected = SeriesSums.from_block(plain, np.zeros(9, int), 1)
    assert found.n.tolist() == expected.n.tolist()
    assert found.n[0] > 2
    np.testing.assert_allclose(found.within(), expected.within(), atol=1e-12)


def test_constant_is_decided_by_comparing_values():
    x = np.full((6, 20), 0.1)
    x[1, 7] = np.nextafter(0.1, 1)
    x[2] = np.nan
    x[3, 1:] = np.nan
    x[4, :3] = np.inf
    x[5] = -1e308, *[1e308] * 19
    state = SeriesSums.from_block(x, np.arange(6), 6)
    assert state.n.tolist() == [0, 1, 0, 0, 0, 1]
    assert state.constant.tolist() == [1, 0, 0, 1, 1, 0]
    assert state.no_data.tolist() == [0, 0, 1, 0, 0, 0]
    np.testing.assert_allclose((state.sums**2).sum(axis=1)[[1, 5]], 20, rtol=1e-13)
    assert "n=2 | groups=6 | steps=20 | constant=3 | no data=1" in repr(state)


def test_levels_come_from_sums_of_the_level_below():
    x, _ = _series(120, 30, gaps=0.1)
    team = np.arange(120) // 10
    levels = Hierarchy(("team", "site"), (np.arange(12) // 4,))
    teams = SeriesSums.from_block(x, team, 12)
    sites = levels.rollup(teams, "site")
    for state, groups, n_groups in (
        (SeriesSums.from_block(x, np.arange(120), 120).rollup(team, 12), team, 12),
        (sites, team // 4, 3),
        (sites.rollup([0, 0, 0], 1), np.zeros(120), 1),
    ):
        expected = naive(x, groups, n_groups)
        np.testing.assert_allclose(state.between(), expected, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(
        teams.take([7, 2]).between()[0, 1],
        teams.take([2, 7]).between()[1, 0],
    )
    np.testing.assert_allclose(teams.take([7, 2]).n, 10)


@pytest.mark.parametrize("lag", [0, 1, -3])
def test_who_leads_whom(lag):
    x, groups = _series(30, 25, gaps=0.1)
    groups = np.maximum(groups, 0)
    y = np.zeros(x.shape)
    for a, row in enumerate(x):
        y[a] = np.nan_to_num((row - np.nanmean(row)) / np.nanstd(row))
    seen = np.isfinite(x)
    found = SeriesSums.from_block(x, groups, 4).lagged(lag)
    pairs = [(t, t + lag) for t in range(25) if 0 <= t + lag < 25]
    for g, h in ((0, 1), (3, 2)):
        ours, theirs = groups == g, groups == h
        top = sum((y[ours, s, None] * y[theirs, t]).sum() for s, t in pairs)
        overlap = sum(seen[ours, s].sum() * seen[theirs, t].sum() for s, t in pairs)
        np.testing.assert_allclose(found[g, h], top / overlap, atol=1e-12)
    assert np.isnan(np.diag(found)).all()


def test_laws():
    def build(block):
        return SeriesSums.from_block(*block, 3)

    def join(one, two):
        return tuple(np.concatenate(parts) for parts in zip(one, two, strict=True))

    @st.composite
    def block(draw):
        n = draw(st.integers(0, 5))
        rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        x = rng.standard_normal((n, 11)) * 10.0 ** rng.integers(-3, 9, (n, 1))
        x[rng.random(x.shape) < draw(st.sampled_from([0.0, 0.3]))] = np.nan
        x[rng.random(n) < 0.2] = draw(st.sampled_from([np.nan, 0.0, -0.0, 7.0]))
        return x, rng.integers(-1, 3, n)

    def close(one, two):
        np.testing.assert_array_equal(one.steps, two.steps)
        np.testing.assert_array_equal(one.counts, two.counts)
        np.testing.assert_allclose(one.sums, two.sums, rtol=0, atol=1e-12)

    check_laws(
        st.tuples(block(), block(), block()),
        build,
        join,
        SeriesSums.from_arrays,
        same=close,
    )


@pytest.mark.parametrize(
    "change",
    [
        np.asfortranarray,
        lambda x: np.repeat(x, 2, axis=1)[:, ::2],
        lambda x: x.astype(">f8"),
        lambda x: x.tolist(),
    ],
)
def test_layout_changes_no_bit(change):
    x, groups = _series(50, 21, gaps=0.05)
    expected = SeriesSums.from_block(x, groups, 4).digest()
    assert SeriesSums.from_block(change(x), groups, 4).digest() == expected


def test_whole_numbers_and_blocks_of_conversion():
    x = np.random.default_rng(0).integers(0, 9, (40_000, 20)).astype(np.int16)
    groups = np.arange(40_000) % 3
    found = SeriesSums.from_block(x, groups, 3)
    assert found.digest() == SeriesSums.from_block(x.astype(float), groups, 3).digest()


@pytest.mark.parametrize("gaps", [0.0, 0.1])
def test_nothing_of_the_size_of_the_data_is_made(gaps):
    x, _ = _series(100_000, 16, gaps=gaps)
    groups = np.arange(100_000) % 50
    tracemalloc.start()
    SeriesSums.from_block(x, groups, 50).between()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < x.nbytes / 20


def test_what_does_not_fit_is_refused():
    state = SeriesSums.from_block(np.zeros((2, 5)), [0, 0], 1)
    with pytest.raises(Incompatible, match=r"\(1, 5\) and \(1, 4\)"):
        state.merge(SeriesSums.from_block(np.zeros((2, 4)), [0, 0], 1))
    with pytest.raises(InvalidInput, match=r"\(3,\) int64 do not fit"):
        SeriesSums.from_block(np.zeros((2, 5)), [0, 0, 0], 1)
    with pytest.raises(InvalidInput, match="groups from 0 to 1 for 1"):
        SeriesSums.from_block(np.zeros((2, 5)), [0, 1], 1)
    with pytest.raises(InvalidInput, match="float64 do not fit"):
        SeriesSums.from_block(np.zeros((1, 5)), [0.5], 1)
    with pytest.raises(InvalidInput, match="dtype complex128"):
        SeriesSums.from_block(np.zeros((1, 5), complex), [0], 1)
    with pytest.raises(InvalidInput, match=r"SeriesSums\.rollup: .*from 2 to 2"):
        state.rollup([2], 1)
    with pytest.raises(InvalidInput, match="lag 5 for 5 steps"):
        state.lagged(5)
    with pytest.raises(Incompatible, match="counts"):
        SeriesSums.from_arrays({"sums": state.sums, "steps": state.steps})
