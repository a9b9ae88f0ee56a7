"""NIST StRD, univariate: the sets whose data follow from a formula.

Source: NIST Statistical Reference Datasets, Summary Statistics (NumAcc1 to 4).
The values are certified for the decimals; stored doubles differ from those in the last
bit, so no method that reads doubles can give more digits than stated here.
"""

from fractions import Fraction
from math import log10

import numpy as np
import pytest

from stats.moments import GroupMoments


def alternating(centre: str, step: str) -> list[str]:
    """The centre once, then 500 times centre - step and centre + step, as decimals."""
    low, high = (Fraction(centre) + sign * Fraction(step) for sign in (-1, 1))
    pair = [f"{float(low):.1f}", f"{float(high):.1f}"]
    assert [Fraction(text) for text in pair] == [low, high]
    return [centre, *(pair * 500)]


SETS = {
    "NumAcc1": (["10000001", "10000003", "10000002"], 10000002.0, 1.0, 15, 15),
    "NumAcc2": (alternating("1.2", "0.1"), 1.2, 0.1, 15, 15),
    "NumAcc3": (alternating("1000000.2", "0.1"), 1000000.2, 0.1, 15, 9.4),
    "NumAcc4": (alternating("10000000.2", "0.1"), 10000000.2, 0.1, 15, 8.2),
}


def correct_digits(found: float, certified: float) -> float:
    """Log relative error, at most 15."""
    error = abs(found - certified) / abs(certified)
    return 15.0 if error == 0 else min(-log10(error), 15.0)


@pytest.mark.parametrize("name", sorted(SETS))
def test_certified_values(name):
    decimals, mean, sd, mean_digits, sd_digits = SETS[name]
    x = np.array([float(text) for text in decimals])
    m = GroupMoments.from_block(x[:, None], np.zeros(len(x), dtype=int), 1)
    found_mean, found_sd = float(m.mean()[0, 0]), float(np.sqrt(m.variance()[0, 0]))
    assert correct_digits(found_mean, mean) >= mean_digits
    assert correct_digits(found_sd, sd) >= sd_digits


@pytest.mark.parametrize("name", sorted(SETS))
def test_bits_of_the_stored_doubles(name):
    x = [Fraction(float(text)) for text in SETS[name][0]]
    n, total = len(x), sum(x, Fraction())
    squares = sum((v * v for v in x), Fraction())
    values = np.array([float(v) for v in x])[:, None]
    m = GroupMoments.from_block(values, np.zeros(n, dtype=int), 1)
    assert m.mean()[0, 0] == float(total / n)
    assert m.variance()[0, 0] == float((squares - total * total / n) / (n - 1))
