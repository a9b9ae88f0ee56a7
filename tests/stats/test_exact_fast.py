"""The fast path of long sums: the same integers as value by value, and its guards."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stats.exact import ExactSum
from stats.exact_blocks import frozen
from stats.kernels_bins import BINS, clean, fill_bins, flush_bins
from stats.kernels_columns import add_elements
from stats.kernels_sum import (
    ALL_LIMBS,
    ALL_PASSES,
    BLOCK,
    HEADROOM,
    LARGEST,
    RENEW,
    add_block,
    add_flat,
    add_passes,
)
from stats.limbs import Limbs
from tests.laws import same_bytes

_TINY = 5e-324
_MAX = float(np.finfo(np.float64).max)
_N = 3 * BLOCK + 5
_RNG = np.random.default_rng(23)
_SIGNS = _RNG.choice([-1.0, 1.0], _N)
_WIDE = np.ldexp(_RNG.normal(size=_N), _RNG.integers(-1000, 1000, _N))

# Values, and how many of the three whole blocks end in bins.
CLASSES: dict[str, tuple[NDArray[np.floating], int]] = {
    "normal": (_RNG.normal(size=_N), 0),
    "float32": (_RNG.normal(size=_N).astype(np.float32), 0),
    "float32, all exponents": (
        np.ldexp(_RNG.normal(size=_N), _RNG.integers(-140, 120, _N)).astype(np.float32),
        0,
    ),
    "integers": (_RNG.integers(-9, 9, _N).astype(np.float64), 0),
    "largest integers": (_SIGNS * (2.0**53 - 1), 0),
    "same sign, all bits set": (np.full(_N, 2.0 - 2.0**-52), 0),
    "same sign, negative": (np.full(_N, -2.0 + 2.0**-52), 0),
    "±1e16 cancels": (np.where(np.arange(_N) % 2, 1e16 * _SIGNS, 0.1), 0),
    "three levels": (np.ldexp(_RNG.normal(size=_N), _RNG.integers(-45, 45, _N)), 0),
    "eight levels": (np.ldexp(_RNG.normal(size=_N), _RNG.integers(0, 340, _N)), 0),
    "nine levels": (np.ldexp(_SIGNS, np.arange(_N) % 460), 3),
    "ties of the grid": (np.where(np.arange(_N) % 2, 1.0, _SIGNS * 2.0**-50), 0),
    "odd ties of the grid": (np.where(np.arange(_N) % 2, 1.0, 3 * 2.0**-50), 0),
    "all exponents": (_WIDE, 3),
    "all exponents and zeros": (_WIDE * (np.arange(_N) % 3 > 0), 3),
    "all exponents, NaN and infinities": (
        np.where(np.arange(_N) % 7, _WIDE, np.resize([np.nan, np.inf, -np.inf], _N)),
        3,
    ),
    "denormals": (_SIGNS * _RNG.integers(0, 2**52, _N) * _TINY, 0),
    "largest denormals": (np.full(_N, -(2.0**-1022 - _TINY)), 0),
    "denormals and normals": (_RNG.normal(size=_N) * 2.0**-1021, 0),
    "denormals, then a normal": (np.append(np.full(_N - 1, _TINY), 2.0**-1022), 0),
    "down to the smallest": (
        np.append(np.ldexp(_SIGNS, _RNG.integers(-1074, -960, _N)), 2.0**-960),
        0,
    ),
    "zeros of both signs": (_SIGNS * 0.0, 0),
    "zeros, then ones": (np.repeat([0.0, 1.0], BLOCK), 0),
    "rising": (np.ldexp(_SIGNS, np.arange(_N) // 100), 0),
    "falling": (np.ldexp(_SIGNS, -(np.arange(_N) // 100)), 0),
    "too large for a sigma": (_SIGNS * _MAX, 3),
    "largest with a sigma": (_SIGNS * 2.0**1020, 0),
    "smallest without a sigma": (_SIGNS * 2.0**1021, 3),
    "last value leaves the binade": (np.append(_RNG.random(3 * BLOCK - 1), 1e5), 0),
    "one NaN": (np.append(np.nan, _RNG.normal(size=_N - 1)), 0),
    "infinities": (np.append(_RNG.normal(size=_N - 2), [np.inf, -np.inf]), 0),
    "nothing finite": (np.resize([np.nan, np.inf, -np.inf], _N), 0),
}


class Cell:
    """Limbs and counters of one cell, as the kernels change them."""

    def __init__(self) -> None:
        self.limbs = np.zeros((1, ALL_LIMBS), dtype=np.int64)
        self.special = np.zeros((1, 3), dtype=np.int64)
        self.bins = np.zeros(BINS, dtype=np.int64)

    def sum(self) -> ExactSum:
        assert not self.bins.any(), "a bin was not emptied"
        return ExactSum((), Limbs.canonical(self.limbs, 0), self.special)

    def flat(self, x: NDArray[np.floating]) -> int:
        x = frozen(x, x.dtype)
        row, special = self.limbs[0], self.special[0]
        return int(add_flat(row, special, self.bins, x, 0, x.size))


def by_value(x: NDArray[np.floating]) -> ExactSum:
    """Twin: the element path, value by value."""
    cell = Cell()
    add_elements(cell.limbs, cell.special, frozen(x, x.dtype))
    return cell.sum()


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_has_the_integer_of_the_values(name):
    x, slow = CLASSES[name]
    same_bytes(by_value(x), ExactSum.from_block(x))
    same_bytes(by_value(x), ExactSum.from_block(x[::-1]))
    cell = Cell()
    assert cell.flat(x) == slow
    same_bytes(by_value(x), cell.sum())


@pytest.mark.parametrize("level", [1, 2, 3, 4])
@pytest.mark.parametrize("name", CLASSES)
def test_every_level_and_the_bins_give_the_same_integer(name, level):
    """Each block starts at the level that is forced, with the σ of the block before."""
    x, _ = CLASSES[name]
    whole = frozen(x[: x.size // BLOCK * BLOCK], x.dtype)
    cell, scratch = Cell(), np.empty(BLOCK)
    state = np.zeros(3, dtype=np.int64)
    for start in range(0, whole.size, BLOCK):
        state[1] = level
        stop = start + BLOCK
        add_block(
            cell.limbs[0],
            cell.special[0],
            cell.bins,
            scratch,
            whole,
            start,
            stop,
            state,
        )
    flush_bins(cell.limbs[0], cell.bins)
    same_bytes(by_value(whole), cell.sum())


@pytest.mark.parametrize("name", CLASSES)
def test_passes_to_the_last_bit_need_no_bins(name):
    x, _ = CLASSES[name]
    cell, rest = Cell(), np.empty(BLOCK)
    view = frozen(x, x.dtype)
    for start in range(0, x.size // BLOCK * BLOCK, BLOCK):
        top = clean(view, start, start + BLOCK, rest, cell.special[0]) + HEADROOM
        if top > LARGEST:
            fill_bins(cell.bins, rest, 0, BLOCK)
        else:
            assert add_passes(cell.limbs[0], rest, BLOCK, top, ALL_PASSES)
    flush_bins(cell.limbs[0], cell.bins)
    same_bytes(by_value(x[: x.size // BLOCK * BLOCK]), cell.sum())


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_levels_end_well_at_the_smallest_value_from_any_height(level):
    """The exponent of the last σ must not fall below that of the smallest value."""
    scratch = np.empty(BLOCK)
    for exponent in range(-1074, -1074 + 4 * 104):
        x = frozen(np.resize([np.ldexp(1.0, exponent), 3 * _TINY], 16), np.float64)
        cell, state = Cell(), np.array([exponent + 1077, level, 0])
        state[0] = max(state[0], HEADROOM)
        row, special = cell.limbs[0], cell.special[0]
        add_block(row, special, cell.bins, scratch, x, 0, x.size, state)
        flush_bins(row, cell.bins)
        same_bytes(by_value(x), cell.sum())


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK])
def test_blocks_end_where_the_array_ends(n):
    x = np.random.default_rng(n).normal(size=n)
    same_bytes(by_value(x), ExactSum.from_block(x))
    assert float(ExactSum.from_block(x).value()) == math.fsum(x)


def test_a_stretch_of_an_array_leaves_the_rest_alone():
    x = np.random.default_rng(8).normal(size=3 * BLOCK)
    cell = Cell()
    view = frozen(x, x.dtype)
    add_flat(cell.limbs[0], cell.special[0], cell.bins, view, 3, 2 * BLOCK + 1)
    same_bytes(by_value(x[3 : 2 * BLOCK + 1]), cell.sum())


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
    x = np.concatenate([np.zeros(8), *parts])
    same_bytes(by_value(x), ExactSum.from_block(x))


def test_one_wide_block_does_not_slow_the_rest_for_ever():
    x = np.random.default_rng(3).normal(size=(RENEW + 8) * BLOCK)
    x[:BLOCK] = np.resize(_WIDE, BLOCK)
    cell = Cell()
    assert cell.flat(x) == RENEW
    same_bytes(by_value(x), cell.sum())


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
