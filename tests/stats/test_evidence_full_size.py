"""Posteriors at full size: rational sums, rounded once, however the rows come.

The rational sum of each layout is found apart, from mantissas and exponents as Python
integers of any length.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from stats.evidence import EvidenceSums, log_posterior, quantised
from stats.summary import merge_all

pytestmark = pytest.mark.slow

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
PRIOR = -4.6
SMALL = 3_000  # rows up to which partitions of one row are tried


def ratios(kind: str, n: int) -> np.ndarray:
    """Ratios without drift, with it, or of which a third cancels at 1e16."""
    rng = np.random.default_rng(n)
    drift = {"none": 0.0, "up": 0.05, "down": -0.05, "cancelling": 0.05}[kind]
    found = rng.normal(drift, 1.0, n)
    if kind == "cancelling":
        pairs = n // 6
        found[: 2 * pairs] = np.repeat([1e16, -1e16], pairs)
        found = rng.permutation(found)
    return found


def rational(ratio: np.ndarray, weight: np.ndarray) -> Fraction:
    """Σ k l / 2¹⁶ without rounding; equal exponents are added up together first."""
    mantissa, exponent = np.frexp(ratio)
    whole = np.ldexp(mantissa, 53).astype(np.int64)
    order = np.argsort(exponent, kind="stable")
    steps = np.flatnonzero(np.diff(exponent[order])) + 1
    total = Fraction(0)
    for rows in np.split(order, steps):
        part = sum(
            m * k for m, k in zip(whole[rows].tolist(), weight[rows].tolist(),
                                  strict=True)
        )  # fmt: skip
        total += Fraction(part) * Fraction(2) ** (int(exponent[rows[0]]) - 53 - 16)
    return total


def in_parts(ratio, weight, order, size) -> EvidenceSums:
    """Add up partitions of `size` rows; where they are tiny, of the first rows only."""
    n = len(ratio)
    small = n if size >= 1_000 else min(n, SMALL * size)
    cuts = [order[i : i + size] for i in range(0, small, size)]
    cuts += [order[small:]] if small < n else []
    at = np.zeros(n, np.int64)
    return merge_all(
        [EvidenceSums.from_block(ratio[c], weight[c], at[: len(c)], 1) for c in cuts]
    )


@pytest.mark.parametrize("kind", ["none", "up", "down", "cancelling"])
@pytest.mark.parametrize("n", SIZES)
def test_log_odds_are_the_rational_sum_rounded_once(kind, n):
    ratio = ratios(kind, n)
    weight = np.random.default_rng(n + 1).random(n)
    truth = rational(ratio, quantised(weight))
    whole = EvidenceSums.from_block(ratio, weight, np.zeros(n, np.int64), 1)
    assert whole.log_ratio()[0, 0] == float(truth)
    rng = np.random.default_rng(n + 2)
    backwards = np.arange(n)[::-1]
    for size in (1, 10, 1_000, 10_000, n):
        for order in (np.arange(n), backwards, rng.permutation(n)):
            assert in_parts(ratio, weight, order, size).digest() == whole.digest()
    found = log_posterior(whole, PRIOR)
    expected = float(Fraction(float(truth)) + Fraction(PRIOR))
    assert found.log_odds.tolist() == [[expected, -expected]]
    off = abs(Fraction(found.log_odds[0, 0]) - truth - Fraction(PRIOR))
    assert off <= Fraction(found.error[0, 0])


@pytest.mark.parametrize("n", [1_000, 1_000_000])
def test_differences_of_hypotheses_are_rational_and_rounded_once(n):
    """Several hypotheses whose own sums are beyond 1e16 and differ by little."""
    rng = np.random.default_rng(n)
    k = 4
    kind = rng.integers(k, size=n)
    ratio = ratios("cancelling", n)
    ratio[:k], kind[:k] = 1e16, np.arange(k)
    sums = EvidenceSums.from_block(
        ratio, 1.0, np.zeros(n, np.int64), 1, hypotheses=kind, n_hypotheses=k
    )
    ones = np.full(n, 1 << 16)
    each = [rational(ratio[kind == h], ones[kind == h]) for h in range(k)]
    for reference in range(k):
        expected = [float(one - each[reference]) for one in each]
        assert sums.against(reference)[0].tolist() == expected


@pytest.mark.parametrize("k", [2, 3, 10, 100, 1_000])
@pytest.mark.parametrize("scale", [1.0, 1e3, 1e9])
def test_probabilities_are_finite_and_sum_to_one(k, scale):
    rng = np.random.default_rng(k)
    groups = 2_000_000 // (k * 10)
    cells = np.arange(groups * k)
    score = rng.uniform(-scale, scale, groups * k)
    sums = EvidenceSums.from_block(
        score, 1.0, cells // k, groups, hypotheses=cells % k, n_hypotheses=k
    )
    found = log_posterior(sums, np.zeros(k))
    for values in (found.p, found.log_p, found.log_not_p, found.log_odds):
        assert np.isfinite(values).all()
    assert np.abs(found.p.sum(axis=1) - 1.0).max() <= 1e-15 * k
    assert ((found.p >= 0.0) & (found.p <= 1.0)).all()


def test_one_hypothesis_is_finite_up_to_a_thousand_million():
    size = np.concatenate([[0.0], np.geomspace(1e-9, 1e9, 100_000)])
    log_odds = np.concatenate([size, -size])
    at = np.arange(len(log_odds))
    found = log_posterior(EvidenceSums.from_block(log_odds, 1.0, at, len(at)), 0.0)
    np.testing.assert_array_equal(found.log_odds[:, 0], log_odds)
    for values in (found.p, found.log_p, found.log_not_p):
        assert np.isfinite(values).all()
    assert np.abs(found.p.sum(axis=1) - 1.0).max() <= 2e-15
