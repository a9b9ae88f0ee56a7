"""F tails against exact rational sums, and rows left out against a refit."""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats as distributions

from stats.tails import left_out_distance, log_f_tail, new_row_log_p


def _exact_log_tail(f: int, p: int, dof: int) -> float:
    """Even degrees of freedom: the tail is a finite binomial sum of rationals."""
    z = Fraction(dof, dof + p * f)
    a, n = dof // 2, dof // 2 + p // 2 - 1
    tail = sum(math.comb(n, j) * z**j * (1 - z) ** (n - j) for j in range(a, n + 1))
    shift = tail.denominator.bit_length() - tail.numerator.bit_length()
    scaled = tail * Fraction(2) ** shift
    return math.log(scaled) - shift * math.log(2)


@pytest.mark.parametrize(
    ("f", "p", "dof"),
    [(1, 2, 10), (3, 6, 40), (60, 6, 5000), (10**8, 6, 400), (10**4, 20, 900)],
)
def test_log_tail_equals_the_exact_sum_far_below_float64(f, p, dof):
    expected = _exact_log_tail(f, p, dof)
    np.testing.assert_allclose(log_f_tail(f, p, dof), expected, rtol=1e-11)


def test_log_tail_equals_scipy_where_that_does_not_underflow():
    f = np.geomspace(1e-3, 40.0, 50)[:, None]
    dof = np.array([3.0, 30.0, 300.0])
    expected = distributions.f.logsf(f, 5, dof)
    np.testing.assert_allclose(log_f_tail(f, 5, dof), expected, rtol=1e-9)


def test_log_tail_at_the_edges():
    assert log_f_tail([0.0, -1.0, np.inf], 3, 7).tolist() == [0.0, 0.0, -np.inf]
    assert np.isnan(log_f_tail([1.0, 1.0, np.nan], [3, 0, 3], [0, 7, 7])).all()


def test_log_tail_falls_without_a_jump_where_the_method_changes():
    f = np.geomspace(400.0, 40_000.0, 4_000)
    log_p = log_f_tail(f, 5, 300)
    assert log_p[0] > math.log(1e-280) > log_p[-1]
    slope = np.diff(log_p) / np.diff(np.log(f))
    assert (slope < 0).all()
    np.testing.assert_allclose(slope[1:], slope[:-1], rtol=1e-2)


def test_a_row_left_out_equals_a_refit_without_it():
    x = np.random.default_rng(0).standard_normal((15, 3)) @ np.diag([1.0, 10.0, 0.1])
    n = len(x)
    centred = x - x.mean(axis=0)
    d2 = (centred * np.linalg.solve(np.cov(x.T), centred.T).T).sum(axis=1)
    refit = []
    for i in range(n):
        rest = np.delete(x, i, axis=0)
        u = x[i] - rest.mean(axis=0)
        refit.append(u @ np.linalg.solve(np.cov(rest.T), u))
    np.testing.assert_allclose(left_out_distance(d2, n), refit, rtol=1e-10)
    assert np.isnan(left_out_distance(1.0, 2))


def test_the_law_of_a_new_row_is_hotellings():
    n, p, d2 = 30, 4, 11.0
    f = d2 * n * (n - p) / (p * (n**2 - 1))
    expected = distributions.f.logsf(f, p, n - p)
    np.testing.assert_allclose(new_row_log_p(d2, p, n), expected, rtol=1e-12)
    assert np.isnan(new_row_log_p(d2, p, 4))
    assert np.isnan(new_row_log_p(d2, 0, 40))
