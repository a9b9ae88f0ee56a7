"""The worst case with noise: between one-sided and two-sided, as Imbens and Manski."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from stats.summary import InvalidInput
from stats.worst_case import worst_case_mean


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_the_truth_is_covered_as_often_as_said(level: float) -> None:
    error = 0.1
    for width in (0.0, 0.01, 0.05, 0.3, 5.0):
        low, high = worst_case_mean(0.0, 0.5, -width, width, error=error, level=level)
        c = (float(high) - width / 2) / error
        assert float(low) == pytest.approx(-float(high))
        # At an end of the region: the estimate of it is off by a normal error.
        covered = norm.cdf(c + width / error) - norm.cdf(-c)
        assert covered == pytest.approx(level, abs=1e-12)
        assert norm.ppf(level) <= c + 1e-12
        assert c <= norm.ppf((1 + level) / 2) + 1e-12


def test_no_noise_is_the_region_itself_and_no_range_is_unbounded() -> None:
    low, high = worst_case_mean([2.0, 2.0], 0.5, [0.0, -np.inf], [1.0, np.inf])
    assert low.tolist() == [1.0, -np.inf]
    assert high.tolist() == [1.5, np.inf]
    low, high = worst_case_mean(2.0, 0.5, -np.inf, np.inf, error=0.1)
    assert (float(low), float(high)) == (-np.inf, np.inf)


def test_a_mean_that_is_needed_and_unknown_stays_unknown() -> None:
    low, high = worst_case_mean(np.nan, [0.5, 0.0], 0.0, 1.0, error=[0.1, 0.0])
    assert np.isnan(low[0])
    assert np.isnan(high[0])
    assert (low[1], high[1]) == (0.0, 1.0)


def test_a_level_out_of_range_is_refused() -> None:
    with pytest.raises(InvalidInput, match="level 1"):
        worst_case_mean(0.0, 0.5, 0.0, 1.0, error=0.1, level=1.0)
