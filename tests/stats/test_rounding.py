"""Compiled rounding of exact integers against rationals, bit by bit."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stats import kernels_roots, kernels_rounding, moment_pairs, rounding
from stats.limbs import PRODUCT_UNIT, SUM_UNIT, Limbs
from stats.moment_pairs import PairSums
from stats.rounding import over_counts, over_root, quotients, ratio

LARGE = 1 << 32
MANTISSAS = [1 << 52, (1 << 52) + 1, (1 << 53) - 2, (1 << 53) - 1, 0x15555555555555]

integers = (
    st.integers(-9, 9)
    | st.integers(-(2**150), 2**150)
    | st.builds(lambda sign, k: sign << k, st.sampled_from([-1, 1]), st.integers(0, 99))
)
counts = (
    st.integers(0, 4)
    | st.integers(1, LARGE - 1)
    | st.integers(LARGE - 3, LARGE + 3)
    | st.integers(1, 2**40)
)
ddofs = st.integers(-1, 3) | st.sampled_from([-LARGE, 1 - LARGE, LARGE - 2])


def limbs_of(values: list[int], base: int = 0) -> Limbs:
    """Exact integers on the grid, in units of its limb `base`."""
    width = max(abs(v).bit_length() for v in values) // 32 + 1
    out = np.zeros((len(values), width), dtype=np.int64)
    for c, value in enumerate(values):
        for k in range(width):
            digit = (abs(value) >> (32 * k)) & 0xFFFFFFFF
            out[c, k] = -digit if value < 0 else digit
    return Limbs.canonical(out, base)


def rounded(value: Fraction) -> float:
    """The nearest float64, by Python's division of integers."""
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf


def same_bits(found: NDArray[np.float64], expected: list[float]) -> None:
    wanted = np.array(expected, dtype=np.float64)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    some = ~np.isnan(wanted)
    np.testing.assert_array_equal(
        found[some].view(np.uint64), wanted[some].view(np.uint64)
    )


def one_pair(
    n: int, product: int, own: tuple[int, int], sums: tuple[int, int] = (0, 0)
) -> PairSums:
    """Two features of one group without gaps, on one grid; the pair of both is 1."""
    return PairSums(
        d=2,
        counts=np.full(3, n, dtype=np.int64),
        sums=limbs_of(list(sums)),
        gaps=Limbs.zeros(4),
        products=limbs_of([own[0], product, own[1]]),
        own=limbs_of(list(own)),
        squares=Limbs.zeros(4),
    )


@pytest.fixture
def left_over(monkeypatch):
    """How many entries were left to Python's integers, call after call."""
    found: list[int] = []
    for name in ("covariances_by_integers", "correlations_by_integers"):
        original = getattr(PairSums, name)

        def spy(self, *args, original=original):  # type: ignore[no-untyped-def]
            found.append(len(args[-1]))
            return original(self, *args)

        monkeypatch.setattr(PairSums, name, spy)
    return found


@given(
    st.lists(st.tuples(integers, counts), min_size=1, max_size=6),
    st.integers(0, 70),
)
def test_integers_over_counts_are_rounded_once(cells, base):
    values, n = [v for v, _ in cells], [k for _, k in cells]
    limbs = limbs_of(values, base)
    unit = Fraction(2) ** (SUM_UNIT + 32 * base)
    expected = [
        rounded(Fraction(v, k) * unit) if k else np.nan
        for v, k in zip(values, n, strict=True)
    ]
    same_bits(over_counts(limbs, np.array(n, dtype=np.int64), SUM_UNIT), expected)


@pytest.mark.parametrize("n", [1, 3, 7919, LARGE - 1])
@pytest.mark.parametrize("tail", [0, 1, 20, 40, 100, 200, 700])
def test_ties_go_to_even_and_any_trace_decides_them(n, tail):
    """Halves of the last place, exact and with a trace at all distances below."""
    exponents = [
        -1130,
        -1128,
        -1127,
        -1126,
        -1100,
        -1075,
        -1074,
        -54,
        0,
        900,
        969,
        970,
        971,
        972,
    ]
    for exponent in exponents:
        halves = [(2 * m + 1) << tail for m in MANTISSAS]
        near = [h * n + trace for h in halves for trace in (-1, 0, 1)]
        values = [*near, *(-v for v in near), n, -n]
        unit = exponent - tail
        expected = [rounded(Fraction(v, n) * Fraction(2) ** unit) for v in values]
        found = over_counts(limbs_of(values), np.full(len(values), n), unit)
        same_bits(found, expected)
        same_bits(found, quotients(values, [n] * len(values), unit).tolist())


def test_ties_as_worked_by_hand():
    ones = np.ones(8, dtype=np.int64)
    values = [2**54 + 1, 2**54 + 2, 2**54 + 6, -(2**54) - 6, 1, -1, 0, 2**54 - 1]
    expected = [2.0**54, 2.0**54, 2.0**54 + 8, -(2.0**54) - 8, 1.0, -1.0, 0.0, 2.0**54]
    same_bits(over_counts(limbs_of(values), ones, 0), expected)
    tiny = over_counts(limbs_of([1, -1, 3, 2, -2]), ones[:5], -1075)
    same_bits(tiny, [0.0, -0.0, 1e-323, 5e-324, -5e-324])
    huge = over_counts(limbs_of([2**54 - 1, 2**54 - 2, -(2**60)]), ones[:3], 970)
    same_bits(huge, [np.inf, float(np.finfo(np.float64).max), -np.inf])


@given(st.data())
def test_covariances_of_any_integers_are_the_rational_rounded_once(data):
    def cells(count: int) -> list[int]:
        return data.draw(st.lists(integers, min_size=count, max_size=count))

    bases = data.draw(st.tuples(*[st.integers(0, 40)] * 2, st.integers(0, 100)))
    sums, gaps, products = cells(2), cells(4), cells(3)
    n = data.draw(st.lists(counts, min_size=3, max_size=3))
    ddof = data.draw(ddofs)
    s, t, u = (Fraction(2) ** (32 * base) for base in bases)
    pairs = PairSums(
        2,
        np.array(n, dtype=np.int64),
        limbs_of(sums, bases[0]),
        limbs_of(gaps, bases[1]),
        limbs_of(products, bases[2]),
        Limbs.zeros(2),
        Limbs.zeros(4),
    )
    expected = []
    for k, p, (i, j) in zip(n, products, [(0, 0), (0, 1), (1, 1)], strict=True):
        a = sums[i] * s - gaps[2 * i + j] * t
        b = sums[j] * s - gaps[2 * j + i] * t
        bottom = k * max(k - ddof, 0)
        top = (k * p * u - a * b) * Fraction(2) ** PRODUCT_UNIT
        expected.append(rounded(top / bottom) if bottom else np.nan)
    same_bits(pairs.covariances(ddof), expected)
    same_bits(pairs.covariances_by_integers(ddof, np.arange(3)), expected)


@pytest.mark.parametrize("n", [3, 7919, LARGE - 1])
def test_what_either_division_leaves_over_decides_a_tie(n):
    """A numerator off a tie by 1 leaves a rest of the first; by n, of the second.

    It fills the five words that are divided, so that no bit of the quotient shows it.
    """
    places = 96 - 2 * n.bit_length()
    for half in (2**53 + 1, 2**53 + 3, -(2**54) + 1):
        for trace in (-n, -1, 0, 1, n):
            top = (half << places) * n * (n - 1) + trace
            second = -top % n
            product = (top + second) // n << 2148
            pairs = one_pair(n, product, (0, 0), (1 << 1074, second << 1074))
            expected = rounded(Fraction(top, n * (n - 1)))
            same_bits(pairs.covariances(1)[1:2], [expected])


@pytest.mark.parametrize("n", [LARGE - 1, LARGE, LARGE + 1, 3 * LARGE])
@pytest.mark.parametrize("ddof", [0, 1])
def test_large_counts_are_left_to_integers_and_right(left_over, n, ddof):
    """Once n (n - ddof) ran over 64 bits and such a variance was NaN."""
    pairs = one_pair(n, 5 << 2148, (7 << 2148, 11 << 2148), (3 << 1074, 1 << 1074))
    bottom = n * (n - ddof)
    expected = [n * 7 - 9, n * 5 - 3, n * 11 - 1]
    same_bits(pairs.covariances(ddof), [top / bottom for top in expected])
    assert left_over == ([3] if n >= LARGE else [])


def test_a_large_difference_of_count_and_ddof_is_left_to_integers(left_over):
    pairs = one_pair(2, 5 << 2148, (7 << 2148, 11 << 2148))
    found = pairs.covariances(-LARGE)
    same_bits(found, [p / (LARGE + 2) for p in (7, 5, 11)])
    assert left_over == [3]
    same_bits(over_counts(limbs_of([LARGE]), np.array([LARGE]), 0), [1.0])


squares = integers.map(lambda v: abs(v) << 200) | integers


@given(integers, integers, st.tuples(squares, squares), counts, st.integers(0, 60))
def test_correlations_of_any_integers_are_rounded_once(product, a, own, n, places):
    pairs = one_pair(n, product << places, own, (a, a >> 70))
    same_bits(
        pairs.correlations(), pairs.correlations_by_integers(np.arange(3)).tolist()
    )
    b = a >> 70
    u, v = n * own[0] - a * a, n * own[1] - b * b
    wanted = np.nan
    if u > 0 and v > 0:
        wanted = over_root(n * (product << places) - a * b, u * v)
    same_bits(pairs.correlations()[1:2], [wanted])


@pytest.mark.parametrize("factor", [1, 3, 7**40])
def test_roots_near_ties_are_right_at_every_distance(left_over, factor):
    """The middle between two float64 is hit, or missed by any small amount."""
    square = (1 << 154) ** 2 * factor
    for half in (2**53 + 1, 2**54 - 1, 0x2AAAAAAAAAAAAB, -(2**53) - 3):
        for k in range(100):
            for top in (
                (half << 100) + (1 << k),
                half << 100,
                (half << 100) - (1 << k),
            ):
                pairs = one_pair(1, top * factor, (square, factor))
                expected = ratio(top, 1, -154)
                same_bits(pairs.correlations()[1:2], [expected])
    assert len(left_over) > 100


def test_perfect_and_no_correlations_need_no_integers(left_over):
    for top, expected in ((6, 1.0), (-6, -1.0), (0, 0.0), (3, 0.5)):
        same_bits(one_pair(1, top, (4, 9)).correlations(), [1.0, expected, 1.0])
    same_bits(one_pair(1, 1, (0, 9)).correlations(), [np.nan, np.nan, 1.0])
    assert left_over == []


@pytest.mark.parametrize("power", [998, 1000, 1001, 1022, 1074, 1075, 1076, 1100])
def test_tiny_correlations_are_left_to_integers_and_right(left_over, power):
    for top in (1, 3, -3, -1):
        found = one_pair(1, top, (1 << power, 1 << power)).correlations()
        same_bits(found, [1.0, ratio(top, 1, -power), 1.0])
    assert (left_over == []) == (power <= 1000)


def test_nothing_gives_nothing_and_zeros_have_no_grid():
    none = Limbs.zeros(0)
    empty = PairSums(2, np.zeros(0, dtype=np.int64), none, none, none, none, none)
    assert empty.covariances(1).size == empty.correlations().size == 0
    zeros = one_pair(2, 0, (0, 0))
    same_bits(zeros.covariances(1), [0.0] * 3)
    same_bits(zeros.covariances(2), [np.nan] * 3)
    same_bits(zeros.correlations(), [np.nan] * 3)
    same_bits(one_pair(2, 0, (0, 0), (1, 0)).covariances(0), [-0.0, 0.0, 0.0])


def test_warm_compiles_what_is_used():
    moment_pairs.warm()
    kernels = (
        kernels_rounding.round_quotients,
        kernels_rounding.round_covariances,
        kernels_roots.round_correlations,
    )
    before = [len(kernel.signatures) for kernel in kernels]
    pairs = one_pair(3, 2, (4, 9), (1, -1))
    for limbs in (pairs.sums, pairs.products):
        limbs.words.flags.writeable = False  # as read from a file
    pairs.covariances(np.int64(1))
    pairs.correlations()
    rounding.over_counts(pairs.sums, np.array([1, 2]), 0)
    assert [len(kernel.signatures) for kernel in kernels] == before
