"""The evidence that is left whoever lies: its proof, taken apart into tests."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from stats.byzantine import (
    decide,
    evidence_against_rivals,
    evidence_needed,
    further_rounds,
)
from stats.byzantine_certificate import STAKE
from stats.summary import InvalidInput
from tests.attacks import Layout, attacked_runs


def naive(beliefs, chosen, f):
    """Smallest log product of bets over all choices of n - f sources."""
    n, h = beliefs.shape
    out = np.full(h, np.inf)
    for rival in range(h):
        if rival != chosen:
            ratio = beliefs[:, chosen] - beliefs[:, rival]
            ratio = np.where(np.isfinite(beliefs).all(axis=1), ratio, 0.0)
            bets = np.log((1 + np.exp(ratio)) / 2)
            out[rival] = min(sum(c) for c in itertools.combinations(bets, n - f))
    return out


def test_it_is_the_worst_choice_of_honest_sources():
    rng = np.random.default_rng(1)
    for f in range(4):
        x = 3.0 * rng.standard_normal((20, 7, 3))
        x[3, 2] = np.nan
        x[4, 1, 0] = np.inf
        chosen = rng.integers(0, 3, 20)
        with np.errstate(invalid="ignore"):
            expected = [naive(b, c, f) for b, c in zip(x, chosen, strict=True)]
        got = evidence_against_rivals(x, chosen, f)
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


def test_whatever_liars_send_it_is_no_more_than_the_honest_sources_say():
    rng = np.random.default_rng(2)
    honest = rng.standard_normal((200, 9, 2))
    alone = evidence_against_rivals(honest, np.zeros(200, int), 0)[:, 1]
    for scale in (1.0, 50.0, 1e300):
        lies = scale * rng.standard_normal((200, 4, 2))
        sent = np.concatenate([honest, lies], axis=1)
        with_lies = evidence_against_rivals(sent, np.zeros(200, int), 4)[:, 1]
        assert (with_lies <= alone + 1e-12).all()


def test_nothing_liars_send_is_worse_than_to_deny():
    rng = np.random.default_rng(3)
    honest = 5.0 + 3.0 * rng.standard_normal((300, 9, 2)) * [1.0, 0.0]
    worst = np.sort(np.logaddexp(0, honest[..., 0] - honest[..., 1]), axis=1)[:, :5]
    floor = (worst - STAKE).sum(axis=1) - 4 * STAKE
    for scale in (0.0, 1.0, 1e12):
        lies = scale * rng.standard_normal((300, 4, 2))
        sent = np.concatenate([honest, lies], axis=1)
        got = evidence_against_rivals(sent, np.zeros(300, int), 4)[:, 1]
        assert (got >= floor - 1e-9).all()


def test_a_flood_takes_one_stake_and_gives_no_more_than_another_source_could():
    rng = np.random.default_rng(4)
    x = 2.0 + 3.0 * rng.standard_normal((500, 10, 2)) * [1.0, 0.0]
    zero = np.zeros(500, int)
    silent, down, up = x.copy(), x.copy(), x.copy()
    silent[:, 0], down[:, 0], up[:, 0] = np.nan, [-1e12, 0.0], [1e12, 0.0]
    base, low, high = (
        evidence_against_rivals(y, zero, 3)[:, 1] for y in (silent, down, up)
    )
    assert (low <= base).all()
    assert (base - low <= STAKE + 1e-12)[base > 0].all()
    others = np.sort(np.logaddexp(0, x[:, 1:, 0] - x[:, 1:, 1]) - STAKE, axis=1)
    assert (high - base <= np.maximum(others[:, 6], 0) + 1e-12).all()


@pytest.mark.parametrize("rounds", [5, 50, 200])
def test_the_mean_of_the_bets_is_one_if_the_rival_is_true(rounds):
    """E-values: what Markov's inequality needs, checked by simulation."""
    layout = Layout("homogeneous", 13, 4, hypotheses=2, rounds=rounds)
    rng = np.random.default_rng([5, rounds])
    (sent,) = attacked_runs(layout, "none", 20_000, rng)
    told = sent[:, :3]  # false hypothesis 1 is bet on, by three sources
    product = np.exp(evidence_against_rivals(told, np.ones(20_000, int), 0)[:, 0])
    for size in (1.0, 3.0, 10.0, 100.0):
        assert (product >= size).mean() <= 1 / size
    assert np.minimum(product, 1e4).mean() <= 1.0 + 5 * product.std() / 141


def test_a_smaller_error_needs_more():
    assert evidence_needed(2, 1e-3) == pytest.approx(6.9077552789821)
    assert evidence_needed(5, 1e-3) - evidence_needed(2, 1e-3) == pytest.approx(
        np.log(4)
    )
    with pytest.raises(InvalidInput, match="error 0"):
        evidence_needed(2, 0)


def test_further_rounds_settle_what_they_say():
    x = np.zeros((3, 7, 2))
    x[0, :, 0] = 20.0  # certified
    x[1, :, 0] = 2.0
    x[2, :2, 0] = 500.0  # two sources of seven know, and two may lie
    chosen = np.zeros(3, int)
    more = further_rounds(x, chosen, 2, rounds=100, error=1e-5)
    assert more[0] == 0
    assert np.isinf(more[2])
    grown = x[[1]] * (1 + more[1] / 100)
    assert decide(x[[1]], 2).status[0] == 2
    assert decide(grown, 2).status[0] == 0
    assert decide(grown * 0.8, 2).status[0] == 2
    assert decide(x, 2).margin.tolist() == [7, 7, 2]
