"""Changes of agents at their stated rates: per kind, per agent, and over a fleet.

Rates are of tonight's p against a null pool of earlier nights, over independent
populations; a bound is the stated tolerance plus two standard errors of the cell, taken
from the populations themselves.
"""

import numpy as np
import pytest

from stats.changes import (
    TESTED,
    ChangeScores,
    change_null,
    change_scores,
    find_changes,
    fit_own,
    plan_nights,
)
from stats.own_scores import score_own
from stats.simulate import Anomaly, Population, PopulationParams
from tests.residuals import residuals

pytestmark = pytest.mark.slow

ALPHA = np.array([0.05, 0.01, 0.001])
TOLERANCE = np.array([0.005, 0.005, 0.0005])
NIGHTS, RUNS, AGENTS = 43, 6, 20_000
LAST = NIGHTS - 1


def _changes(seed, d, tail, anomalies=(), agents=AGENTS, **options):
    """Changes of a population, and what was injected tonight."""
    params = PopulationParams(
        agents=agents, nights=NIGHTS, features=d, tail=tail, seed=seed,
        sites=20, teams_per_site=agents // 800,
    )  # fmt: skip
    data = residuals(Population(params, anomalies))
    plan = plan_nights(NIGHTS)
    own = fit_own(*data.args, fit=plan.fit, **options)
    scores = change_scores(own)
    found = find_changes(scores, change_null(own, plan.nulls))
    return found, data.kind[:, -1]


@pytest.mark.parametrize("d", [2, 8])
@pytest.mark.parametrize("tail", [8.0, np.inf])
def test_every_kind_keeps_its_level(d, tail, record):
    rates, whole = [], []
    for seed in range(RUNS):
        found, _ = _changes(seed, d, tail)
        p = found.kind_p
        tested = np.isfinite(p).sum(axis=0)
        rates.append([(p <= a).sum(axis=0) / tested for a in ALPHA])
        whole.append([np.nanmean(found.p <= a) for a in ALPHA])
    rates = np.array(rates)
    mean = rates.mean(axis=0)
    error = rates.std(axis=0, ddof=1) / np.sqrt(RUNS)
    record("rates", {k: mean[:, i].round(5).tolist() for i, k in enumerate(TESTED)})
    record("standard_errors", error.max(axis=1).round(5).tolist())
    record("agents", np.mean(whole, axis=0).round(5).tolist())
    bound = TOLERANCE[:, None] + 2 * error
    values = slice(0, TESTED.index("silence"))
    assert (np.abs(mean - ALPHA[:, None]) <= bound)[:, values].all(), mean
    # Runs of absence are few different values: only the upper side is promised.
    assert (mean - ALPHA[:, None] <= bound).all(), mean
    assert (np.mean(whole, axis=0) <= ALPHA + TOLERANCE).all()


@pytest.mark.parametrize("share", [0.01, 0.1])
def test_false_discoveries_stay_below_their_rate_in_a_fleet(share, record):
    start = LAST - 6
    kinds = (
        Anomaly("mean shift", start=start, size=2.0, features=(0, 1), share=share / 5),
        Anomaly("variance inflation", start=start, size=6.0, share=share / 5),
        Anomaly("correlation break", start=start, share=share / 5),
        Anomaly("slow drift", start=LAST - 13, size=0.3, share=share / 5),
        Anomaly("weak direction", start=start, size=5.0, share=share / 5),
        Anomaly("storm", start=LAST - 1, size=5.0, site=3),
    )
    found, kind = _changes(50, 8, 8.0, kinds, agents=100_000)
    truth = kind > 0
    wrong = int((found.found & ~truth).sum())
    number = int(found.found.sum())
    record("found", number)
    record("false_share", round(wrong / number, 4))
    record("recall", found.found[truth].mean().round(4))
    # One fleet: two binomial standard errors beside the tolerance.
    bound = 0.05 + 0.01 + 2 * np.sqrt(0.05 * 0.95 / number)
    assert wrong / number <= bound
    assert number > 0.2 * truth.sum()
    storm = np.arange(100_000) * 20 // 100_000 == 3
    rate = (found.found & ~truth)[storm].mean()
    elsewhere = (found.found & ~truth)[~storm].mean()
    record("storm_and_elsewhere", [round(float(r), 5) for r in (rate, elsewhere)])
    assert rate <= 2 * elsewhere + 0.001


def test_a_move_in_a_weak_direction_is_found(record):
    """Six sd along the contrast of two features, one night: no feature shows it."""
    anomaly = Anomaly("weak direction", start=LAST, size=6.0, share=0.01)
    params = PopulationParams(
        agents=20_000, nights=NIGHTS, features=10, tail=np.inf, correlation=0.95,
        memory_sd=0.0, missing=0.0, absent=0.0, teams_per_site=25, seed=7,
    )  # fmt: skip
    data = residuals(Population(params, (anomaly,)))
    plan = plan_nights(NIGHTS)
    own = fit_own(*data.args, fit=plan.fit)
    found = find_changes(change_scores(own), change_null(own, plan.nulls))
    truth = data.kind[:, -1] > 0
    z = own.standardised(np.arange(20_000), slice(LAST, NIGHTS))[:, 0]
    flat = np.square(z).sum(axis=1)
    log_p = score_own(own).log_p
    tonight = (log_p[truth] <= np.log(0.05)).mean()
    level = (log_p[~truth] <= np.log(0.05)).mean()
    among_windows = (found.kind_p[truth, 0] <= 0.05).mean()
    diagonal = (flat[truth] > np.quantile(flat[~truth], 0.95)).mean()
    record("level_of_one_night", level.round(4))
    record("power_tonight_windows_diagonal", [tonight, among_windows, diagonal])
    assert abs(level - 0.05) <= 0.005 + 2 * np.sqrt(0.05 / 20_000)
    assert tonight >= 0.95
    # One night of seven, after the largest of all windows: dearer, not blind.
    assert among_windows >= 0.85
    assert diagonal < 0.2


def test_sites_that_are_scored_apart_keep_the_fleets_rate(record):
    """Null pools merge over sites; scores are joined before they are tested."""
    plan, parts, null = plan_nights(NIGHTS), [], None
    for seed in range(5):
        params = PopulationParams(agents=4_000, nights=NIGHTS, sites=1, seed=seed)
        data = residuals(Population(params))
        own = fit_own(*data.args, fit=plan.fit)
        parts.append(change_scores(own))
        one = change_null(own, plan.nulls)
        null = one if null is None else null.merge(one)
    found = find_changes(ChangeScores.concatenate(parts), null)
    rate = np.nanmean(found.p <= 0.05)
    record("rate", rate.round(4))
    assert rate <= 0.05 + 2 * np.sqrt(0.05 / 20_000)
    assert found.found.sum() <= 5
