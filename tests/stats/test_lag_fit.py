"""The curve over lags against scipy's own non-negative least squares."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import nnls

from stats.lag_fit import fit_lags, lag_grid


def twin(lags: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    out = []
    for column in values.T:
        seen = np.isfinite(column)
        k = lags[seen]
        design = np.stack([1 / k, np.ones_like(k), k], axis=1)
        found, _ = nnls(design, column[seen] / k)
        out.append(found[0] + found[1] * at + found[2] * at**2)
    return np.stack(out, axis=1)


@pytest.mark.parametrize("seed", range(4))
def test_equals_non_negative_least_squares(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lags = np.arange(1.0, 7.0 + 3 * seed)
    truth = rng.normal(0.2, 1.0, (3, 60))
    values = lags[:, None] ** np.arange(3) @ truth + rng.normal(0, 0.5, (len(lags), 60))
    values[rng.random(values.shape) < 0.1] = np.nan
    values[0] = np.where(np.isfinite(values).any(axis=0), values[0], 1.0)
    at = np.array([1.0, 4.0, 30.0])
    expected = twin(lags, values, at)
    assert (expected == 0).any(), "some curve is wholly against the constraint"
    assert fit_lags(lags, values, at) == pytest.approx(expected, rel=1e-7, abs=1e-9)


def test_one_lag_is_a_random_walk_and_none_is_unknown() -> None:
    assert fit_lags(np.array([1.0]), np.array([[4.0, np.nan]]), np.array([9.0]))[
        0
    ] == pytest.approx([36.0, np.nan], nan_ok=True)


def test_curves_of_noise_walk_and_trend_are_found_exactly() -> None:
    lags = np.array([1.0, 2.0, 5.0, 9.0])
    curves = np.stack([0 * lags + 3, 2 * lags, lags**2, 3 + 2 * lags + lags**2], 1)
    found = fit_lags(lags, curves, np.array([20.0]))[0]
    assert found == pytest.approx([3.0, 40.0, 400.0, 443.0])


@pytest.mark.parametrize(
    ("age", "nights", "expected"),
    [
        (1, 90, [1, 2, 3, 4, 5]),
        (3, 90, [1, 2, 3, 4, 5]),
        (4, 90, [1, 2, 3, 4]),
        (7, 90, [1, 2, 3, 4, 5, 6, 7]),
        (30, 90, [1, 4, 6, 9, 12, 14, 17, 19, 22, 25, 27, 30]),
        (30, 20, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (3, 6, [1, 2, 3]),
        (5, 0, [1]),
    ],
)
def test_grids(age: int, nights: int, expected: list[int]) -> None:
    assert lag_grid(age, nights).tolist() == expected
