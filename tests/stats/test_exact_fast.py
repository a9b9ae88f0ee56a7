"""The fast path of long sums: the same integers as value by value, and its guards."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stats import exact
from stats.exact import ExactSum
from stats.kernels_sum import BLOCK, RENEW, add_flat
from tests.laws import same_bytes

_TINY = 5e-324
_MAX = float(np.finfo(np.float64).max)
_N = 3 * BLOCK + 5
_RNG = np.random.default_rng(23)
_SIGNS = _RNG.choice([-1.0, 1.0], _N)
_WIDE = np.ldexp(_RNG.normal(size=_N), _RNG.integers(-1000, 1000, _N))

# Values, and in how many of the four blocks extraction must give up.
CLASSES: dict[str, tuple[NDArray[np.floating], int]] = {
    "normal": (_RNG.normal(size=_N), 0),
    "float32": (_RNG.normal(size=_N).astype(np.float32), 0),
    "float32, all exponents": (
        np.ldexp(_RNG.normal(size=_N), _RNG.integers(-140, 120, _N)).astype(np.float32),
        4,
    ),
    "integers": (_RNG.integers(-9, 9, _N).astype(np.float64), 0),
    "largest integers": (_SIGNS * (2.0**53 - 1), 0),
    "same sign, all bits set": (np.full(_N, 2.0 - 2.0**-52), 0),
    "same sign, negative": (np.full(_N, -2.0 + 2.0**-52), 0),
    "±1e16 cancels": (np.where(np.arange(_N) % 2, 1e16 * _SIGNS, 0.1), 0),
    "three levels": (np.ldexp(_RNG.normal(size=_N), _RNG.integers(-45, 45, _N)), 0),
    "ties of the grid": (np.where(np.arange(_N) % 2, 1.0, _SIGNS * 2.0**-50), 0),
    "odd ties of the grid": (np.where(np.arange(_N) % 2, 1.0, 3 * 2.0**-50), 0),
    "all exponents": (_WIDE, 4),
    "denormals": (_SIGNS * _RNG.integers(0, 2**52, _N) * _TINY, 0),
    "largest denormals": (np.full(_N, -(2.0**-1022 - _TINY)), 0),
    "denormals and normals": (_RNG.normal(size=_N) * 2.0**-1021, 0),
    "down to the smallest": (
        np.append(np.ldexp(_SIGNS, _RNG.integers(-1074, -960, _N)), 2.0**-960),
        0,
    ),
    "zeros of both signs": (_SIGNS * 0.0, 0),
    "zeros, then ones": (np.repeat([0.0, 1.0], BLOCK), 0),
    "rising": (np.ldexp(_SIGNS, np.arange(_N) // 100), 0),
    "falling": (np.ldexp(_SIGNS, -(np.arange(_N) // 100)), 0),
    "too large for a sigma": (_SIGNS * _MAX, 4),
    "largest with a sigma": (_SIGNS * 2.0**1020, 0),
    "smallest without a sigma": (_SIGNS * 2.0**1021, 4),
    "last value leaves the binade": (np.append(_RNG.random(_N - 1), 1e5), 0),
    "one NaN": (np.append(np.nan, _RNG.normal(size=_N - 1)), 1),
    "infinities": (np.append(_RNG.normal(size=_N - 2), [np.inf, -np.inf]), 1),
}


def by_value(x: NDArray[np.floating]) -> ExactSum:
    """Twin: every value goes through the element path of two cells."""
    pairs = np.stack([x, np.zeros_like(x)], axis=1)
    both = ExactSum.from_block(pairs, (2,))
    limbs = both.limbs.take(np.array([0]), 1)
    return ExactSum((), limbs, both.special[:1])


def in_bins(x: NDArray[np.floating]) -> int:
    """Blocks that extraction could not hold."""
    limbs, special = np.zeros((1, 70), dtype=np.int64), np.zeros(3, dtype=np.int64)
    return int(add_flat(limbs[0], 0, special, np.ascontiguousarray(x)))


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_has_the_integer_of_the_values(name):
    x, slow = CLASSES[name]
    same_bytes(by_value(x), ExactSum.from_block(x))
    same_bytes(by_value(x), ExactSum.from_block(x[::-1]))
    assert in_bins(x) == slow


@pytest.mark.parametrize("n", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK])
def test_blocks_end_where_the_array_ends(n):
    x = np.random.default_rng(n).normal(size=n)
    same_bytes(by_value(x), ExactSum.from_block(x))
    assert float(ExactSum.from_block(x).value()) == math.fsum(x)


@given(st.integers(0, 2**32), st.lists(st.integers(-1070, 985), max_size=5))
def test_blocks_of_changing_size_and_width(seed, exponents):
    """σ and level of one block meet the next, which fits them or not."""
    rng = np.random.default_rng(seed)
    parts = [
        np.ldexp(
            rng.normal(size=BLOCK), e + rng.integers(0, 1 + seed % 120, BLOCK) // 4
        )
        for e in exponents
    ]
    x = np.concatenate([np.zeros(1), *parts])
    same_bytes(by_value(x), ExactSum.from_block(x))


def test_one_wide_block_does_not_slow_the_rest_for_ever():
    x = np.random.default_rng(3).normal(size=(RENEW + 8) * BLOCK)
    x[:BLOCK] = np.resize(_WIDE, BLOCK)
    assert in_bins(x) == RENEW
    same_bytes(by_value(x), ExactSum.from_block(x))


@given(st.floats(-4, 4, allow_subnormal=False))
def test_bits_above_sigma_are_the_multiple_of_the_grid(x):
    """The identity the kernel rests on; σ = 1.5 * 2^5 holds |x| up to 4 with room."""

    def bits(value: float) -> int:
        return int(np.float64(value).view(np.int64))

    sigma = 1.5 * 2.0**5
    t = sigma + x
    units, rest = bits(t) - bits(sigma), x - (t - sigma)
    assert abs(units) <= 2**51
    assert units * math.ulp(sigma) + rest == x
    assert abs(rest) <= math.ulp(sigma) / 2


def test_input_stays_as_it_was_also_when_read_only(monkeypatch):
    monkeypatch.setattr(exact, "_BLOCK", 3000)
    for dtype in (np.float64, np.float32):
        x = np.random.default_rng(1).normal(size=8000).astype(dtype)
        before = x.tobytes()
        x.flags.writeable = False
        found = ExactSum.from_block(x)
        assert x.tobytes() == before
        assert float(found.value()) == math.fsum(x)
        same_bytes(found, ExactSum.from_block(x.astype(x.dtype.newbyteorder())))
