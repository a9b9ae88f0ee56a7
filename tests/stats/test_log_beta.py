"""The beta function against exact factorials, integrals and its own recurrence."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from stats.log_beta import log_beta, stirling_remainder

PI = Decimal("3.14159265358979323846264338327950288419716939937510582")


def exact(a: int, b: int) -> float:
    """Log of (a-1)! (b-1)! / (a+b-1)!, the quotient as one integer."""
    top = math.comb(a + b - 2, a - 1) * (a + b - 1)
    shift = max(top.bit_length() - 900, 0)
    return -(math.log(top >> shift) + shift * math.log(2.0))


@given(st.integers(1, 3_000), st.integers(1, 3_000))
def test_whole_numbers(a, b):
    assert log_beta(a, b) == pytest.approx(exact(a, b), rel=2e-15, abs=2e-14)


@given(st.floats(0.2, 30), st.floats(0.2, 30))
def test_against_its_integral(a, b):
    def density(t: float) -> float:  # of the logit, which has no ends to diverge at
        return math.exp(-a * math.log1p(math.exp(-t)) - b * math.log1p(math.exp(t)))

    total, _ = integrate.quad(density, -200, 200, epsabs=0, epsrel=1e-12, points=[
        math.log(a / b)], limit=200)  # fmt: skip
    assert log_beta(a, b) == pytest.approx(math.log(total), abs=2e-11)


@pytest.mark.parametrize("large", [1e4, 1e9, 1e12, 1e15])
@pytest.mark.parametrize("a", [1, 2, 5, 9, 10, 11, 40])
def test_one_far_larger_than_the_other(a, large):
    """Differences of log Γ are wrong by 4e-3 here; products are not."""
    product = Fraction(math.factorial(a - 1))
    for k in range(a):
        product /= Fraction(int(large) + k)
    top = math.log(product.numerator) - math.log(product.denominator)
    assert log_beta(a, large) == pytest.approx(top, rel=1e-14)


@pytest.mark.parametrize("n", [1e4, 1e8, 1e12])
def test_both_large_by_stirling(n):
    """B(n, n) = 4^-n sqrt(π/n) 2 (1 + 1/(8n) + …)."""
    expected = math.log(2) + 0.5 * math.log(math.pi / n) - 2 * n * math.log(2)
    assert log_beta(n, n) == pytest.approx(expected + 0.125 / n, rel=4e-16)


def test_no_step_between_the_formulas():
    for b in (5.0, 12.0, 1e6):
        below, above = log_beta(np.nextafter(10.0, 0.0), b), log_beta(10.0, b)
        assert below == pytest.approx(float(above), abs=1e-13)


def test_far_ends_stay_numbers():
    ends = np.array([1e-100, 1.0, 1e100])
    found = log_beta(ends[:, None], ends)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found, found.T)


@pytest.mark.parametrize("x", [10, 11, 20, 1_000])
def test_the_series_is_exact_from_ten_on(x):
    with localcontext() as context:
        context.prec = 50
        big = Decimal(x)
        stirling = (big - Decimal("0.5")) * big.ln() - big + (2 * PI).ln() / 2
        expected = float(Decimal(math.factorial(x - 1)).ln() - stirling)
    found = stirling_remainder(np.array([float(x)]))[0]
    assert found == pytest.approx(expected, rel=1e-14, abs=0)
