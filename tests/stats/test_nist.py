"""Certified univariate data of NIST (StRD), and what certification means here.

NumAcc1 to NumAcc4 follow a formula; Lew, Mavro and Michelso are typed below, and the
certified mean and deviation, met to all digits in rationals, show that they are right.
The values are certified for the *decimals*.  Stored doubles of
NumAcc3 and NumAcc4 differ from them, so that even their exact standard deviation agrees
to 9.46 and 8.25 digits only; the exact answer for what is stored is compared in bits.

Source: https://www.itl.nist.gov/div898/strd/univ/homepage.html
"""

import math
from fractions import Fraction

import numpy as np
import pytest

from stats.moments import GroupMoments

LEW = """
-213 -564 -35 -15 141 115 -420 -360 203 -338 -431 194 -220 -513 154 -125 -559 92 -21
-579 -52 99 -543 -175 162 -457 -346 204 -300 -474 164 -107 -572 -8 83 -541 -224 180
-420 -374 201 -236 -531 83 27 -564 -112 131 -507 -254 199 -311 -495 143 -46 -579 -90
136 -472 -338 202 -287 -477 169 -124 -568 17 48 -568 -135 162 -430 -422 172 -74 -577
-13 92 -534 -243 194 -355 -465 156 -81 -578 -64 139 -449 -384 193 -198 -538 110 -44
-577 -6 66 -552 -164 161 -460 -344 205 -281 -504 134 -28 -576 -118 156 -437 -381 200
-220 -540 83 11 -568 -160 172 -414 -408 188 -125 -572 -32 139 -492 -321 205 -262
-504 142 -83 -574 0 48 -571 -106 137 -501 -266 190 -391 -406 194 -186 -553 83 -13
-577 -49 103 -515 -280 201 300 -506 131 -45 -578 -80 138 -462 -361 201 -211 -554 32
74 -533 -235 187 -372 -442 182 -147 -566 25 68 -535 -244 194 -351 -463 174 -125 -570
15 72 -550 -190 172 -424 -385 198 -218 -536 96
"""
MAVRO = """
18 17 18 19 18 17 15 14 15 15 17 18 18 19 19 21 20 16 14 13 13 15 15 16 15 14 13 14
15 14 15 16 15 16 19 20 20 21 22 23 24 25 27 26 26 26 27 26 25 24
"""
MICHELSO = """
85 74 90 107 93 85 95 98 98 88 100 98 93 65 76 81 100 100 96 96 96 94 96 94 88 80 85
88 90 84 83 79 81 88 88 83 80 79 76 80 88 88 88 86 72 72 62 86 97 95 88 91 85 87 84
84 85 84 84 84 89 81 81 82 80 77 76 74 75 76 91 92 89 86 88 72 84 85 85 78 89 84 78
81 76 81 79 81 82 85 87 87 81 74 81 94 95 80 81 87
"""


def typed(text: str, scale: int, offset: int) -> list[Fraction]:
    """Decimals written as integers: offset + k / scale."""
    return [offset + Fraction(k, scale) for k in map(int, text.split())]


def alternating(first: str, low: str, high: str) -> list[Fraction]:
    """One `first`, then 500 times `low` and `high`."""
    return [Fraction(first), *[Fraction(low), Fraction(high)] * 500]


# Decimals; certified mean and standard deviation (n - 1); digits the stored data allow.
SETS: dict[str, tuple[list[Fraction], str, str, float]] = {
    "Lew": (typed(LEW, 1, 0), "-177.435000000000", "277.332168044316", 14.4),
    "Mavro": (
        typed(MAVRO, 10_000, 2),
        "2.00185600000000",
        "0.000429123454003053",
        12.8,
    ),
    "Michelso": (
        typed(MICHELSO, 100, 299),
        "299.852400000000",
        "0.0790105478190518",
        13.5,
    ),
    "NumAcc1": (
        [Fraction(10000001), Fraction(10000003), Fraction(10000002)],
        "10000002",
        "1",
        15.0,
    ),
    "NumAcc2": (alternating("1.2", "1.1", "1.3"), "1.2", "0.1", 14.5),
    "NumAcc3": (
        alternating("1000000.2", "1000000.1", "1000000.3"),
        "1000000.2",
        "0.1",
        9.4,
    ),
    "NumAcc4": (
        alternating("10000000.2", "10000000.1", "10000000.3"),
        "10000000.2",
        "0.1",
        8.2,
    ),
}


def moments(x: np.ndarray) -> GroupMoments:
    return GroupMoments.from_block(x[:, None], np.zeros(len(x), dtype=np.int64), 1)


def digits(found: float, certified: str) -> float:
    """Decimal digits that agree with the certified value (15 for all of them)."""
    error = abs(Fraction(found) / Fraction(certified) - 1)
    return 15.0 if error == 0 else min(15.0, -math.log10(error))


def variance_of(x: list[Fraction]) -> Fraction:
    n, total = len(x), sum(x, Fraction())
    return (n * sum((v * v for v in x), Fraction()) - total**2) / (n * (n - 1))


@pytest.mark.parametrize("name", SETS)
def test_certified_values_hold_for_the_decimals(name):
    """The data typed here are those that NIST certified."""
    decimals, mean, deviation, _ = SETS[name]
    exact_mean = float(sum(decimals, Fraction()) / len(decimals))
    assert digits(exact_mean, mean) > 14.4
    assert digits(math.sqrt(variance_of(decimals)), deviation) > 14.4


@pytest.mark.parametrize("name", SETS)
def test_certified_digits_as_far_as_stored_doubles_carry_them(name):
    decimals, mean, deviation, reachable = SETS[name]
    m = moments(np.array([float(v) for v in decimals]))
    assert digits(float(m.mean()[0, 0]), mean) > 14.4
    assert digits(math.sqrt(m.variance()[0, 0]), deviation) >= reachable


@pytest.mark.parametrize("name", SETS)
def test_stored_doubles_are_answered_to_the_last_bit(name):
    stored = [float(v) for v in SETS[name][0]]
    exact = [Fraction(v) for v in stored]
    m = moments(np.array(stored))
    assert m.count[0, 0] == len(stored)
    assert m.mean()[0, 0] == float(sum(exact, Fraction()) / len(exact))
    assert m.variance()[0, 0] == float(variance_of(exact))
    np.testing.assert_array_equal(m.covariance()[0], m.variance())


def test_no_method_reaches_more_digits_on_the_stored_hard_sets():
    """The limit is in the data: the exact answer for the doubles has it too."""
    for name, limit in (("NumAcc3", 9.46), ("NumAcc4", 8.25)):
        exact = [Fraction(float(v)) for v in SETS[name][0]]
        found = digits(math.sqrt(variance_of(exact)), "0.1")
        assert found == pytest.approx(limit, abs=0.01)


def test_the_textbook_formula_fails_where_integers_do_not():
    x = np.array([float(v) for v in SETS["NumAcc4"][0]])
    n = len(x)
    textbook = (np.sum(x * x) - np.sum(x) ** 2 / n) / (n - 1)
    assert abs(textbook - 0.01) > 1e-4
    assert moments(x).variance()[0, 0] == pytest.approx(0.01, rel=1e-7)
