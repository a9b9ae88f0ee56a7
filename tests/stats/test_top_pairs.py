"""The most correlated pairs against sorting all of them."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats import pair_screen, top_pairs
from stats.series_sums import SeriesSums
from stats.summary import InvalidInput
from stats.top_pairs import top_correlated_pairs


def all_pairs(x, least=1):
    """Correlation of every pair over the steps that both have, pair by pair."""
    i, j = np.triu_indices(len(x), 1)
    r = np.full(len(i), np.nan)
    seen = np.isfinite(x)
    for p, (a, b) in enumerate(zip(i, j, strict=True)):
        own = x[a, seen[a]], x[b, seen[b]]
        both = seen[a] & seen[b]
        if min(map(len, own)) == 0 or both.sum() < least:
            continue
        if any(part.min() == part.max() for part in own):
            continue
        one, two = (
            (row - part.mean()) / part.std()
            for row, part in zip((x[a], x[b]), own, strict=True)
        )
        r[p] = (one * two)[both].sum() / both.sum()
    return i, j, r


def best_of(i, j, r, k, *, absolute=False, least=-np.inf):
    value = np.abs(r) if absolute else r
    kept = np.flatnonzero(value >= least)
    order = kept[np.lexsort((j[kept], i[kept], -value[kept]))][:k]
    return i[order], j[order], r[order]


def same(found, expected):
    np.testing.assert_array_equal(found.i, expected[0])
    np.testing.assert_array_equal(found.j, expected[1])
    np.testing.assert_allclose(found.r, expected[2], rtol=0, atol=1e-12)


def same_but_for_rounding(found, pairs, expected):
    """Series of two steps correlate by 1 or -1: rounding decides between them."""
    sizes = np.abs(found.r), np.abs(expected[2])
    np.testing.assert_allclose(*sizes, rtol=0, atol=1e-12)
    r = {(a, b): value for a, b, value in zip(*pairs, strict=True)}
    chosen = list(zip(found.i.tolist(), found.j.tolist(), strict=True))
    assert len(set(chosen)) == len(chosen)
    np.testing.assert_allclose(found.r, [r[pair] for pair in chosen], atol=1e-12)


def _series(n, steps, gaps=0.0, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, steps)) + 0.4 * rng.standard_normal(steps) + 1e3
    x[::2] *= -1
    if gaps:
        x[rng.random(x.shape) < rng.choice([0.0, gaps / 4, gaps], (n, 1))] = np.nan
    return x


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(pair_screen, "_BLOCK", 16)
    monkeypatch.setattr(top_pairs, "_PENDING", 8)


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("gaps", [0.0, 0.05, 0.4, 0.7])
@pytest.mark.parametrize("k", [1, 20, 2_000, 10_000])
def test_top_pairs_equal_sorting_all_of_them(k, gaps, absolute, small_blocks):
    x = _series(70, 30, gaps, seed=k)
    x[5], x[6] = 5.0, np.nan
    expected = best_of(*all_pairs(x, 15), k, absolute=absolute)
    assert min(k, 20) <= len(expected[0])
    same(top_correlated_pairs(x, k, absolute=absolute), expected)


def test_at_the_usual_block_size():
    x = _series(1_500, 30)
    i, j = np.triu_indices(len(x), 1)
    same(top_correlated_pairs(x, 900), best_of(i, j, np.corrcoef(x)[i, j], 900))
    single = x.astype(np.float32)
    r = np.corrcoef(single.astype(np.float64))[i, j]
    same(top_correlated_pairs(single, 7), best_of(i, j, r, 7))


@given(st.integers(0, 2**32), st.integers(1, 8), st.sampled_from([-0.5, 0.0, 0.3]))
def test_overlap_and_least_bound_what_is_found(seed, overlap, least):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((12, 8))
    x[rng.random(x.shape) < rng.uniform(0, 0.8)] = np.nan
    pairs = all_pairs(x, overlap)
    for options in ({"least": least}, {"least": 0.4, "absolute": True}):
        found = top_correlated_pairs(x, 30, min_overlap=overlap, **options)
        same_but_for_rounding(found, pairs, best_of(*pairs, 30, **options))


def test_pairs_with_gaps_are_what_the_averages_are_of():
    x = _series(40, 30, 0.4)
    seen = np.isfinite(x).astype(float)
    i, j, r = top_correlated_pairs(x, 10_000, min_overlap=1)
    assert len(i) == 40 * 39 // 2
    weight = (seen @ seen.T)[i, j]
    mean = SeriesSums.from_block(x, np.zeros(40, int), 1).within()
    np.testing.assert_allclose((r * weight).sum() / weight.sum(), mean, atol=1e-12)


@pytest.mark.parametrize("gaps", [0.0, 0.1, 0.5])
def test_equal_series_come_in_order_of_position(gaps, small_blocks):
    row = _series(1, 20)
    if gaps:
        row[0, : int(20 * gaps)] = np.nan
    x = np.repeat(row, 60, axis=0)
    x[7], x[30] = _series(1, 20, seed=9), np.nan
    i, j, r = top_correlated_pairs(x, 200, min_overlap=2)
    np.testing.assert_allclose(r, 1.0, atol=1e-12)
    a, b = np.triu_indices(60, 1)
    twins = ~(np.isin(a, (7, 30)) | np.isin(b, (7, 30)))
    assert np.array_equal(i, a[twins][:200])
    assert np.array_equal(j, b[twins][:200])


def test_differences_beyond_float32_still_decide():
    rng = np.random.default_rng(0)
    base = rng.standard_normal(50)
    step = 3e-6 * rng.permutation(40)[:, None]
    x = base + step * rng.standard_normal((40, 50))
    i, j = np.triu_indices(40, 1)
    r = np.corrcoef(x)[i, j]
    assert np.unique(r.astype(np.float32)).size < 20
    found = top_correlated_pairs(x, 5)
    y = (x - x.mean(axis=1, keepdims=True)).astype(np.longdouble)
    y /= np.sqrt((y**2).sum(axis=1, keepdims=True))
    exact = (y @ y.T)[i, j]
    fifth = np.sort(exact)[-5]
    assert (exact[np.isin(i * 40 + j, found.i * 40 + found.j)] > fifth - 1e-15).all()


def test_memory_is_a_few_blocks_and_a_copy_in_float32():
    x = _series(6_000, 64)
    top_correlated_pairs(x[:600], 3)
    for series, copies in ((x, 1), (np.where(np.arange(64) % 5, x, np.nan), 2)):
        tracemalloc.start()
        top_correlated_pairs(series, 500)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < copies * 4 * x.size + 20_000_000 < 4 * 6_000**2


def test_many_equal_series_do_not_fill_memory():
    x = np.repeat(_series(1, 8), 3_000, axis=0)
    top_correlated_pairs(x[:600], 3)
    tracemalloc.start()
    i, j, _ = top_correlated_pairs(x, 10)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (i.tolist(), j.tolist()) == ([0] * 10, list(range(1, 11)))
    assert peak < 40_000_000


def test_too_little_is_nothing():
    for x in (np.zeros((0, 5)), np.zeros((3, 0)), np.zeros((3, 4)), _series(1, 9)):
        assert [len(part) for part in top_correlated_pairs(x, 2)] == [0, 0, 0]
    assert len(top_correlated_pairs(_series(5, 9), 0).r) == 0
    assert len(top_correlated_pairs(_series(5, 9), 99).r) == 10


def test_what_does_not_fit_is_refused():
    with pytest.raises(InvalidInput, match=r"shape \(3,\)"):
        top_correlated_pairs(np.zeros(3), 1)
    with pytest.raises(InvalidInput, match="k = -1"):
        top_correlated_pairs(np.zeros((2, 3)), -1)
    with pytest.raises(InvalidInput, match="min_overlap = 0"):
        top_correlated_pairs(np.zeros((2, 3)), 1, min_overlap=0)
