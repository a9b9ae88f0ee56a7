"""Tail counts: the laws, and p-values that are ranks and never too small."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats.calibration import BINS, TailCounts
from stats.summary import Incompatible, InvalidInput
from tests.laws import check_laws

LOG_P = st.one_of(
    st.floats(-2000, 0), st.sampled_from([np.nan, -np.inf, 0.0, -1e-9, -(2.0**-6)])
)
SCORES = st.lists(st.tuples(LOG_P, st.integers(-1, 2)), max_size=20)


def _build(scores):
    log_p = np.array([value for value, _ in scores], dtype=float)
    pools = np.array([pool for _, pool in scores], dtype=np.int64)
    return TailCounts.from_block(log_p, pools, 3)


def test_tail_counts_keep_the_laws_of_a_summary():
    check_laws(
        st.tuples(SCORES, SCORES, SCORES), _build, lambda a, b: a + b,
        TailCounts.from_arrays,
    )  # fmt: skip


@given(SCORES, SCORES)
def test_p_is_a_rank_by_bin_and_never_below_the_exact_rank(null, new):
    counts, pools = _build(null), np.array([g for _, g in new], dtype=np.int64)
    log_p = np.array([value for value, _ in new], dtype=float)
    found, extreme = counts.calibrate(log_p, pools), counts.beyond(log_p, pools)
    for i, (value, pool) in enumerate(new):
        if np.isnan(value) or pool < 0:
            assert np.isnan(found[i])
            assert not extreme[i]
            continue
        own = np.array([v for v, g in null if g == pool and not np.isnan(v)])
        exact = (1 + (own <= value).sum()) / (1 + len(own))
        loose = (1 + (own <= value * (1 - 1 / 64)).sum()) / (1 + len(own))
        if value < -(2.0**-5):
            assert exact <= found[i] <= loose
        assert found[i] >= exact
        if extreme[i]:
            assert found[i] == 1 / (1 + len(own))
            assert (own > value).all()


def test_uniform_null_scores_give_uniform_p_within_the_width_of_a_bin():
    rng = np.random.default_rng(0)
    pool = np.zeros(200_000, dtype=np.int64)
    counts = TailCounts.from_block(np.log(rng.random(200_000)), pool, 1)
    p = np.array([0.5, 0.05, 0.01, 0.001])
    found = counts.calibrate(np.log(p), np.zeros(4, dtype=np.int64))
    np.testing.assert_allclose(found, p, rtol=0.12)


def test_a_pool_says_when_a_score_lies_beyond_it():
    counts = TailCounts.from_block([-1.0, -5.0], [0, 0], 2)
    log_p, pools = [-4.0, -5.0, -6.0, -np.inf, -6.0], [0, 0, 0, 0, 1]
    assert counts.beyond(log_p, pools).tolist() == [False, False, True, True, False]
    expected = [2 / 3, 2 / 3, 1 / 3, 1 / 3, 1.0]
    assert counts.calibrate(log_p, pools).tolist() == expected


def test_bins_are_fine_and_their_number_is_fixed():
    edges = -np.geomspace(2.0**-6, 2.0**17 * 0.999, 30_000)
    one = TailCounts.from_block(edges, np.zeros(len(edges), dtype=np.int64), 1)
    assert one.counts.shape == (1, BINS)
    assert one.counts[0, 0] == 0
    assert one.counts[0, -1] == 0
    assert (one.counts[0, 1:-1] > 0).all()


def test_what_does_not_fit_is_refused():
    one, two = _build([]), TailCounts.from_block([], [], 2)
    with pytest.raises(Incompatible, match="3 and 2 pools"):
        one.merge(two)
    with pytest.raises(Incompatible, match="negative"):
        one.subtract(_build([(-1.0, 0)]))
    with pytest.raises(InvalidInput, match="pools from 3 to 3"):
        TailCounts.from_block([-1.0], [3], 3)
    with pytest.raises(InvalidInput, match="expected"):
        TailCounts.from_arrays({"counts": np.zeros((1, 5), dtype=np.int64)})
    with pytest.raises(InvalidInput, match="parent"):
        one.rollup(np.array([0, 0, 2]), 2)
