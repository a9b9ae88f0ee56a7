"""Who is right on the data of the section of sums, and how it is found out."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from tests.bench import sums


@pytest.mark.slow
def test_ours_is_right_on_all_data_and_the_peers_are_close() -> None:
    errors = {pair.name: pair.errors() for pair in sums.pairs(quick=True)}
    assert len(errors) == len(sums.DATA) + 4
    assert {name: found["ours"] for name, found in errors.items()} == dict.fromkeys(
        errors, 0.0
    )
    assert errors["normal"]["numpy.sum"] < 100
    assert errors["normal"]["Neumaier in numba"] < 2
    assert errors["±1e16 that cancels"]["numpy.sum"] > 1e6
    assert errors["one in 10,000 infinite"]["Neumaier in numba"] == math.inf
    assert all(found.get("math.fsum", 0.0) == 0 for found in errors.values())


def test_the_truth_of_dot_products_is_exact() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=500), rng.normal(size=500)
    twin = sum(Fraction(a) * Fraction(b) for a, b in zip(x, y, strict=True))
    assert sums._dot_truth(x, y) == float(twin)


@pytest.mark.parametrize(
    ("found", "truth", "expected"),
    [
        (1.0, 1.0, 0.0),
        (1.0 + 2**-52, 1.0, 1.0),
        (math.nan, math.nan, 0.0),
        (math.nan, 1.0, math.inf),
        (math.inf, math.inf, 0.0),
        (0.0, 5e-324, 1.0),
    ],
)
def test_errors_count_last_places(found: float, truth: float, expected: float) -> None:
    assert sums._ulps(found, np.asarray(truth)) == expected
    both = np.array([truth, truth])
    assert sums._ulps(np.array([truth, found]), both) == expected
