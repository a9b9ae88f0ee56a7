"""Value of information per byte, against conditional variances of a random walk."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from stats.backlog import (
    Backlog,
    after_last,
    between_ends,
    nightly_volatility,
    remaining_variance,
)
from stats.summary import InvalidInput
from stats.transfer import Objective, information_value, plan_transfer


def conditional(delivered: np.ndarray) -> tuple[float, float]:
    """Variance of the last night and of the mean of a walk, given what is here."""
    b = len(delivered)
    covariance = np.minimum.outer(np.arange(1, b + 1), np.arange(1, b + 1)) * 1.0
    o, u = np.flatnonzero(delivered), np.flatnonzero(~delivered)
    cross = covariance[np.ix_(u, o)]
    rest = covariance[np.ix_(u, u)]
    if len(o):
        rest = rest - cross @ np.linalg.solve(covariance[np.ix_(o, o)], cross.T)
    whole = np.zeros((b, b))
    whole[np.ix_(u, u)] = rest
    return float(whole[-1, -1]), float(whole.sum()) / b**2


def naive(backlog: Backlog) -> tuple[float, float]:
    weight = backlog.mass**2 * backlog.volatility
    found = np.array([conditional(row) for row in backlog.delivered])
    return tuple((weight @ found).tolist())


def random_backlog(rng: np.random.Generator, sites: int = 5, nights: int = 9):
    delivered = rng.random((sites, nights)) < rng.choice(
        [0.0, 0.3, 0.7, 1.0], (sites, 1)
    )
    cost = rng.integers(1, 50, delivered.shape) * (rng.random(delivered.shape) < 0.9)
    return Backlog(
        rng.dirichlet(np.ones(sites)),
        rng.gamma(1.0, size=sites) * (rng.random(sites) < 0.9),
        delivered,
        np.where(delivered, 0, cost).astype(float),
    )


def naive_plan(backlog: Backlog, budget: float, objective: str) -> list[tuple]:
    """Try every night that fits, take the best, begin anew."""
    start, order, left = naive(backlog), [], budget
    here, offered = backlog.delivered.copy(), backlog.nbytes.copy()
    use = {"current": (1, 0), "window": (0, 1), "both": (1, 1)}[objective]

    def lost(delivered: np.ndarray) -> float:
        now = naive(Backlog(backlog.mass, backlog.volatility, delivered, 0 * offered))
        return sum(c * v / s for c, v, s in zip(use, now, start, strict=True) if s)

    while True:
        best = None
        for site, night in itertools.product(*map(range, here.shape)):
            if 0 < offered[site, night] <= left:
                with_it = here.copy()
                with_it[site, night] = True
                value = (lost(here) - lost(with_it)) / offered[site, night]
                key = (round(value, 12), night, -site)
                best = max(best, key) if best else key
        if best is None:
            return order
        _, night, site = best
        order.append((-site, night))
        left -= offered[-site, night]
        here[-site, night] = True
        offered[-site, night] = 0


def test_gap_formulas_are_the_summed_covariances() -> None:
    for length in range(8):
        i = np.arange(1, length + 1, dtype=float)
        walk = np.minimum.outer(i, i)
        bridge = walk - np.outer(i, i) / (length + 1)
        gap = np.array([length])
        assert between_ends(gap)[0] == pytest.approx(bridge.sum(), abs=1e-12)
        assert after_last(gap)[0] == pytest.approx(walk.sum(), abs=1e-12)
    assert between_ends(np.array([1]))[0] == 0.5  # half of q²: two known neighbours


def test_gap_formulas_are_the_variances_of_simulated_walks() -> None:
    rng, runs, length = np.random.default_rng(7), 40_000, 4
    walk = rng.normal(size=(runs, length + 1)).cumsum(axis=1)
    gap = np.array([length])
    free = walk[:, :length].sum(axis=1).var()
    tied = walk - np.arange(1, length + 2) / (length + 1) * walk[:, -1:]
    bound = tied[:, :length].sum(axis=1).var()
    error = 4 * math.sqrt(2 / runs)  # four standard errors of a variance
    assert free == pytest.approx(after_last(gap)[0], rel=error)
    assert bound == pytest.approx(between_ends(gap)[0], rel=error)


@pytest.mark.parametrize("seed", range(8))
def test_remaining_variance_is_the_conditional_one(seed: int) -> None:
    backlog = random_backlog(np.random.default_rng(seed))
    found = remaining_variance(backlog)
    assert (found.current, found.window) == pytest.approx(naive(backlog), abs=1e-12)


@pytest.mark.parametrize("objective", Objective)
def test_value_is_what_a_night_takes_away_per_byte(objective: Objective) -> None:
    backlog = random_backlog(np.random.default_rng(3))
    start = naive(backlog)
    value = information_value(
        backlog.mass, backlog.volatility, backlog.delivered, backlog.nbytes, objective
    )
    assert backlog.n > 5
    for site, night in itertools.product(*map(range, value.shape)):
        expected = 0.0
        if cost := backlog.nbytes[site, night]:
            with_it = backlog.delivered.copy()
            with_it[site, night] = True
            after = naive(
                Backlog(backlog.mass, backlog.volatility, with_it, 0 * backlog.nbytes)
            )
            parts = [(s - a) / s for s, a in zip(start, after, strict=True)]
            use = {"current": parts[:1], "window": parts[1:], "both": parts}[objective]
            expected = sum(use) / cost
        assert value[site, night] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("objective", Objective)
@pytest.mark.parametrize("seed", range(3))
def test_plan_is_the_greedy_one(objective: Objective, seed: int) -> None:
    backlog = random_backlog(np.random.default_rng(seed), sites=3, nights=5)
    for budget in (0.0, 40.0, math.inf):
        site, night = plan_transfer(backlog, budget, objective)
        pairs = list(zip(site.tolist(), night.tolist(), strict=True))
        assert pairs == naive_plan(backlog, budget, objective)
        assert backlog.nbytes[site, night].sum() <= budget
    assert len(pairs) == backlog.n


def test_objectives_differ_and_a_middle_night_tells_most_of_a_gap() -> None:
    one = np.array([1.0])
    missing = np.zeros((1, 7), dtype=bool)
    nights = Backlog(one, one, missing, np.ones((1, 7)))
    assert plan_transfer(nights, 1, "current")[1].tolist() == [6]
    assert plan_transfer(nights, 1, "window")[1].tolist() == [4]
    here = np.array([[True, False, False, False, False, False, True]])
    gap = Backlog(one, one, here, (~here).astype(float))
    assert plan_transfer(gap, 1, "both")[1].tolist() == [3]


def test_equals_go_newest_first_and_worthless_nights_are_sent_too() -> None:
    zero = np.zeros(2)
    backlog = Backlog(zero, zero, np.zeros((2, 2), dtype=bool), np.ones((2, 2)))
    site, night = plan_transfer(backlog, math.inf, "both")
    assert list(zip(site.tolist(), night.tolist(), strict=True)) == [
        (0, 1), (1, 1), (0, 0), (1, 0),
    ]  # fmt: skip
    nothing = Backlog(zero[:0], zero[:0], np.zeros((0, 2), bool), np.zeros((0, 2)))
    assert len(plan_transfer(nothing, math.inf, "both")[0]) == 0


def test_volatility_leaves_sampling_noise_out() -> None:
    rng = np.random.default_rng(11)
    q, noise, nights = np.array([0.5, 2.0, 0.0]), 0.3, 20_000
    truth = (np.sqrt(q)[:, None] * rng.normal(size=(3, nights))).cumsum(axis=1)
    seen = truth + math.sqrt(noise) * rng.normal(size=truth.shape)
    seen[:, ::97] = np.nan
    found = nightly_volatility(seen, np.full(3, noise))
    assert found == pytest.approx(q, abs=0.08)
    alone = nightly_volatility([[1.0, np.nan, 2.0], [1.0, 1.0, 1.0]], [0.1, 0.1])
    np.testing.assert_array_equal(alone, [np.nan, 0.0])


def test_what_cannot_be_meant_is_refused() -> None:
    one, here = np.ones(1), np.array([[True, False]])
    with pytest.raises(InvalidInput, match="shapes"):
        Backlog(one, np.ones(2), here, np.zeros((1, 2)))
    with pytest.raises(InvalidInput, match="shapes"):
        Backlog(one, one, here[:, :0], np.zeros((1, 0)))
    with pytest.raises(InvalidInput, match="volatility holds nan"):
        Backlog(one, one * np.nan, here, np.zeros((1, 2)))
    with pytest.raises(InvalidInput, match="mass holds -1"):
        Backlog(-one, one, here, np.zeros((1, 2)))
    with pytest.raises(InvalidInput, match="is delivered"):
        Backlog(one, one, here, np.ones((1, 2)))
    good = Backlog(one, one, here, np.array([[0.0, 3.0]]))
    with pytest.raises(InvalidInput, match="objective 'best'"):
        plan_transfer(good, 1, "best")
    with pytest.raises(InvalidInput, match="budget_bytes is nan"):
        plan_transfer(good, math.nan, "both")
    with pytest.raises(InvalidInput, match=r"Give \(s, h\)"):
        nightly_volatility([1.0], [1.0])
    assert repr(good) == "Backlog: n=1 | sites=1 | nights=2 | bytes=3"
