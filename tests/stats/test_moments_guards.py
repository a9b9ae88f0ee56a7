"""Every guard of the exact core matters: without it, an answer here is wrong.

Most tests take one guard out and assert that the input it protects against is then
answered wrongly, so that no guard can be lost without a red test, nor kept for nothing.
"""

from dataclasses import replace
from fractions import Fraction
from math import inf, nan

import numpy as np
import pytest
from numpy.typing import NDArray

from stats import exact_input, extremes, limbs, moment_block, moment_results
from stats.exact_dot import exact_dot
from stats.limbs import Limbs
from stats.moments import GroupMoments

HUGE = np.array([[1e9], [1e9 + 1], [-3.0], [2.0**40]])


def one_group(x: NDArray[np.float64]) -> GroupMoments:
    return GroupMoments.from_block(x, np.zeros(len(x), dtype=np.int64), 1)


def test_without_carry_digits_run_over(monkeypatch):
    x = np.full((3, 1), 2.0**52 + 2.0**51 + 1)
    whole = one_group(x).sums
    parts = [one_group(x[i : i + 1]).sums for i in range(3)]
    total = Limbs.add(parts)
    assert (total.base, total.words.tolist()) == (whole.base, whole.words.tolist())

    def without(found: NDArray[np.int64], words: NDArray[np.uint32]) -> tuple[int, int]:
        words[:, : found.shape[1]] = found & 0xFFFFFFFF
        return 0, found.shape[1]

    run_over = np.array([[2 * 0xFFFFFFFF, 2]])
    assert Limbs.canonical(run_over, 0).integers() == [2 * 0x1FFFFFFFF]
    monkeypatch.setattr(limbs, "carry", without)
    assert Limbs.canonical(run_over, 0).integers() != [2 * 0x1FFFFFFFF]


def test_without_the_overflow_check_a_full_window_turns_negative(monkeypatch):
    full = Limbs(np.array([[0x7FFFFFFF]], dtype=np.uint32), 0)
    assert Limbs.add([full, full]).integers() == [2 * 0x7FFFFFFF]
    assert Limbs.add([full, full], (-1, -1)).integers() == [-2 * 0x7FFFFFFF]
    join_words = limbs.join_words
    monkeypatch.setattr(limbs, "join_words", lambda *given: join_words(*given) or True)
    assert Limbs.add([full, full]).integers() == [-2]


def test_without_trimming_bytes_remember_the_past():
    a, b = one_group(HUGE).sums, one_group(HUGE * 2.0**-200).sums
    back = Limbs.add([a, b, b], (1, 1, -1))
    assert (back.base, back.words.shape) == (a.base, a.words.shape)
    untrimmed = np.zeros((1, 20), dtype=np.int64)
    untrimmed[:, 9 : 9 + a.words.shape[1]] = a.words
    assert Limbs(untrimmed.astype(np.uint32), a.base - 9).integers() != a.integers()
    again = Limbs.canonical(untrimmed, a.base - 9)
    assert (again.base, again.words.tolist()) == (a.base, a.words.tolist())


def test_without_the_gaps_pairs_use_rows_that_lack_one_value():
    x = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0], [-50.0, nan]])
    m = one_group(x)
    assert m.correlation()[0, 0, 1] == 1.0
    assert m.covariance()[0, 0, 1] == 1.0
    without = replace(m, gaps=Limbs.zeros(m.gaps.cells))
    assert without.covariance()[0, 0, 1] != 1.0


def test_without_one_zero_extremes_depend_on_the_order():
    one, two = (one_group(np.array([[zero]])) for zero in (0.0, -0.0))
    folded = {m.minimum.tobytes() for m in (one.merge(two), two.merge(one))}
    assert folded == {np.zeros(1).tobytes()}
    assert not np.signbit(two.minimum[0, 0])  # the bits that an order could choose


def test_without_unknown_extremes_a_subtraction_invents_a_minimum(monkeypatch):
    a, b = one_group(np.array([[1.0]])), one_group(np.array([[0.0]]))
    assert np.isnan(a.merge(b).subtract(b).minimum).all()
    monkeypatch.setattr(extremes.Extremes, "subtract", lambda self, *_: self)
    assert a.merge(b).subtract(b).minimum[0, 0] == 0.0  # not among the rows left


def test_without_the_integer_limit_bits_are_lost(monkeypatch):
    with pytest.raises(ValueError, match="above 2"):
        exact_dot([2**53 + 1, -(2**53)], [1, 1])
    monkeypatch.setattr(exact_input, "_EXACT_INTEGERS", 1 << 63)
    assert exact_dot([2**53 + 1, -(2**53)], [1, 1]) == 0.0  # the true one is 1


def test_without_the_infinity_guard_a_covariance_looks_finite(monkeypatch):
    m = one_group(np.array([[1.0, 1.0], [2.0, 3.0], [inf, 4.0]]))
    assert np.isnan(m.covariance()[0, 0]).all()
    assert m.covariance()[0, 1, 1] == float(Fraction(7, 3))
    monkeypatch.setattr(moment_results, "_without_infinite", lambda m, out: out)
    assert np.isfinite(m.covariance()).all()


def test_the_window_holds_the_largest_values():
    """The highest limb of the window is used; memory beside it is never written."""
    x = np.array([[float(np.finfo(np.float64).max)]] * 4)
    low, high = 2098 - 53, 2098
    state = moment_block._wider(
        moment_block._new_state(1, 1, True), np.array([0, low, high, 0, 0])
    )
    first, second = (int(base) for base in state.base)
    k, width = state.sums.shape[2], state.products.shape[2]
    top = Fraction(x[0, 0]) / Fraction(2) ** (-1074 + 32 * first)
    assert top < 2 ** (32 * k - 31)
    square = Fraction(x[0, 0]) ** 2 / Fraction(2) ** (-2148 + 32 * second)
    assert square < 2 ** (32 * width - 31)
    m = one_group(x)
    assert m.mean()[0, 0] == x[0, 0]
    assert m.variance()[0, 0] == 0.0
