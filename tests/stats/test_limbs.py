"""Arrays of exact integers: one form per value, whatever the history."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats.limbs import Limbs
from stats.rounding import over_root, quotients, ratio

integers = st.integers(-(2**200), 2**200) | st.sampled_from(
    [0, 1, -1, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**32, -(2**32), 2**63, 2**64]
)


def of(values: list[int], base: int = 0, spare: int = 0) -> Limbs:
    """Limbs of integers, written with `spare` empty limbs at either side."""
    width = max(abs(v).bit_length() for v in values) // 32 + 1
    out = np.zeros((len(values), width + 2 * spare), dtype=np.int64)
    for c, value in enumerate(values):
        for k in range(width):
            digit = (abs(value) >> (32 * k)) & 0xFFFFFFFF
            out[c, spare + k] = -digit if value < 0 else digit
    return Limbs.canonical(out, base - spare)


def shifted(limbs: Limbs, base: int = 0) -> list[int]:
    """Values on the grid whose first limb is `base`; zeros have no own base."""
    if not limbs.words.size:
        return [0] * limbs.cells
    return [value << (32 * (limbs.base - base)) for value in limbs.integers()]


def same(one: Limbs, two: Limbs) -> None:
    assert one.base == two.base
    np.testing.assert_array_equal(one.words, two.words)


@given(st.lists(integers, min_size=1, max_size=4), st.integers(0, 3))
def test_a_value_has_one_form(values, spare):
    plain = of(values, base=5)
    assert shifted(plain, base=5) == values
    same(plain, of(values, base=5, spare=spare))
    k = plain.words.shape[1]
    if not any(values):
        assert (k, plain.base) == (0, 0)
        return
    assert plain.words.dtype == np.uint32
    assert plain.words[:, 0].any()
    room = 32 * (k - 1 + plain.base - 5) - 1
    if k > 1:
        assert any(not -(1 << room) <= v < 1 << room for v in values)


@given(st.data())
def test_sums_differences_and_rollups_are_those_of_integers(data):
    n = data.draw(st.integers(1, 5))
    column = st.lists(integers, min_size=n, max_size=n)
    one, two = data.draw(column), data.draw(column)
    a, b = of(one), of(two, base=2)
    scaled = [value << 64 for value in two]
    total = [x + y for x, y in zip(one, scaled, strict=True)]
    assert shifted(Limbs.add([a, b])) == total
    same(Limbs.add([Limbs.add([a, b]), b], (1, -1)), a)
    same(Limbs.add([a, a], (1, -1)), Limbs.zeros(n))
    parent = np.array(
        data.draw(st.lists(st.integers(-1, 1), min_size=n, max_size=n)), dtype=np.int64
    )
    expected = [
        sum(v for v, p in zip(one, parent, strict=True) if p == g) for g in (0, 1)
    ]
    assert shifted(a.rollup(parent, 2, 1)) == expected


@given(st.lists(integers, min_size=1, max_size=4))
def test_arrays_restore_the_limbs(values):
    limbs = of(values, base=7)
    arrays = limbs.to_arrays("x")
    assert arrays["x"].dtype == np.uint32
    same(limbs, Limbs.from_arrays("x", arrays))


def test_limbs_near_their_bound_carry_without_loss():
    full = np.full((2, 3), (1 << 62) - 1, dtype=np.int64)
    full[1] *= -1
    value = sum(((1 << 62) - 1) << (32 * k) for k in range(3))
    assert shifted(Limbs.canonical(full, 0)) == [value, -value]


def test_take_tightens_the_window():
    limbs = of([1 << 320, 5, 0, 7])
    assert limbs.words.shape[1] == 11
    same(limbs.take(np.array([3, 1]), 1), of([7, 5]))
    same(limbs.take(np.array([1]), 2), of([0, 7]))
    assert limbs.take(np.array([], dtype=np.int64), 1).cells == 0


wide = st.integers(-(2**150), 2**150) | st.integers(-9, 9)


@given(wide, st.integers(1, 2**120), st.integers(-1200, 900))
def test_a_quotient_is_rounded_once(top, bottom, exponent):
    exact = Fraction(top, bottom) * Fraction(2) ** exponent
    try:
        expected = float(exact)
    except OverflowError:
        expected = np.inf if top > 0 else -np.inf
    assert ratio(top, bottom, exponent) == expected


def test_ties_go_to_even_and_a_trace_decides_them():
    half = (1 << 54) + 1  # 2^54 + 1: below half of the spacing of 4
    assert ratio(half, 1, 0) == 2.0**54
    assert ratio((1 << 54) + 2, 1, 0) == 2.0**54
    assert ratio((1 << 54) + 6, 1, 0) == 2.0**54 + 8
    assert ratio((((1 << 54) + 2) << 900) + 1, 1, -900) == 2.0**54 + 4
    assert ratio(1, 1, -1075) == 0.0
    assert ratio(3, 1, -1076) == 5e-324
    assert ratio((1 << 54) - 1, 1, 970) == np.inf
    assert ratio(-1, 1, 5000) == -np.inf


@given(st.integers(-(2**90), 2**90), st.integers(1, 2**200))
def test_a_quotient_by_a_root_is_rounded_once(top, square):
    found = over_root(top, square)
    size = abs(found)
    below = Fraction(size) + Fraction(float(np.nextafter(size, 0)))
    above = Fraction(size) + Fraction(float(np.nextafter(size, np.inf)))
    assert (below / 2) ** 2 * square <= top**2 <= (above / 2) ** 2 * square
    assert np.sign(found) == np.sign(top)


def test_a_trace_below_a_tie_decides_the_root():
    tie = 2**53 + 1
    assert over_root(tie << 200, 1 << 400) == 2.0**53
    assert over_root((tie << 200) + 1, 1 << 400) == 2.0**53 + 2
    assert over_root(-(tie << 200) - 1, 1 << 400) == -(2.0**53) - 2


@pytest.mark.parametrize("scale", [1, 3**40, 7**90])
def test_a_root_that_is_an_integer_is_exact(scale):
    assert over_root(-5 * scale, scale**2) == -5.0
    assert over_root(scale, scale**2) == 1.0
    assert over_root(0, scale) == 0.0


def test_quotients_by_nothing_are_nan():
    found = quotients([6, 5, 1], np.array([3, 0, -1]), 1)
    np.testing.assert_array_equal(found, [4.0, np.nan, np.nan])
