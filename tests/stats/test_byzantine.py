"""Rules against liars: closed forms, ranges that must hold, and refusals."""

from __future__ import annotations

import numpy as np
import pytest

from stats.byzantine import (
    STATUSES,
    bounded_influence,
    centered_clipping,
    coordinate_median,
    decide,
    filtered_min_rule,
    geometric_median,
    krum,
    sources_needed,
    trimmed_mean,
)
from stats.summary import InvalidInput
from tests.attacks import ATTACKS, TRUTH, Layout, attacked, attacked_runs

CERTIFIED, SUPPORTED, UNDETERMINED, LOST = range(4)
LAYOUT = Layout("homogeneous", 13, 4)


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("n", [4, 7, 10, 13, 31])
def test_estimates_stay_inside_the_honest_range(name, n):
    f = (n - 1) // 3
    for seed in range(5):
        sent, honest = attacked(Layout("homogeneous", n, f), name, seed)
        low, high = honest.min(axis=0) - 1e-9, honest.max(axis=0) + 1e-9
        usable = np.isfinite(sent).all(axis=1)
        told = np.where(usable[:, None], sent, np.nan)
        for found in (trimmed_mean(told, f), coordinate_median(told)):
            assert ((low <= found) & (found <= high)).all()


@pytest.mark.parametrize("name", ATTACKS)
def test_no_attack_turns_or_prevents_a_certified_decision(name):
    rng = np.random.default_rng([5, *name.encode()])
    (sent,) = attacked_runs(LAYOUT, name, 200, rng)
    found = decide(sent, 4)
    certified = found.status == CERTIFIED
    assert (found.hypothesis[certified] == TRUTH).all()
    assert (found.hypothesis[~certified] == -1).all()
    assert certified.mean() >= 0.9
    assert (found.status != LOST).all()


def test_f_is_zero_decides_by_the_sum():
    rng = np.random.default_rng(1)
    beliefs = rng.standard_normal((50, 6, 3))
    found = decide(beliefs, 0)
    assert found.hypothesis.tolist() == beliefs.sum(axis=1).argmax(axis=1).tolist()
    assert (found.status == CERTIFIED).all()
    tie = decide(np.zeros((1, 5, 2)), 0)
    assert STATUSES[tie.status[0]] == "undetermined"


def test_the_margin_is_the_number_of_sources_that_refute_the_closest_rival():
    own = np.zeros((7, 3))
    own[:, 0] = 10.0
    own[:2, 1] = 50.0  # two sources prefer hypothesis 1
    own[0, 2] = 10.0  # one cannot tell 0 from 2
    found = decide(own[None], 2)
    assert (found.margin[0], found.sources[0], found.leading[0]) == (5, 7, 0)
    assert STATUSES[found.status[0]] == "certified"
    stake = np.log(2.0)
    assert found.evidence[0] == pytest.approx(30.0 - 5 * stake, abs=1e-3)
    assert found.needed == pytest.approx(np.log(2 / 1e-5))
    less = decide(own[None] * 0.4, 2)
    assert STATUSES[less.status[0]] == "undetermined"
    assert (less.hypothesis[0], less.leading[0], less.margin[0]) == (-1, 0, 5)


def test_the_weaker_status_needs_informative_sources_known_from_outside():
    rng = np.random.default_rng(2)
    beliefs = np.zeros((1, 10, 2))
    beliefs[0, :6, 1] = -5.0 + rng.random(6)
    assert STATUSES[decide(beliefs, 3).status[0]] == "undetermined"
    few = decide(beliefs, 3, informative=6)
    assert STATUSES[few.status[0]] == "undetermined"
    known = decide(beliefs, 3, informative=7)
    assert STATUSES[known.status[0]] == "supported"
    assert known.hypothesis[0] == 0


@pytest.mark.parametrize("f", [1, 2, 3, 33])
def test_fewer_than_3f_plus_1_sources_are_a_lost_quorum(f):
    n = sources_needed(f)
    good = np.tile([20.0, 0.0], (1, n, 1))
    assert STATUSES[decide(good, f).status[0]] == "certified"
    few = decide(good[:, 1:], f)
    assert STATUSES[few.status[0]] == "quorum lost"
    assert (few.hypothesis[0], few.leading[0], few.margin[0]) == (-1, -1, 0)
    assert np.isnan(few.evidence[0])


@pytest.mark.parametrize("f", [1, 2, 3, 33])
def test_f_silent_sources_are_withstood_and_more_lose_the_quorum(f):
    good = np.tile([20.0, 0.0], (1, sources_needed(f), 1))
    good[0, :f] = np.nan
    found = decide(good, f)
    assert (STATUSES[found.status[0]], found.sources[0]) == ("certified", 2 * f + 1)
    good[0, f, 0] = np.inf
    assert STATUSES[decide(good, f).status[0]] == "quorum lost"


def test_f_plus_1_liars_can_certify_a_lie():
    """What is beyond the promise, shown: nothing sees it."""
    beliefs = np.tile([9.0, 0.0], (1, 7, 1))
    beliefs[0, :2] = [0.0, 90.0]
    assert decide(beliefs, 2).hypothesis[0] == 0
    beliefs[0, 4:] = 0.0  # of five honest ones three know nothing
    beliefs[0, :3] = [0.0, 90.0]
    found = decide(beliefs, 2)
    assert (found.hypothesis[0], STATUSES[found.status[0]]) == (1, "certified")


def test_a_flood_is_one_vote():
    doubt, h = 0.3, 2
    cap = np.log((h - (h - 1) * doubt) / doubt)
    flood = bounded_influence(np.array([0.0, 1e12]), doubt)
    assert flood[1] - flood[0] == pytest.approx(cap, rel=1e-12)
    assert cap == pytest.approx(np.log((2 - doubt) / doubt))
    nothing = bounded_influence(np.array([np.nan, 1.0]), doubt)
    assert nothing[0] == nothing[1] == pytest.approx(np.log(0.5))


def test_trimmed_mean_and_median_by_hand():
    x = np.array([[1.0], [9.0], [2.0], [3.0], [np.nan]])
    assert trimmed_mean(x, 1).tolist() == [2.5]
    assert coordinate_median(x).tolist() == [2.5]
    assert coordinate_median(x[:3]).tolist() == [2.0]
    assert np.isnan(trimmed_mean(x, 2)).all()
    assert np.isnan(coordinate_median(x[4:])).all()


def test_one_honest_source_that_knows_better_is_enough_for_the_filtered_min():
    beliefs = np.zeros((7, 2))
    beliefs[:3, 1] = -20.0
    assert filtered_min_rule(beliefs, 2).argmax() == 0
    beliefs[3:5, 0] = -1e9  # two liars
    assert filtered_min_rule(beliefs, 2).argmax() == 0
    assert np.isnan(filtered_min_rule(beliefs[:4], 2)).all()


def test_rules_of_the_literature_on_plain_cases():
    square = np.array([[0.0, 0], [2, 0], [0, 2], [2, 2]])
    np.testing.assert_allclose(geometric_median(square), [1, 1], atol=1e-9)
    far = np.concatenate([square, [[1e6, 1e6]]])
    assert np.abs(geometric_median(far)).max() < 2.1
    same = np.array([[1.0, 2.0]] * 3 + [[9.0, 9.0], [-1e9, 0.0]])
    assert geometric_median(same).tolist() == [1.0, 2.0]
    farther = np.concatenate([square, [[1e13, 1e13]]])  # how far it is does not matter
    np.testing.assert_allclose(
        geometric_median(farther), geometric_median(far), atol=1e-3
    )
    crowd = np.array([[0.0], [0.1], [0.2], [0.3], [0.4], [100.0], [200.0]])
    assert 0.1 <= krum(crowd, 2)[0] <= 0.3
    assert krum(crowd, 2, keep=5)[0] == pytest.approx(0.2)
    pulled = centered_clipping(crowd, 1.0)
    assert 0.0 < pulled[0] < 3.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: decide(np.zeros((3, 2)), 0),
        lambda: decide(np.zeros((3, 2, 1)), 0),
        lambda: decide(np.zeros((3, 2, 2)), -1),
        lambda: decide(np.zeros((3, 2, 2)), 0, error=1.0),
        lambda: bounded_influence([0.0, 1.0], 0.0),
        lambda: krum(np.zeros((4, 1)), 2),
        lambda: krum(np.array([[np.nan]] * 5), 1),
        lambda: geometric_median(np.zeros((0, 2))),
        lambda: centered_clipping(np.zeros((3, 1)), 0.0),
    ],
)
def test_what_makes_no_sense_is_refused(call):
    with pytest.raises(InvalidInput, match="Give"):
        call()


def test_a_decision_prints_its_numbers():
    text = repr(decide(np.zeros((2, 4, 2)), 1))
    assert text == (
        "Decision: n=2 | f=1 | certified=0 | supported=0 | undetermined=2 | "
        "quorum lost=0"
    )
