"""Exact dot products against rationals, inside and outside the range of float64."""

import math
from fractions import Fraction
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stats import exact_dot as module
from stats.exact_blocks import frozen, zeros
from stats.exact_dot import exact_dot
from stats.kernels_bins import BINS
from stats.kernels_dot import PRODUCT_LIMBS, add_dot
from stats.kernels_sum import BLOCK, RENEW
from stats.summary import InvalidInput
from tests.strategies import COLUMNS, columns

_TINY = 5e-324
_MAX = float(np.finfo(np.float64).max)
_N = 2 * BLOCK + 5
_RNG = np.random.default_rng(31)
_NORMAL = _RNG.normal(size=_N)
_OTHER = _RNG.normal(size=_N)
# All bits set: the product of two has 106 bits.
_FULL = np.full(_N, 2 - 2.0**-52)


def _wide(exponent: int) -> NDArray[np.float64]:
    return np.ldexp(_RNG.normal(size=_N), _RNG.integers(-exponent, exponent, _N))


# Two arrays, and how many of the two whole blocks hold products that leave the range.
CLASSES: dict[str, tuple[NDArray[np.floating], NDArray[np.floating], int]] = {
    "normal": (_NORMAL, _OTHER, 0),
    "squares": (_NORMAL, _NORMAL, 0),
    "float32": (_NORMAL.astype(np.float32), _OTHER.astype(np.float32), 0),
    "float32, all exponents": (
        np.ldexp(_NORMAL, _RNG.integers(-140, 120, _N)).astype(np.float32),
        np.ldexp(_OTHER, _RNG.integers(-140, 120, _N)).astype(np.float32),
        0,
    ),
    "float32 by float64": (_NORMAL.astype(np.float32), _OTHER, 0),
    "integers": (np.round(9 * _NORMAL), np.round(9 * _OTHER), 0),
    "all bits set": (np.full(_N, 2 - 2.0**-52), np.full(_N, 2 - 2.0**-52), 0),
    "cancels": (
        np.where(np.arange(_N) % 2, 1e200, 1.0),
        np.resize([1e-3, 1e80, 1.0, -1e80], _N),
        0,
    ),
    "orthogonal": (np.resize([1.0, 1e9], _N), np.resize([-1e9, 1.0], _N), 0),
    "2^±200": (_wide(200), _wide(200), 0),
    "2^±480": (_wide(480), _wide(480), 0),
    "2^±1000": (_wide(1000), _wide(1000), 2),
    "denormal products": (_NORMAL * 2.0**-520, _OTHER * 2.0**-520, 2),
    "vanishing products": (_NORMAL * 2.0**-1000, _OTHER * 2.0**-1000, 2),
    "denormals": (_NORMAL * 2.0**-1060, _OTHER, 2),
    "denormals by large": (_NORMAL * 2.0**-1060, _OTHER * 2.0**900, 0),
    "overflow that cancels": (
        np.resize([_MAX, -_MAX], _N - 1),
        np.resize([_MAX, _MAX], _N - 1),
        2,
    ),
    "zeros": (
        np.where(np.arange(_N) % 2, 0.0, _NORMAL),
        np.resize([_TINY, 1e308, -0.0], _N),
        2,
    ),
    "zeros by the smallest": (np.zeros(_N), np.full(_N, _TINY), 0),
    "zeros by the largest": (-np.zeros(_N), np.full(_N, _MAX), 0),
    "last exact errors": (_FULL * 2.0**-484, _FULL * 2.0**-486, 0),
    "first inexact errors": (_FULL * 2.0**-485, _FULL * 2.0**-486, 2),
}


def rational_dot(x: NDArray[np.floating], y: NDArray[np.floating]) -> float:
    """Naive twin: multiply and add fractions, round once; or follow IEEE."""
    a, b = x.astype(np.float64), y.astype(np.float64)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        with np.errstate(invalid="ignore", over="ignore", under="ignore"):
            finite = np.isfinite(a) & np.isfinite(b)
            return float((a * b)[~finite].sum())
    products = (
        Fraction(u) * Fraction(v) for u, v in zip(a.tolist(), b.tolist(), strict=True)
    )
    total = sum(products, Fraction())
    try:
        return float(total)
    except OverflowError:
        return inf if total > 0 else -inf


def outside(x: NDArray[np.floating], y: NDArray[np.floating]) -> int:
    """Blocks with products that went value by value."""
    dtype = np.float32 if x.dtype == y.dtype == np.float32 else np.float64
    wide = np.zeros(PRODUCT_LIMBS, dtype=np.int64)
    special, bins = np.zeros(3, dtype=np.int64), np.zeros(BINS, dtype=np.int64)
    a, b = frozen(x, dtype), frozen(y, dtype)
    return int(add_dot(zeros(1)[0], wide, special, bins, a, b, dtype == np.float64))


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_of_input_is_rounded_once(name):
    x, y, odd = CLASSES[name]
    expected = rational_dot(x, y)
    np.testing.assert_equal(exact_dot(x, y), expected)
    np.testing.assert_equal(exact_dot(y[::-1], x[::-1]), expected)
    assert outside(x, y) == odd


@given(
    st.integers(0, 30).flatmap(
        lambda n: st.tuples(columns(n, tuple(COLUMNS)), columns(n, tuple(COLUMNS)))
    )
)
def test_any_values_are_rounded_once(drawn):
    x, y = (np.array(values, dtype=float) for values in drawn)
    np.testing.assert_equal(exact_dot(x, y), rational_dot(x, y))


@given(st.integers(0, 2**32), st.integers(-540, 510), st.integers(-540, 510))
def test_blocks_at_any_place_of_the_range(seed, e, f):
    rng = np.random.default_rng(seed)
    spread = int(rng.integers(1, 60))
    x = np.ldexp(rng.normal(size=300), e + rng.integers(-spread, spread, 300))
    y = np.ldexp(rng.normal(size=300), f + rng.integers(-spread, spread, 300))
    np.testing.assert_equal(exact_dot(x, y), rational_dot(x, y))


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        ([], [], 0.0),
        ([inf, 1.0], [2.0, 3.0], inf),
        ([inf], [-2.0], -inf),
        ([inf, inf], [1.0, -1.0], nan),
        ([inf], [0.0], nan),
        ([nan], [0.0], nan),
        ([_MAX, _MAX], [_MAX, -_MAX], 0.0),
        ([_MAX], [2.0], inf),
        ([-_MAX], [2.0], -inf),
        ([_TINY], [0.5], 0.0),
        ([_TINY, _TINY], [0.5, 0.25], _TINY),
        ([_TINY, 1.0], [_TINY, 1.0], 1.0),
    ],
)
def test_infinity_nan_overflow_and_underflow(x, y, expected):
    np.testing.assert_equal(exact_dot(x, y), expected)
    padded = [0.0] * 12
    np.testing.assert_equal(exact_dot(x + padded, y + padded), expected)


def test_long_arrays_of_changing_size():
    """σ and level of one block meet the next, and are chosen anew in time."""
    rng = np.random.default_rng(3)
    n = (RENEW + 2) * BLOCK + 3
    x = np.ldexp(rng.integers(-(2**20), 2**20, n), np.arange(n) // 3000 % 90)
    y = rng.integers(-(2**20), 2**20, n).astype(np.float64)
    products = (x * y).tolist()
    assert exact_dot(x, y) == math.fsum(products)


@pytest.mark.parametrize("dtype", ["f2", ">f4", ">f8", "i4", "i8", "?"])
def test_any_dtype_and_stride(dtype, monkeypatch):
    monkeypatch.setattr(module, "PIECE", 16)
    x = (np.arange(120) % 5).astype(dtype)
    y = np.arange(120.0)[::-1]
    assert exact_dot(x, y) == float(
        sum(int(a) * int(b) for a, b in zip(x, y, strict=True))
    )
    assert exact_dot(x[::3], x[::3]) == float(sum(int(a) ** 2 for a in x[::3]))


def test_what_does_not_fit_is_refused():
    with pytest.raises(InvalidInput, match=r"shapes \(2,\) and \(3,\)"):
        exact_dot([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(InvalidInput, match=r"shapes \(1, 2\)"):
        exact_dot([[1.0, 2.0]], [[1.0, 2.0]])
    with pytest.raises(InvalidInput, match=str(2**53 + 1)):
        exact_dot([2**53 + 1], [1])
    with pytest.raises(InvalidInput, match="dtype"):
        exact_dot(["a"], [1.0])
