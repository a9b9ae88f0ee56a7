"""Agents in their group, and groups over time: scores against obvious twins."""

import numpy as np
import pytest
from scipy import stats as distributions

from stats.anomaly import history_shift, pooled_within, score_within
from stats.moments import GroupMoments
from stats.summary import Incompatible, InvalidInput

NO_FLOOR = np.zeros(3)


def _night(rng, groups=4, rows=60, d=3, missing=0.0):
    x = rng.standard_normal((rows * groups, d)) @ np.diag(10.0 ** np.arange(d))
    x[:, 1] += 8 * x[:, 0]
    x[rng.random(x.shape) < missing] = np.nan
    return x, np.repeat(np.arange(groups), rows)


def _fit(nights, floors=NO_FLOOR):
    n_groups = 1 + max(int(codes.max()) for _, codes in nights)
    moments = [GroupMoments.from_block(x, codes, n_groups) for x, codes in nights]
    return pooled_within(moments, floors=floors)


def _score(x, codes, baseline):
    tonight = GroupMoments.from_block(x, codes, len(baseline.dof))
    size = tonight.count.max(axis=1)
    return score_within(x, codes, tonight.mean(), size, baseline)


@pytest.fixture
def nights():
    rng = np.random.default_rng(0)
    return [_night(rng) for _ in range(8)]


def test_spread_is_pooled_over_nights_and_blind_to_shocks_of_the_group(nights):
    shocked = [(x + 100.0 * k, codes) for k, (x, codes) in enumerate(nights)]
    found, same = _fit(nights), _fit(shocked)
    for g in range(4):
        parts = [np.cov(x[codes == g].T) for x, codes in nights]
        expected = np.mean(parts, axis=0)
        np.testing.assert_allclose(found.covariance[g], expected, rtol=1e-9)
    np.testing.assert_allclose(same.covariance, found.covariance, rtol=1e-9)
    assert found.dof.tolist() == [8 * 59] * 4
    assert not found.floored.any()


def test_a_row_is_scored_by_the_law_of_a_residual_from_its_own_mean(nights):
    baseline = _fit(nights)
    x, codes = _night(np.random.default_rng(9))
    scores = _score(x, codes, baseline)
    for i in (0, 77, 239):
        g = codes[i]
        u = x[i] - x[codes == g].mean(axis=0)
        d2 = u @ np.linalg.solve(baseline.covariance[g], u) / (1 - 1 / 60)
        nu = int(baseline.dof[g])
        log_p = distributions.f.logsf(d2 * (nu - 2) / (nu * 3), 3, nu - 2)
        np.testing.assert_allclose([scores.d2[i], scores.log_p[i]], [d2, log_p])
    np.testing.assert_allclose(scores.contributions.sum(axis=1), 1.0)
    assert np.array_equal(scores.main, scores.contributions.argmax(axis=1))


def test_null_rows_have_uniform_p(nights):
    baseline = _fit(nights)
    p = np.exp(_score(*_night(np.random.default_rng(5), rows=500), baseline).log_p)
    assert distributions.kstest(p, "uniform").pvalue > 0.01


def test_a_missing_feature_means_the_marginal_distance(nights):
    baseline = _fit(nights)
    x, codes = _night(np.random.default_rng(3))
    centre = GroupMoments.from_block(x, codes, 4).mean()
    size = np.full(4, 60)
    holed = x.copy()
    holed[0, 1], holed[1, :2], holed[2] = np.nan, np.inf, np.nan
    scores = score_within(holed, codes, centre, size, baseline)
    whole = score_within(x, codes, centre, size, baseline)
    for row, seen in ((0, [0, 2]), (1, [2])):
        u = (x[row] - centre[0])[seen]
        s = baseline.covariance[0][np.ix_(seen, seen)]
        d2 = u @ np.linalg.solve(s, u) / (1 - 1 / 60)
        nu, p = int(baseline.dof[0]), len(seen)
        expected = distributions.f.logsf(d2 * (nu - p + 1) / (nu * p), p, nu - p + 1)
        np.testing.assert_allclose(scores.log_p[row], expected)
    assert scores.contributions[0, 1] == 0.0
    assert np.isnan(scores.log_p[2])
    assert scores.main[2] == -1
    assert np.array_equal(scores.log_p[3:], whole.log_p[3:])


def test_scores_do_not_depend_on_the_block(nights):
    baseline = _fit(nights)
    x, codes = _night(np.random.default_rng(4), missing=0.1)
    centre = GroupMoments.from_block(x, codes, 4).mean()
    whole = score_within(x, codes, centre, np.full(4, 60), baseline)
    order = np.random.default_rng(0).permutation(len(x))
    for part in np.array_split(order, 7):
        piece = score_within(x[part], codes[part], centre, np.full(4, 60), baseline)
        np.testing.assert_allclose(piece.log_p, whole.log_p[part], rtol=1e-12)


def test_groups_that_cannot_be_tested_give_nan_and_disturb_no_other(nights):
    baseline = _fit([(x[:129], codes[:129]) for x, codes in nights[:3]])
    assert baseline.dof.tolist() == [177, 177, 24]
    x, codes = _night(np.random.default_rng(3), groups=3)
    codes = np.where(np.arange(len(x)) < 2, -1, codes)
    scores = score_within(x, codes, np.zeros((3, 3)), [58, 2, 60], baseline)
    assert np.isnan(scores.log_p[:2]).all()
    assert np.isfinite(scores.log_p[(codes == 0)]).all()
    assert np.isfinite(scores.log_p[(codes == 2)]).all()
    assert np.isnan(scores.log_p[codes == 1]).all()
    few = _fit([(x[:129], codes[:129] % 3) for x, codes in nights[:1]])
    assert np.isnan(_score(x[codes == 2], codes[codes == 2], few).log_p).all()


def test_a_constant_feature_takes_its_floor_and_its_move_is_seen(nights):
    def constant(x, codes):
        return np.where((codes == 1)[:, None] & (np.arange(3) == 2), 7.0, x), codes

    baseline = _fit([constant(*night) for night in nights], [0.0, 0.0, 0.5])
    fleet = np.sqrt(np.mean([baseline.covariance[g, 2, 2] for g in (0, 2, 3)]) * 0.75)
    assert (
        baseline.floored.tolist()
        == [[False] * 3, [False, False, True]] + [[False] * 3] * 2
    )
    floor = max(0.5, 0.01 * fleet)
    np.testing.assert_allclose(baseline.covariance[1, 2], [0, 0, floor**2], rtol=1e-9)
    assert baseline.condition[1] == np.inf
    x, codes = constant(*_night(np.random.default_rng(8)))
    x[60, 2] += 20.0
    scores = _score(x, codes, baseline)
    assert np.nanargmin(scores.log_p) == 60
    assert scores.log_p[60] < -30
    assert scores.main[60] == 2


def test_a_feature_constant_everywhere_is_left_out_and_its_move_flagged(nights):
    still = [(np.where(np.arange(3) == 2, 7.0, x), codes) for x, codes in nights]
    baseline = _fit(still)
    x, codes = still[0]
    before = _score(x, codes, baseline)
    assert not before.constant_moved.any()
    assert np.isfinite(before.log_p).all()
    assert (before.contributions[:, 2] == 0).all()
    moved = x.copy()
    moved[0, 2] = 8.0
    after = _score(moved, codes, baseline)
    assert after.constant_moved[codes == 0].all()
    assert not after.constant_moved[codes > 0].any()


def test_exact_dependence_is_floored_and_a_break_of_it_is_extreme(nights):
    def gain(x):
        return np.column_stack([x, x[:, 0] - x[:, 1]])

    baseline = _fit([(gain(x), codes) for x, codes in nights], np.zeros(4))
    assert (baseline.condition == np.inf).all()
    x, codes = _night(np.random.default_rng(8))
    tonight = gain(x)
    tonight[5, 3] += 10.0
    scores = _score(tonight, codes, baseline)
    assert np.isfinite(scores.log_p).all()
    assert scores.log_p.argmin() == 5
    assert scores.log_p[5] < 10 * np.sort(scores.log_p)[1] / 2


def test_a_feature_without_rows_is_left_out_of_its_group_only(nights):
    def blind(x, codes):
        return np.where((codes == 2)[:, None] & (np.arange(3) == 0), np.nan, x), codes

    baseline = _fit([blind(*night) for night in nights])
    assert baseline.dof.tolist() == [472] * 4
    assert np.isnan(baseline.covariance[2, 0]).all()
    scores = _score(*_night(np.random.default_rng(1)), baseline)
    assert np.isfinite(scores.log_p).all()
    assert (scores.contributions[120:180, 0] == 0).all()


def test_gaps_in_nearly_dependent_features_do_not_flood():
    """Regression: pairwise-complete noise in weak directions gave 22 % at 5 %."""
    rng = np.random.default_rng(2)
    root = np.linalg.cholesky(np.full((5, 5), 0.95) + 0.05 * np.eye(5)).T

    def night():
        x = rng.standard_normal((1_000, 5)) @ root
        x[rng.random(x.shape) < 0.1] = np.nan
        return x, np.repeat(np.arange(25), 40)

    baseline = _fit([night() for _ in range(8)], np.zeros(5))
    p = np.exp(_score(*night(), baseline).log_p)
    assert (p < 0.05).mean() < 0.075


def test_nights_and_rows_that_do_not_fit_are_refused(nights):
    with pytest.raises(InvalidInput, match="no nights"):
        pooled_within([], floors=NO_FLOOR)
    one, two = (
        GroupMoments.from_block(np.zeros((2, d)), np.zeros(2, int), 1) for d in (2, 3)
    )
    with pytest.raises(Incompatible, match=r"\(1, 2\) and \(1, 3\)"):
        pooled_within([one, two], floors=0.0)
    with pytest.raises(Incompatible, match="centre"):
        score_within(np.zeros((2, 3)), [0, 0], np.zeros((3, 3)), [1] * 4, _fit(nights))


def _history(nights=40, groups=6, d=3, seed=0):
    rng = np.random.default_rng(seed)
    h = rng.standard_normal((nights + 1, groups, d)) @ np.diag([1.0, 5.0, 0.1])
    return h[:-1] + 3.0, h[-1] + 3.0


def test_a_night_is_tested_by_hotellings_law():
    history, tonight = _history()
    found = history_shift(history, tonight)
    for g in range(6):
        u = tonight[g] - history[:, g].mean(axis=0)
        d2 = u @ np.linalg.solve(np.cov(history[:, g].T), u)
        log_p = distributions.f.logsf(d2 * 40 * 37 / (3 * (40**2 - 1)), 3, 37)
        np.testing.assert_allclose([found.d2[g], found.log_p[g]], [d2, log_p])
    np.testing.assert_allclose(found.contributions.sum(axis=1), 1.0)
    assert found.nights.tolist() == [40] * 6


def test_the_null_is_every_night_against_a_refit_without_it():
    history, tonight = _history(20)
    found = history_shift(history, tonight).null_log_p
    for t in range(20):
        refit = history_shift(np.delete(history, t, axis=0), history[t])
        np.testing.assert_allclose(found[t], refit.log_p, rtol=1e-9)


def test_missing_nights_are_dropped_for_their_group_only():
    history, tonight = _history()
    holed = history.copy()
    holed[3, 2, 1], holed[7, 2] = np.nan, np.nan
    found, whole = history_shift(holed, tonight), history_shift(history, tonight)
    rest = history_shift(np.delete(history, [3, 7], axis=0), tonight)
    np.testing.assert_allclose(found.log_p[2], rest.log_p[2])
    others = [0, 1, 3, 4, 5]
    np.testing.assert_allclose(found.log_p[others], whole.log_p[others])
    assert np.isnan(found.null_log_p[[3, 7], 2]).all()
    assert found.nights[2] == 38


def test_a_feature_missing_tonight_is_left_out_and_a_silent_group_is_untested():
    history, tonight = _history()
    tonight[1, 0], tonight[4] = np.nan, np.nan
    found = history_shift(history, tonight)
    rest = history_shift(history[..., 1:], tonight[:, 1:])
    np.testing.assert_allclose(found.log_p[1], rest.log_p[1])
    assert found.contributions[1, 0] == 0.0
    assert np.isnan(found.log_p[4])
    assert np.isnan(found.contributions[4]).all()
    assert np.isfinite(found.null_log_p[:, 4]).all()


def test_too_few_nights_are_not_tested():
    history, tonight = _history(7)
    assert np.isnan(history_shift(history, tonight).log_p).all()
    assert np.isnan(history_shift(history[:0], tonight).log_p).all()
    history, tonight = _history(8)
    assert np.isfinite(history_shift(history, tonight).log_p).all()


def test_a_group_with_one_route_is_scored_and_a_new_route_is_seen():
    history, tonight = _history()
    history[:, 3, 1], tonight[3, 1] = 2475.0, 2475.0
    calm = history_shift(history, tonight)
    assert calm.floored[3].tolist() == [False, True, False]
    assert calm.log_p[3] > np.log(1e-4)
    tonight[3, 1] = 2475.0 + 5.0
    moved = history_shift(history, tonight)
    assert moved.log_p[3] < -60
    assert moved.contributions[3].argmax() == 1


def test_a_feature_that_never_changed_anywhere_has_no_scale_and_its_move_is_seen():
    history, tonight = _history()
    history[..., 2], tonight[:, 2] = 0.1, 0.1
    calm = history_shift(history, tonight)
    assert np.isfinite(calm.log_p).all()
    tonight[5, 2] = 0.2
    moved = history_shift(history, tonight)
    assert moved.log_p[5] == -np.inf
    assert moved.contributions[5].tolist() == [0.0, 0.0, 1.0]
    assert np.array_equal(moved.log_p[:5], calm.log_p[:5])


def test_history_that_does_not_fit_tonight_is_refused():
    with pytest.raises(Incompatible, match=r"\(5, 2, 3\) and tonight \(2, 4\)"):
        history_shift(np.zeros((5, 2, 3)), np.zeros((2, 4)))
