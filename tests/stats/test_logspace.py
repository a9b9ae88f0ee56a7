"""Log space: known faults of others stay out, far out stays a number."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from stats.logspace import (
    log_complement,
    log_odds_of,
    log_softmax,
    probability_text,
    softmax,
)
from stats.summary import InvalidInput

INF = math.inf


def precise(scores: list[float], digits: int = 60) -> list[float]:
    """Log-probabilities in decimals."""
    with localcontext() as context:
        context.prec = digits
        context.Emin, context.Emax = -(10**12), 10**12
        exact = [Decimal(x) for x in scores]
        top = max(exact)
        total = sum((x - top).exp() for x in exact)
        return [float(x - top - total.ln()) for x in exact]


def test_log_sum_exp_as_it_is_used_has_none_of_its_old_faults():
    """Small terms lost, NaN for weights below 0, sign NaN at infinity."""
    assert special.logsumexp([0.0, -40.0]) == 4.248354255291589e-18
    value, sign = special.logsumexp([0.0, 1.0], b=[1.0, -1.0], return_sign=True)
    assert (round(float(value), 12), float(sign)) == (0.541324854613, -1.0)
    value, sign = special.logsumexp([INF, 0.0], return_sign=True)
    assert (float(value), float(sign)) == (INF, 1.0)


@pytest.mark.parametrize(
    ("values", "total"),
    [([], -INF), ([-INF, -INF], -INF), ([INF, 0.0], INF), ([-INF, 2.0], 2.0)],
)
def test_log_sum_exp_at_the_ends(values, total):
    assert special.logsumexp(np.array(values, np.float64)) == total


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=8))
def test_log_softmax_is_the_precise_one(scores):
    expected = np.array(precise(scores))
    # the gap of two scores is rounded once
    error = 4e-16 * (np.abs(expected) + 1.0)
    assert (np.abs(log_softmax(scores) - expected) <= error).all()


@given(st.lists(st.floats(-750, 0), min_size=1, max_size=8))
def test_a_tiny_rest_is_kept(below):
    scores = [0.0, *(x - 40.0 for x in below)]
    first = log_softmax(scores)[0]
    assert first == pytest.approx(precise(scores, 400)[0], rel=1e-14, abs=5e-324)


@pytest.mark.parametrize("k", [1, 2, 10, 1000])
@pytest.mark.parametrize("size", [1.0, 30.0, 1e9])
def test_probabilities_sum_to_one(k, size):
    scores = np.random.default_rng(k).uniform(-size, size, (50, k))
    p = softmax(scores)
    assert abs(p.sum(axis=1) - 1.0).max() <= 1e-15 * k
    np.testing.assert_allclose(p, np.exp(log_softmax(scores)), rtol=1e-14, atol=1e-300)


@pytest.mark.parametrize("log_odds", [0.0, 5e-324, 36.7, 745.0, 1e9, 1.7e308])
def test_two_alternatives_are_log_odds(log_odds):
    for signed in (log_odds, -log_odds):
        found = log_softmax([signed, 0.0])
        expected = [special.log_expit(signed), special.log_expit(-signed)]
        np.testing.assert_allclose(found, expected, rtol=1e-15)
        assert not np.isnan(softmax([signed, 0.0])).any()


def test_the_ends_are_defined():
    assert log_softmax([INF, 0.0, -INF]).tolist() == [0.0, -INF, -INF]
    assert log_softmax([1.7e308, -1.7e308]).tolist() == [0.0, -INF]
    assert softmax([INF, 1.0]).tolist() == [1.0, 0.0]
    assert softmax([-INF, 3.0]).tolist() == [0.0, 1.0]
    assert softmax(np.zeros((0, 3))).shape == (0, 3)
    assert log_softmax(np.zeros((0, 0))).shape == (0, 0)


@pytest.mark.parametrize(
    "scores",
    [[-INF, -INF], [INF, INF, 0.0], [math.nan, 0.0], [], 3.0, np.zeros((2, 0))],
)
@pytest.mark.parametrize("share", [softmax, log_softmax])
def test_what_cannot_be_shared_out_is_refused(share, scores):
    with pytest.raises(InvalidInput, match="log_softmax"):
        share(np.asarray(scores, np.float64))


@given(st.floats(-800, 0, exclude_max=True))
def test_complement_is_the_precise_one(log_p):
    with localcontext() as context:
        context.prec = 700
        expected = float((1 - Decimal(log_p).exp()).ln())
    assert log_complement(log_p) == pytest.approx(expected, rel=4e-16, abs=5e-324)


@given(st.floats(-700, 36))
def test_log_odds_survive_the_way_there_and_back(log_odds):
    back = log_odds_of(special.log_expit(log_odds))
    assert back == pytest.approx(log_odds, rel=1e-13, abs=1e-13)


def test_logarithms_at_the_ends():
    assert log_complement([0.0, -INF]).tolist() == [-INF, 0.0]
    assert log_odds_of([0.0, -INF]).tolist() == [INF, -INF]
    for bad in (1e-300, math.nan):
        with pytest.raises(InvalidInput, match="no logarithms of a probability"):
            log_complement([-1.0, bad])


@pytest.mark.parametrize(
    ("log_odds", "text"),
    [
        (0.0, "0.500"),
        (6.9, "0.999"),
        (-6.9, "0.001"),
        (7.0, "1 - 10^-3.0"),
        (math.log(1e17), "1 - 10^-17.0"),
        (-math.log(1e17), "10^-17.0"),
        (1e9, "1 - 10^-434294482"),
        (-INF, "0"),
    ],
)
def test_near_certain_is_not_printed_as_certain(log_odds, text):
    assert probability_text(log_odds) == text


def test_a_text_needs_a_number():
    with pytest.raises(InvalidInput, match="NaN"):
        probability_text(math.nan)
