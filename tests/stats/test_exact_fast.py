"""The fast path of long sums: the same integers as value by value, and its guards."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats.exact import ExactSum
from stats.exact_blocks import frozen
from stats.kernels_bins import clean, fill_bins
from stats.kernels_columns import add_elements
from stats.kernels_sum import (
    ALL_PASSES,
    BLOCK,
    HEADROOM,
    LARGEST,
    RENEW,
    add_flat,
    add_passes,
)
from tests.exact_cases import CLASSES, WIDE, Cell, by_value, heights
from tests.laws import same_bytes


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_has_the_integer_of_the_values(name):
    x, slow = CLASSES[name]
    expected = by_value(x)
    same_bytes(expected, ExactSum.from_block(x))
    same_bytes(expected, ExactSum.from_block(x[::-1]))
    cell = Cell()
    assert cell.flat(x) == slow
    assert not cell.bins.any(), "a bin was not emptied"
    same_bytes(expected, cell.sum())


@pytest.mark.parametrize("name", CLASSES)
def test_the_element_path_gives_the_same_integer(name):
    x, _ = CLASSES[name]
    cell = Cell()
    add_elements(cell.limbs, cell.special, frozen(x, x.dtype))
    same_bytes(by_value(x), cell.sum())


@pytest.mark.parametrize("name", CLASSES)
def test_every_level_and_the_bins_give_the_same_integer(name):
    """Each block starts at the level that is forced, with the σ of the block before."""
    x, _ = CLASSES[name]
    whole = frozen(x[: x.size // BLOCK * BLOCK], x.dtype)
    expected = by_value(whole)
    for level in (1, 2, 3, 4):
        cell, state = Cell(), np.zeros(3, dtype=np.int64)
        for start in range(0, whole.size, BLOCK):
            state[1] = level
            cell.block(whole, start, start + BLOCK, state)
        same_bytes(expected, cell.sum())


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
    same_bytes(by_value(x[: x.size // BLOCK * BLOCK]), cell.sum())


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_levels_end_well_at_the_smallest_value_from_any_height(level):
    """The exponent of the last σ must not fall below that of the smallest value."""
    for x, found in heights(level):
        same_bytes(by_value(x), found)


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
    x[:BLOCK] = np.resize(WIDE, BLOCK)
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
