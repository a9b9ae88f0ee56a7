"""Kinds of change told apart, on agents whose truth is known."""

import dataclasses

import numpy as np
import pytest

from stats.calibration import TailCounts, bin_edges
from stats.change_calibration import tail_p
from stats.changes import (
    CHANGE_KINDS,
    TESTED,
    ChangeScores,
    change_null,
    change_scores,
    find_changes,
    fit_own,
    plan_nights,
)
from stats.simulate import KINDS, Anomaly, Population, PopulationParams
from stats.summary import Incompatible, InvalidInput
from tests.residuals import residuals

NIGHTS, CONSTANT, SITE = 29, 5, 3
PARAMS = PopulationParams(
    agents=4_000, nights=NIGHTS, features=6, sites=4, teams_per_site=25,
    correlation=0.9, constant=(CONSTANT,), seed=11,
)  # fmt: skip
START = NIGHTS - 7
# Kind injected, agents, size and the kind that must be reported.
INJECTED = {
    "mean shift": (3.0, "mean shift"),
    "variance inflation": (16.0, "variance inflation"),
    "correlation break": (1.0, "correlation break"),
    "slow drift": (0.7, "slow drift"),
    "silence": (1.0, "silence"),
    "constant feature moves": (1.0, "constant feature moved"),
    "weak direction": (6.0, "mean shift"),
}
EACH = 30


def agents_of(number):
    return tuple(range(number + 1, 4_000, 4_000 // EACH))[:EACH]


@pytest.fixture(scope="module")
def night():
    """Scores, null and truth with every kind injected and a storm over one site."""
    anomalies = [
        Anomaly(
            kind,
            start=NIGHTS - 4 if kind == "silence" else START,
            size=size,
            agents=agents_of(number),
            features=(0, 1) if kind in ("mean shift", "slow drift") else (),
        )
        for number, (kind, (size, _)) in enumerate(INJECTED.items())
    ]
    storm = Anomaly("storm", start=NIGHTS - 2, size=6.0, site=SITE)
    data = residuals(Population(PARAMS, (*anomalies, storm)))
    plan = plan_nights(NIGHTS)
    own = fit_own(*data.args, fit=plan.fit)
    return data, own, change_scores(own), change_null(own, plan.nulls)


@pytest.fixture(scope="module")
def changes(night):
    return find_changes(night[2], night[3])


@pytest.mark.parametrize("kind", INJECTED)
def test_every_kind_is_found_and_called_by_its_name(night, changes, kind):
    mine = night[0].kind[:, -1] == KINDS.index(kind) + 1
    assert mine.sum() == EACH
    found = mine & changes.found
    assert found.sum() >= 0.6 * EACH
    expected = CHANGE_KINDS.index(INJECTED[kind][1])
    assert (changes.kind[found] == expected).mean() >= 0.8


def test_few_are_found_by_mistake_and_none_in_the_storm(night, changes):
    truth = night[0].kind[:, -1] > 0
    wrong = changes.found & ~truth
    number = changes.found.sum()
    # Three binomial standard errors above the stated rate.
    assert wrong.sum() <= 0.05 * number + 3 * np.sqrt(0.05 * number)
    storm = np.arange(4_000) >= 3_000
    # Everybody there moved by six sd.
    assert wrong[storm].mean() <= 0.01


def test_sizes_begin_and_features_say_what_happened(night, changes):
    kind = night[0].kind[:, -1]

    def of(name):
        return changes.found & (kind == KINDS.index(name) + 1)

    shifted, silent = of("mean shift"), of("silence")
    assert np.median(changes.since[shifted]) == pytest.approx(START, abs=1)
    assert (changes.size[silent] >= 4).all()
    assert np.median(changes.size[silent]) == 4
    assert changes.contributions[shifted][:, :2].sum(axis=1).mean() > 0.7
    assert np.median(changes.size[of("variance inflation")]) > 2.5
    moved = changes.contributions[of("constant feature moves")]
    assert (moved.argmax(axis=1) == CONSTANT).all()
    assert (changes.kind[~changes.found] == -1).all()


def test_nobody_is_blamed_for_who_moved_in_a_constant_feature(night):
    moved = night[2].constant_moved
    truth = night[0].kind[:, -1] == KINDS.index("constant feature moves") + 1
    here = night[0].present[:, START:].any(axis=1)
    np.testing.assert_array_equal(moved[:, CONSTANT], truth & here)
    assert not moved[:, :CONSTANT].any()


def test_later_nights_change_nothing(night):
    data, own, _, _ = night
    at = 21
    x = data.residual.copy()
    x[:, at + 1 :] = np.nan
    here = data.present & (np.arange(NIGHTS) <= at)
    other = fit_own(x, here, data.team, fit=own.fit, floors=own.floors)
    first, second = (change_scores(o, at=at, drift=7) for o in (own, other))
    for name in ("log_p", "size", "since", "contributions", "constant_moved"):
        expected = getattr(first, name)
        np.testing.assert_array_equal(getattr(second, name), expected, name)


def test_sites_add_up_to_the_fleet(night):
    data, own, scores, null = night
    plan = plan_nights(NIGHTS)
    parts, nulls = [], []
    for rows in (data.team < 40, data.team >= 40):
        piece = fit_own(
            data.residual[rows], data.present[rows], data.team[rows],
            fit=own.fit, floors=own.floors,
        )  # fmt: skip
        parts.append(change_scores(piece))
        nulls.append(change_null(piece, plan.nulls))
    joined = ChangeScores.concatenate(parts)
    np.testing.assert_allclose(joined.log_p, scores.log_p, rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(joined.since, scores.since)
    merged = nulls[0].merge(nulls[1])
    assert merged.size.tolist() == null.size.tolist()
    assert np.abs(merged.counts - null.counts).sum() <= 4
    one, other = find_changes(joined, merged), find_changes(scores, null)
    np.testing.assert_array_equal(one.found, other.found)


def test_null_nights_touch_neither_reference_nor_tonight():
    for total in range(10, 70):
        plan = plan_nights(total)
        assert plan.at == total - 1
        assert plan.window <= plan.drift <= 14
        for at in plan.nulls:
            assert plan.fit <= at - plan.drift + 1
            assert at <= plan.at - plan.drift
    assert plan_nights(29).nulls == (20, 21)
    assert plan_nights(61).drift == 14


def test_odd_agents_are_left_out_and_say_why(night):
    data = night[0]
    x, here = data.residual[:400].copy(), data.present[:400].copy()
    x[0] = np.nan
    here[0] = False
    x[1, :-1], here[1, :-1] = np.nan, False
    x[2, -7:], here[2, -7:] = np.nan, False
    own = fit_own(x, here, data.team[:400], fit=14)
    scores = change_scores(own)
    assert np.isnan(scores.log_p[0]).all()
    assert np.isfinite(scores.log_p[1, TESTED.index("mean shift")])
    assert np.isnan(scores.log_p[1, TESTED.index("silence")])
    assert scores.reason[:4].tolist() == [2, 0, 2, 0]
    assert scores.size[2, TESTED.index("silence")] == 7
    found = find_changes(scores, change_null(own, (20, 21)))
    assert np.isnan(found.p[0])
    assert not found.found[0]


def test_one_feature_has_no_correlation_to_break():
    data = residuals(Population(dataclasses.replace(PARAMS, features=1, constant=())))
    scores = change_scores(fit_own(*data.args, fit=14))
    seen = np.isfinite(scores.log_p).mean(axis=0) > 0.9
    expected = [kind != "correlation break" for kind in TESTED]
    assert seen.tolist() == expected


def test_a_short_series_has_no_null_and_finds_nothing():
    data = residuals(Population(dataclasses.replace(PARAMS, nights=9, constant=())))
    plan = plan_nights(9)
    assert plan.nulls == ()
    own = fit_own(*data.args, fit=plan.fit)
    found = find_changes(change_scores(own), change_null(own, plan.nulls))
    assert not found.found.any()
    assert np.nanmin(found.p) == 1


def test_ranks_inside_the_pool_and_a_tail_beyond_it():
    rng = np.random.default_rng(0)
    x = rng.exponential(1.3, 20_000)
    null = TailCounts.from_block(-x, np.zeros(20_000, int), 1)
    ask = np.array([0.5, 3.0, 5.0, 11.0, 25.0])
    p, far = tail_p(null, -ask, np.zeros(5, int))
    np.testing.assert_array_equal(p[:3], null.calibrate(-ask[:3], np.zeros(3, int)))
    assert far.tolist() == [False, False, False, False, True]
    truth = np.exp(-ask / 1.3)
    assert (p[3:] >= truth[3:] * 0.5).all()
    assert np.log(p[3:]) == pytest.approx(np.log(truth[3:]), rel=0.15)
    assert (np.diff(p) < 0).all()


def test_few_null_scores_are_not_extrapolated():
    null = TailCounts.from_block(-np.arange(40.0), np.zeros(40, int), 1)
    p, far = tail_p(null, [-1000.0, np.nan], [0, 0])
    assert p[0] == pytest.approx(1 / 41)
    assert np.isnan(p[1])
    assert far.tolist() == [True, False]


def test_edges_enclose_what_their_bins_count():
    edges = bin_edges()
    assert (np.diff(edges) > 0).all()
    inside = (edges[:-1] + edges[1:]) / 2
    null = TailCounts.from_block(-inside, np.zeros(len(inside), int), 1)
    np.testing.assert_array_equal(null.counts[0], np.ones(len(inside)))
    low = TailCounts.from_block(-edges[:-1], np.zeros(len(edges) - 1, int), 1)
    np.testing.assert_array_equal(low.counts, null.counts)


@pytest.mark.parametrize(
    "options", [{"at": 13}, {"at": NIGHTS}, {"window": 0}, {"window": 9, "drift": 8}]
)
def test_nights_and_windows_must_fit(night, options):
    with pytest.raises(InvalidInput, match="change_scores"):
        change_scores(night[1], **options)


def test_scores_and_null_must_be_of_the_same_kinds(night):
    with pytest.raises(Incompatible, match="null pools"):
        find_changes(night[2], TailCounts.from_block([], [], 2))
    with pytest.raises(Incompatible, match="nights"):
        ChangeScores.concatenate([night[2], change_scores(night[1], at=20)])
    with pytest.raises(InvalidInput, match="no parts"):
        ChangeScores.concatenate([])


def test_one_mover_of_a_constant_feature_does_not_accuse_its_team():
    """The mean that all are compared with moves too, and so does its weight."""
    rng = np.random.default_rng(8)
    agents, nights = 20, 29
    value = rng.normal(0.0, 3.0, agents)
    x = np.repeat(value[:, None], nights, axis=1)
    x[4, -1] += 10.0
    here = np.ones(x.shape, dtype=bool)
    here[6, -1] = False
    x[6, -1] = np.nan
    n = here.sum(axis=0)
    residual = (x - np.nanmean(x, axis=0)) / np.sqrt(1 - 1 / n)
    other = rng.normal(size=x.shape)
    both = np.stack([other - other.mean(axis=0), residual], axis=2)
    own = fit_own(both, here, np.zeros(agents, int), fit=14, floors=[0.01, 0.03])
    moved = change_scores(own).constant_moved
    assert np.flatnonzero(moved.any(axis=1)).tolist() == [4]
    assert moved[4].tolist() == [False, True]
