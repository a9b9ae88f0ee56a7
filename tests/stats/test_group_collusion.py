"""The variance of a group's sum, and the tail of chi-square far out."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from scipy import stats as distributions

from stats.gamma_tail import log_chi2_tail, log_gamma_tail
from stats.group_collusion import group_collusion
from stats.summary import InvalidInput


def test_it_is_the_variance_of_the_sum_over_the_members():
    z = np.random.default_rng(0).standard_normal((30, 40))
    groups = np.arange(30) % 4
    groups[5] = -1
    found = group_collusion(z, groups, 5)
    for g in range(4):
        own = z[groups == g]
        v = own.sum(axis=0).var(ddof=1) / len(own)
        np.testing.assert_allclose(found.variance[g], v, rtol=1e-12)
        p = distributions.chi2.sf(39 * v, 39)
        np.testing.assert_allclose(found.p[g], p, rtol=1e-9)
    assert found.n.tolist() == [8, 7, 7, 7, 0]
    assert found.steps.tolist() == [40, 40, 40, 40, 0]
    assert np.isnan([found.variance[4], found.p[4], found.log_p[4]]).all()
    assert repr(found) == "GroupCollusion: n=29 | groups=5 | tested=4"


def test_missing_values_are_not_zeros():
    z = np.random.default_rng(1).standard_normal((6, 50))
    z[0, :10], z[1:, 20], z[5] = np.nan, np.inf, np.nan
    z[:, 21] = np.nan
    found = group_collusion(z, np.zeros(6, int), 1)
    scaled = []
    for column in z.T:
        seen = column[np.isfinite(column)]
        if len(seen) >= 2:
            scaled.append(seen.sum() / np.sqrt(len(seen)))
    assert found.steps[0] == len(scaled) == 48
    assert found.n[0] == 5
    np.testing.assert_allclose(found.variance[0], np.var(scaled, ddof=1), rtol=1e-12)


def test_one_member_is_no_group():
    z = np.random.default_rng(1).standard_normal((1, 50))
    assert np.isnan(group_collusion(z, [0], 1).p).all()


def test_null_p_values_are_uniform_and_collusion_has_the_power_of_its_closed_form():
    rng = np.random.default_rng(4)
    m, steps, rho, groups = 8, 28, 0.1, 4_000
    z = rng.standard_normal((groups * m, steps))
    code = np.repeat(np.arange(groups), m)
    p = group_collusion(z, code, groups).p
    assert distributions.kstest(p, "uniform").pvalue > 0.001
    common = np.repeat(rng.standard_normal((groups, steps)), m, axis=0)
    z = np.sqrt(1 - rho) * z + np.sqrt(rho) * common
    found = (group_collusion(z, code, groups).p < 0.05).mean()
    law = distributions.chi2(steps - 1)
    power = law.sf(law.isf(0.05) / (1 + (m - 1) * rho))
    assert found == pytest.approx(power, abs=4 * np.sqrt(power * (1 - power) / groups))


def test_memory_costs_degrees_of_freedom():
    rng = np.random.default_rng(5)
    phi, groups, m, steps = 0.6, 2_000, 6, 200
    z = np.empty((groups * m, steps))
    z[:, 0] = rng.standard_normal(len(z))
    for t in range(1, steps):
        fresh = np.sqrt(1 - phi**2) * rng.standard_normal(len(z))
        z[:, t] = phi * z[:, t - 1] + fresh
    code = np.repeat(np.arange(groups), m)
    worth = steps * (1 - phi**2) / (1 + phi**2)
    naive = (group_collusion(z, code, groups).p < 0.05).mean()
    rate = (group_collusion(z, code, groups, effective_steps=worth).p < 0.05).mean()
    assert naive > 0.09
    assert rate == pytest.approx(0.05, abs=0.02)
    each = group_collusion(z, code, groups, effective_steps=np.full(groups, worth))
    assert (each.p < 0.05).mean() == rate


@pytest.mark.parametrize("shape", [1, 3, 90, 4_000])
@pytest.mark.parametrize("times", [0.5, 1.0, 3.0, 30.0, 1e4])
def test_tails_equal_sixty_digits(shape, times):
    """P(X > x) is that of fewer than `shape` events where x are expected."""
    x = shape * times + 1.0
    with localcontext(prec=60):
        term = total = Decimal(1)
        for k in range(1, shape):
            term = term * Decimal(x) / k
            total += term
        exact = float(total.ln() - Decimal(x))
    assert float(log_gamma_tail(x, shape)) == pytest.approx(exact, rel=1e-10)
    assert log_chi2_tail(2 * x, 2 * shape) == log_gamma_tail(x, shape)


def test_tails_of_special_values():
    found = log_gamma_tail(
        [np.inf, np.nan, -1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 0.0, np.nan]
    )
    np.testing.assert_array_equal(found, [-np.inf, np.nan, 0.0, np.nan, np.nan])
    assert log_gamma_tail(1.0, 1.0).shape == ()


def test_what_does_not_fit_is_refused():
    with pytest.raises(InvalidInput, match="group_collusion: groups from 3 to 3"):
        group_collusion(np.zeros((1, 4)), [3], 1)
    for wrong in (1.0, [5.0, 5.0], np.nan):
        with pytest.raises(InvalidInput, match="effective_steps"):
            group_collusion(np.zeros((1, 4)), [0], 1, effective_steps=wrong)
