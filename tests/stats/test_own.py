"""What is usual for an agent: against plain loops, closed forms and odd histories."""

import numpy as np
import pytest
from scipy import stats as distributions

from stats.masked_whitening import whiten_rows
from stats.own import fit_own
from stats.own_fit import mean_variance, serial_correlation, team_median
from stats.own_scores import score_own
from stats.simulate import Population, PopulationParams
from stats.summary import Incompatible, InvalidInput
from tests.residuals import residuals

FIT, NIGHTS, D = 14, 20, 4


def clean(agents=400, teams=8, nights=NIGHTS, d=D, seed=0, r=0.5, own=0.5):
    """Normal agents with centres of their own, less their team's mean."""
    rng = np.random.default_rng(seed)
    root = np.linalg.cholesky((1 - r) * np.eye(d) + r)
    x = rng.standard_normal((agents, nights, d)) @ root.T
    x += own * rng.standard_normal((agents, 1, d))
    team = np.arange(agents) * teams // agents
    for g in range(teams):
        mine = team == g
        x[mine] = (x[mine] - x[mine].mean(axis=0)) / np.sqrt(1 - 1 / mine.sum())
    return x, np.ones((agents, nights), dtype=bool), team


def test_rows_with_gaps_have_the_distance_of_what_is_seen():
    rng = np.random.default_rng(1)
    d, groups = 5, np.array([0, 1, 1])
    a = rng.standard_normal((2, d, 3 * d))
    cov = a @ a.swapaxes(1, 2)
    sd = np.sqrt(np.einsum("gii->gi", cov))
    r = cov / sd[:, :, None] / sd[:, None, :]
    usable = np.ones((2, d), dtype=bool)
    usable[1, 2] = False
    r[1, 2], r[1, :, 2] = np.eye(d)[2], np.eye(d)[2]
    z = rng.standard_normal((3, 40, d))
    z[rng.random(z.shape) < 0.3] = np.nan
    z[0, 0] = np.nan
    white = whiten_rows(z, groups, r, usable)
    for i in range(3):
        for t in range(40):
            seen = np.flatnonzero(np.isfinite(z[i, t]) & usable[groups[i]])
            sub = r[groups[i]][np.ix_(seen, seen)]
            row = z[i, t, seen]
            expected = row @ np.linalg.solve(sub, row) if seen.size else 0.0
            assert (white.rows[i, t] ** 2).sum() == pytest.approx(expected, rel=1e-9)
            assert white.features[i, t] == seen.size
            expected = np.linalg.slogdet(sub)[1] if seen.size else 0.0
            assert white.log_determinant[i, t] == pytest.approx(expected, abs=1e-9)


def test_a_new_night_has_variance_one_and_the_teams_correlation():
    x, here, team = clean(agents=2_000)
    own = fit_own(x, here, team, fit=FIT)
    every = np.arange(len(x))
    z = own.standardised(every, slice(FIT, NIGHTS)).reshape(-1, D)
    assert z.var(axis=0) == pytest.approx(np.ones(D), abs=0.03)
    y = own.whitened(every, slice(FIT, NIGHTS)).rows.reshape(-1, D)
    assert np.cov(y.T) == pytest.approx(np.eye(D), abs=0.03)
    assert own.correlation.mean(axis=0)[0, 1] == pytest.approx(0.5, abs=0.02)


def test_centres_lean_on_the_team_as_far_as_agents_are_alike():
    different, here, team = clean(own=3.0)
    alike, _, _ = clean(own=0.0)
    means = [x[:, :FIT].mean(axis=1) for x in (different, alike)]
    centres = [fit_own(x, here, team, fit=FIT).centre for x in (different, alike)]
    slopes = [
        np.polyfit(m.ravel(), c.ravel(), 1)[0]
        for m, c in zip(means, centres, strict=True)
    ]
    assert slopes[0] == pytest.approx(9 / (9 + 1 / FIT), abs=0.01)
    assert slopes[1] < 0.2


def test_the_error_of_a_centre_is_the_one_stated():
    rng = np.random.default_rng(5)
    x, here, team = clean(agents=2_000, own=0.0)
    offset = 0.4 * rng.standard_normal((2_000, 1, D))
    for g in range(8):
        offset[team == g] -= offset[team == g].mean(axis=0)
    own = fit_own(x + offset, here, team, fit=FIT)
    error = (own.centre - offset[:, 0]) / own.scale
    assert (error**2).mean() == pytest.approx(own.uncertainty.mean(), rel=0.1)


def test_results_do_not_depend_on_how_teams_are_cut_into_calls():
    data = residuals(Population(PopulationParams(agents=300, sites=1, nights=20)))
    x, here, team = data.args
    floors = np.full(8, 0.01)
    whole = fit_own(x, here, team, fit=10, floors=floors, n_teams=50)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(team))
    for part in (order[team[order] < 20], order[team[order] >= 20]):
        own = fit_own(x[part], here[part], team[part], fit=10, floors=floors)
        for name in ("centre", "scale", "uncertainty", "dof"):
            expected = getattr(whole, name)[part]
            np.testing.assert_allclose(getattr(own, name), expected, rtol=1e-9)


def test_agents_without_a_past_take_their_teams():
    x, here, team = clean()
    x[7, :FIT], here[7, :FIT] = np.nan, False
    x[9] = np.nan
    here[9] = False
    own = fit_own(x, here, team, fit=FIT)
    assert own.nights[[7, 9]].tolist() == [0, 0]
    assert np.abs(own.centre[7]).max() < 0.2
    assert (own.uncertainty[7] > 2 * own.uncertainty[8]).all()
    scores = score_own(own)
    assert np.isfinite(scores.log_p[7])
    assert np.isnan(scores.log_p[9])
    assert (scores.main[9], scores.features[9]) == (-1, 0)


def test_one_night_is_enough_to_have_a_centre():
    x, here, team = clean()
    x[3, 1:FIT], here[3, 1:FIT] = np.nan, False
    own = fit_own(x, here, team, fit=FIT)
    assert own.nights_seen[3].tolist() == [1] * D
    assert np.isfinite(own.centre[3]).all()
    assert own.scale[3] == pytest.approx(own.scale[team == 0].mean(axis=0), rel=0.3)


@pytest.mark.parametrize("d", [1, 2])
def test_distances_of_one_night_follow_their_law(d):
    x, here, team = clean(agents=3_000, d=d)
    p = np.exp(score_own(fit_own(x, here, team, fit=FIT)).log_p)
    assert distributions.kstest(p, "uniform").statistic < 0.03


def test_contributions_share_the_distance():
    x, here, team = clean()
    x[5, -1, 2] += 9.0
    x[6, -1, 1] = np.nan
    scores = score_own(fit_own(x, here, team, fit=FIT))
    assert scores.contributions.sum(axis=1) == pytest.approx(np.ones(len(x)))
    assert scores.main[5] == 2
    assert scores.log_p.argmin() == 5
    assert scores.contributions[6, 1] < 0.2
    assert scores.features[6] == D - 1


def test_a_feature_that_is_constant_in_a_team_has_no_scale_there():
    x, here, team = clean()
    x[team == 2, :, 1] = 0.0
    own = fit_own(x, here, team, fit=FIT)
    assert own.constant.sum() == own.constant[2, 1] == 1
    assert not own.usable[2, 1]
    assert np.isnan(
        own.standardised(np.flatnonzero(team == 2), slice(0, 1))[..., 1]
    ).all()
    assert np.isfinite(score_own(own).log_p).all()


def test_small_teams_are_not_tested():
    x, here, team = clean(agents=40, teams=20, d=6)
    own = fit_own(x, here, team, fit=4)
    assert not own.tested.any()
    assert np.isnan(score_own(own).log_p).all()


def test_contaminated_nights_do_not_widen_a_robust_reference():
    rng = np.random.default_rng(3)
    x, here, team = clean(agents=1_000, d=6)
    weak = np.array([1, -1, 0, 0, 0, 0]) / np.sqrt(2) * np.sqrt(0.5)
    bad = rng.random((1_000, FIT)) < 0.1
    x[:, :FIT][bad] += 8 * weak
    robust = fit_own(x, here, team, fit=FIT, robust=True)
    plain = fit_own(x, here, team, fit=FIT)
    sick = rng.random(1_000) < 0.1
    x[sick, -1] += 6 * weak
    log_p = {
        name: score_own(fit_own(x, here, team, fit=FIT, robust=flag)).log_p
        for name, flag in (("robust", True), ("plain", False))
    }
    found = {name: value < np.log(0.05) for name, value in log_p.items()}
    assert found["robust"][~sick].mean() <= 0.10
    assert found["robust"][sick].mean() >= 0.9
    assert found["plain"][sick].mean() < 0.8
    clean_own = fit_own(*clean(agents=1_000, d=6), fit=FIT)
    for own, most in ((robust, 0.08), (plain, np.inf)):
        assert abs(own.scale[:, 0].mean() / clean_own.scale[:, 0].mean() - 1) < most


def test_serial_correlation_is_found_behind_subtracted_means():
    rng = np.random.default_rng(2)
    m, t = 4_000, 14
    h = rng.standard_normal((m, 1, 3)).repeat(t, axis=1)
    for i in range(1, t):
        h[:, i] = 0.6 * h[:, i - 1] + 0.8 * rng.standard_normal((m, 3))
    x = np.sqrt(0.4) * h + np.sqrt(0.6) * rng.standard_normal((m, t, 3))
    gap = x - x.mean(axis=1, keepdims=True)
    starts, nights = np.array([0]), np.array([float(t)])
    share, decay = serial_correlation(gap, starts, nights)
    assert (share[0], decay[0]) == (
        pytest.approx(0.4, abs=0.1),
        pytest.approx(0.6, abs=0.15),
    )
    assert x.mean(axis=1).var() == pytest.approx(
        mean_variance(nights, share, decay)[0], rel=0.1
    )


def test_medians_leave_out_what_is_missing():
    x = np.array([[3.0, np.nan], [1.0, np.nan], [np.nan, np.nan], [2.0, np.nan]])
    np.testing.assert_array_equal(team_median(x), [2.0, np.nan])
    np.testing.assert_array_equal(team_median(x[:2]), [2.0, np.nan])


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"fit": 2}, InvalidInput),
        ({"fit": NIGHTS + 1}, InvalidInput),
        ({"n_teams": 3}, InvalidInput),
        ({"present": np.ones((3, 3), bool)}, Incompatible),
    ],
)
def test_what_does_not_fit_is_refused(change, error):
    x, here, team = clean(agents=40)
    given = {"present": here, "team": team, "fit": FIT} | change
    with pytest.raises(error, match="fit_own"):
        fit_own(x, **given)


def test_fit_nights_are_not_scored():
    own = fit_own(*clean(agents=40), fit=FIT)
    with pytest.raises(InvalidInput, match="14 fit nights"):
        score_own(own, at=FIT - 1)
