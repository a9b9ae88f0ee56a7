"""The detector: laws, floors, missing features, robust fits, refusals."""

import numpy as np
import pytest
from scipy import stats as distributions

from stats.anomaly import MahalanobisDetector
from stats.moments import GroupMoments
from stats.robust import effective_rows, robust_fit
from stats.shrunk_law import ShrunkLaw
from stats.summary import Incompatible, InvalidInput, NotEnoughData


def _rows(n, d=4, rho=0.5, seed=0):
    rng = np.random.default_rng(seed)
    r = np.full((d, d), rho) + (1 - rho) * np.eye(d)
    return rng.standard_normal((n, d)) @ np.linalg.cholesky(r).T * 10.0 ** np.arange(d)


def _naive(baseline, row):
    u = row - baseline.mean(axis=0)
    return u @ np.linalg.solve(np.cov(baseline.T), u)


def test_without_shrinkage_score_and_p_are_hotellings():
    baseline, new = _rows(60), _rows(5, seed=1)
    found = MahalanobisDetector.fit(baseline, shrinkage=None, tail="normal")
    d2 = np.array([_naive(baseline, row) for row in new])
    p = distributions.f.sf(d2 * 60 * 56 / (4 * (60**2 - 1)), 4, 56)
    np.testing.assert_allclose(found.score(new), d2, rtol=1e-9)
    np.testing.assert_allclose(found.p_value(new), p, rtol=1e-9)
    assert (found.n, found.rank, found.intensity) == (60, 4, 0.0)


def test_moments_and_rows_give_the_same_detector():
    baseline, new = _rows(60), _rows(5, seed=1)
    groups = np.arange(120) % 2
    both = np.empty((120, 4))
    both[groups == 0], both[groups == 1] = _rows(60, seed=7), baseline
    moments = GroupMoments.from_block(both, groups, 2)
    one = MahalanobisDetector.fit(moments, group=1)
    two = MahalanobisDetector.fit(baseline, tail="normal")
    assert np.array_equal(one.log_p(new), two.log_p(new))
    assert 0 < one.intensity < 1


def test_contributions_sum_to_the_distance_and_name_the_feature():
    baseline, new = _rows(200), _rows(5, seed=1)
    new[0, 2] += 1_000.0
    found = MahalanobisDetector.fit(baseline)
    parts = found.contributions(new)
    assert (parts >= 0).all()
    np.testing.assert_allclose(parts.sum(axis=1), found.score(new))
    assert parts[0].argmax() == 2


def test_a_missing_feature_means_the_marginal_distance():
    baseline, new = _rows(80), _rows(3, seed=1)
    new[0, 1], new[1, [0, 3]], new[2] = np.nan, np.inf, np.nan
    for shrinkage in (None, "oas"):
        found = MahalanobisDetector.fit(baseline, shrinkage=shrinkage)
        for row, seen in ((0, [0, 2, 3]), (1, [1, 2])):
            s = found.covariance[np.ix_(seen, seen)]
            u = (new[row] - baseline.mean(axis=0))[seen]
            expected = u @ np.linalg.solve(s, u)
            np.testing.assert_allclose(found.score(new)[row], expected, rtol=1e-9)
        assert 0 < found.p_value(new)[0] <= 1
        assert np.isnan(found.p_value(new)[2])
        assert np.isnan(found.score(new)[2])


def test_missing_baseline_values_count_the_smallest_pair():
    baseline = _rows(100)
    baseline[:20, 0], baseline[10:40, 3] = np.nan, np.nan
    found = MahalanobisDetector.fit(baseline, shrinkage=None)
    assert found.n == 60
    assert np.isfinite(found.log_p(_rows(3, seed=1))).all()


@pytest.mark.parametrize("shrinkage", [None, "oas"])
def test_a_constant_feature_without_a_floor_has_no_scale_and_its_move_is_seen(
    shrinkage,
):
    baseline, new = _rows(80), _rows(2, seed=1)
    baseline[:, 1], new[:, 1] = 5.0, [5.0, 5.000001]
    found = MahalanobisDetector.fit(baseline, shrinkage=shrinkage)
    assert found.rank == 3
    assert found.condition == np.inf
    assert np.isfinite(found.score(new)[0])
    assert found.score(new)[1] == np.inf
    assert found.p_value(new)[1] == 0.0
    assert found.contributions(new)[1].argmax() == 1


@pytest.mark.parametrize("shrinkage", [None, "oas"])
def test_a_constant_feature_with_a_floor_is_measured_by_it(shrinkage):
    baseline, new = _rows(80), np.tile(_rows(80).mean(axis=0), (2, 1))
    baseline[:, 1], new[:, 1] = 5.0, [5.0, 9.0]
    floors = [0.0, 0.5, 0.0, 0.0]
    found = MahalanobisDetector.fit(baseline, shrinkage=shrinkage, floors=floors)
    assert found.floored.tolist() == [False, True, False, False]
    np.testing.assert_allclose(found.score(new), [0.0, 64.0], atol=1e-9)
    assert found.p_value(new)[1] < 1e-3


@pytest.mark.parametrize("shrinkage", [None, "oas"])
def test_exact_dependence_is_finite_flagged_and_a_break_of_it_is_seen(shrinkage):
    def gain(x):
        return np.column_stack([x, x[:, 0] - x[:, 1] / 10])

    new = gain(_rows(50, seed=1))
    new[0, 4] += 4.0
    found = MahalanobisDetector.fit(gain(_rows(500)), shrinkage=shrinkage)
    assert found.rank == 4
    assert found.condition == np.inf
    log_p = found.log_p(new)
    assert np.isfinite(log_p).all()
    assert log_p.argmin() == 0
    assert log_p[0] < -20


def test_more_features_than_rows_is_finite_and_a_move_is_seen():
    baseline, new = _rows(15, d=12, seed=2)[:10], _rows(30, d=12, seed=1)
    new[0, 0] += 60.0
    found = MahalanobisDetector.fit(baseline)
    assert found.rank == 9
    log_p = found.log_p(new)
    assert np.isfinite(log_p).all()
    assert log_p.argmin() == 0
    assert log_p[0] < np.log(1e-4)
    bare = MahalanobisDetector.fit(baseline, shrinkage=None)
    assert np.isfinite(bare.score(new)).all()
    assert np.isnan(bare.p_value(new)).all()


@pytest.mark.parametrize(("d", "n"), [(1, 30), (4, 50), (12, 10)])
def test_p_falls_with_distance_without_end(d, n):
    found = MahalanobisDetector.fit(_rows(n, d))
    far = np.zeros((200, d))
    far[:, 0] = np.geomspace(1e-3, 1e9, 200)
    log_p = found.log_p(found.mean + far)
    assert np.isfinite(log_p).all()
    assert (np.diff(log_p[log_p < -1e-9]) < 0).all()
    assert (log_p <= 0).all()


def test_the_law_without_shrinkage_in_it_is_hotellings():
    law = ShrunkLaw.fit(np.eye(3), 40, 1e-12, seed=0)
    d2 = np.geomspace(0.05, 300.0, 40)
    expected = distributions.f.logsf(d2 * 40 * 37 / (3 * (40**2 - 1)), 3, 37)
    np.testing.assert_allclose(law.log_tail(d2), expected, rtol=2e-3, atol=2e-4)
    assert law.log_tail(np.array([np.inf])).tolist() == [-np.inf]
    assert np.isnan(law.log_tail(np.array([np.nan]))).all()


def test_a_default_row_has_uniform_p():
    r = np.full((6, 6), 0.9) + 0.1 * np.eye(6)
    root, rng = np.linalg.cholesky(r), np.random.default_rng(3)
    p = []
    for _ in range(40):
        found = MahalanobisDetector.fit(rng.standard_normal((30, 6)) @ root.T)
        p.append(found.p_value(rng.standard_normal((100, 6)) @ root.T))
    hits = (np.array(p) < 0.05).mean(axis=1)
    # Rows of one fit share its luck: the standard error comes from the 40 fits.
    assert abs(hits.mean() - 0.05) < 3 * hits.std(ddof=1) / np.sqrt(40)


def test_equal_seeds_give_equal_p():
    baseline, new = _rows(50), _rows(5, seed=1)
    one, two = (MahalanobisDetector.fit(baseline, seed=4).log_p(new) for _ in "ab")
    assert np.array_equal(one, two)
    other = MahalanobisDetector.fit(baseline, seed=5).log_p(new)
    np.testing.assert_allclose(other, one, rtol=0.03, atol=0.02)


def _contaminated(n, d, seed):
    """10 % of the rows moved by 6 sd along the weakest direction."""
    r = np.full((d, d), 0.95) + 0.05 * np.eye(d)
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d)) @ np.linalg.cholesky(r).T
    attack = np.zeros(d)
    attack[:2] = 6 * np.sqrt(0.05 / 2), -6 * np.sqrt(0.05 / 2)
    x[: n // 10] += attack
    return x, rng.standard_normal((2_000, d)) @ np.linalg.cholesky(r).T, attack


def test_robust_sees_what_hides_among_outliers_in_a_weak_direction():
    x, new, attack = _contaminated(1_000, 10, 0)
    robust = MahalanobisDetector.fit(x, robust=True)
    plain = MahalanobisDetector.fit(x)
    assert (plain.p_value(new + attack) < 0.05).mean() < 0.6
    assert (robust.p_value(new + attack) < 0.05).mean() > 0.9
    assert (robust.p_value(new) < 0.05).mean() < 0.1
    assert robust.effective_n < robust.n == 1_000


def test_robust_fit_of_clean_rows_is_near_the_plain_one_and_repeats():
    x = _rows(3_000, 3)
    mean, covariance = robust_fit(x)
    scale = np.sqrt(np.diag(np.cov(x.T)))
    np.testing.assert_allclose((mean - x.mean(axis=0)) / scale, 0.0, atol=0.05)
    ratio = covariance / np.outer(scale, scale)
    np.testing.assert_allclose(ratio, np.corrcoef(x.T), atol=0.08)
    again = robust_fit(x)
    assert np.array_equal(again[1], covariance)


def test_robust_fit_survives_a_constant_and_a_mostly_tied_feature():
    x = _rows(200, 4)
    x[:, 1], x[:150, 2] = 3.0, 0.0
    mean, covariance = robust_fit(x)
    assert np.isfinite(mean).all()
    assert np.isfinite(covariance).all()


def test_effective_rows_stay_between_features_and_rows():
    assert 6 < effective_rows(40, 4, 0) <= 40
    assert effective_rows(40, 4, 0) < effective_rows(400, 4, 0) <= 400


def test_what_moments_cannot_give_is_a_typed_error():
    moments = GroupMoments.from_block(_rows(30), np.zeros(30, dtype=int), 1)
    with pytest.raises(Incompatible, match="ledoit-wolf"):
        MahalanobisDetector.fit(moments, shrinkage="ledoit-wolf")
    with pytest.raises(Incompatible, match="robust=True"):
        MahalanobisDetector.fit(moments, robust=True)
    with pytest.raises(NotEnoughData, match="2 rows"):
        MahalanobisDetector.fit(_rows(2))
    with pytest.raises(NotEnoughData, match="19 complete rows"):
        MahalanobisDetector.fit(_rows(19), robust=True)
    with pytest.raises(InvalidInput, match="'ridge'"):
        MahalanobisDetector.fit(_rows(9), shrinkage="ridge")
    with pytest.raises(InvalidInput, match="Give"):
        MahalanobisDetector.fit(np.zeros(5))
    with pytest.raises(Incompatible, match="for 4 features"):
        MahalanobisDetector.fit(_rows(30)).score(np.zeros((2, 3)))


def test_ledoit_wolf_is_offered_for_rows():
    found = MahalanobisDetector.fit(_rows(60), shrinkage="ledoit-wolf")
    assert 0 < found.intensity < 1
    assert "intensity" in repr(found)


def test_a_feature_below_its_floor_is_uncorrelated_with_the_others():
    baseline = _rows(80)
    found = MahalanobisDetector.fit(baseline, shrinkage=None, floors=[0, 50.0, 0, 0])
    assert found.floored.tolist() == [False, True, False, False]
    assert found.covariance[1].tolist() == [0.0, 2500.0, 0.0, 0.0]
    assert found.rank == 3
