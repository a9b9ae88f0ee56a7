"""Sums per cell of arrays of any layout: the same integers as value by value."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stats import exact_blocks, kernels_columns
from stats.exact import ExactSum, exact_sum
from stats.exact_blocks import frozen, zeros
from stats.kernels_columns import add_columns, add_elements
from stats.limbs import Limbs
from tests.laws import same_bytes

_TINY = 5e-324
_MAX = float(np.finfo(np.float64).max)
_ROWS = 1300


def _column(kind: str, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """One column of a kind that is hard for two levels, or not."""
    normal = rng.normal(size=n)
    made = {
        "normal": normal,
        "float32": normal.astype(np.float32).astype(np.float64),
        "zeros, late ones": np.where(np.arange(n) < n - 3, 0.0, 1.0),
        "wide": np.ldexp(normal, rng.integers(-1000, 1000, n)),
        "three levels": np.ldexp(normal, rng.integers(-45, 45, n)),
        "denormal": rng.integers(-99, 99, n) * _TINY,
        "largest": np.where(np.arange(n) % 2, _MAX, -_MAX),
        "one outlier": np.where(np.arange(n) == n // 2, 1e300, normal),
        "gaps": np.where(rng.random(n) < 0.3, np.nan, normal),
        "infinite": np.where(np.arange(n) % 5, normal, np.inf),
        "rising": np.ldexp(normal, np.arange(n) // 60),
    }
    return made[kind]


_KINDS = (
    "normal",
    "float32",
    "zeros, late ones",
    "wide",
    "three levels",
    "denormal",
    "largest",
    "one outlier",
    "gaps",
    "infinite",
    "rising",
)


def table(width: int, rows: int = _ROWS, seed: int = 3) -> NDArray[np.float64]:
    """Rows of columns of all kinds."""
    rng = np.random.default_rng(seed)
    kinds = [_KINDS[(3 * i) % len(_KINDS)] for i in range(width)]
    return np.stack([_column(kind, rng, rows) for kind in kinds], axis=1)


def by_value(x: NDArray[np.floating]) -> ExactSum:
    """Twin: the element path, value by value."""
    cells = x.shape[1]
    limbs, special = zeros(cells), np.zeros((cells, 3), dtype=np.int64)
    add_elements(limbs, special, frozen(x, x.dtype).ravel())
    return ExactSum((cells,), Limbs.canonical(limbs, 0), special)


@pytest.mark.parametrize("width", [1, 2, 3, 5, 6, 7, 8, 9, 12, 16, 33, 64, 127])
def test_any_number_of_columns(width):
    x = table(width)
    same_bytes(by_value(x), ExactSum.from_block(x, (width,)))


@pytest.mark.parametrize("rows", [1, 2, 7, 8, 31, 32, 33, 63, 512, 513])
@pytest.mark.parametrize("width", [3, 11])
def test_any_number_of_rows(width, rows):
    x = table(width, rows)
    expected = by_value(x)
    for layout in (x, np.asfortranarray(x), np.repeat(x, 2, axis=0)[::2]):
        same_bytes(expected, ExactSum.from_block(layout, (width,)))


@pytest.mark.parametrize("kind", _KINDS)
def test_every_kind_of_column_by_itself(kind):
    rng = np.random.default_rng(4)
    x = np.stack([_column(kind, rng, 900) for _ in range(9)], axis=1)
    same_bytes(by_value(x), ExactSum.from_block(x, (9,)))


def test_float32_columns():
    x = np.random.default_rng(2).normal(size=(700, 19)).astype(np.float32)
    x[5, 3], x[6, 4], x[7, 5] = np.nan, 1e-45, 3e38
    for block in (x, x.astype(np.float64), x.astype(">f4"), x[:, ::-1][:, ::-1]):
        same_bytes(by_value(x), ExactSum.from_block(block, (19,)))


@pytest.mark.parametrize("cells", [8, 9, 15, 16, 17, 23, 24, 31])
def test_cells_of_several_compiled_calls(cells, monkeypatch):
    monkeypatch.setattr(exact_blocks, "_CELLS", 8)
    monkeypatch.setattr(exact_blocks, "PIECE", 100)
    x = table(cells, 90)
    expected = by_value(x)
    for layout in (x, np.asfortranarray(x), x.astype(">f8")):
        same_bytes(expected, ExactSum.from_block(layout, (cells,)))


@pytest.mark.parametrize("dtype", ["f8", ">f8", "f4"])
def test_long_cells_that_lie_side_by_side(dtype, monkeypatch):
    monkeypatch.setattr(exact_blocks, "_CELLS", 8)
    with np.errstate(over="ignore"):
        x = table(21, 5000).astype(dtype)
    expected = by_value(x.astype(x.dtype.newbyteorder("=")))
    same_bytes(expected, ExactSum.from_block(np.asfortranarray(x), (21,)))


def test_columns_that_two_levels_hold_are_never_copied_out(monkeypatch):
    """Twin of the fast path alone: it must not lean on the slow one."""
    x = np.random.default_rng(7).normal(size=(4000, 16))
    limbs, special = zeros(16), np.zeros((16, 3), dtype=np.int64)
    apart = add_columns(limbs, special, frozen(x, x.dtype).ravel(), 16, 0)
    assert apart == 0
    sums = ExactSum((16,), Limbs.canonical(limbs, 0), special)
    same_bytes(by_value(x), sums)
    x[3000, 5] = np.inf
    limbs[:] = 0
    assert add_columns(limbs, special, frozen(x, x.dtype).ravel(), 16, 0) == 1


@given(st.integers(0, 2**32), st.integers(8, 20), st.integers(1, 200))
def test_any_rows_and_columns(seed, width, rows):
    rng = np.random.default_rng(seed)
    spread = int(rng.integers(1, 300))
    x = np.ldexp(rng.normal(size=(rows, width)), rng.integers(-spread, spread, width))
    same_bytes(by_value(x), ExactSum.from_block(x, (width,)))


def test_sums_along_any_axis_of_any_layout():
    x = np.random.default_rng(9).normal(size=(6, 20, 30))
    for view in (x, x.T, x[::-1, ::2], np.asfortranarray(x), x.swapaxes(0, 1)):
        for axis in range(3):
            moved = np.moveaxis(view, axis, 0).reshape(view.shape[axis], -1)
            expected = by_value(moved).value().reshape(exact_sum(view, axis=axis).shape)
            np.testing.assert_array_equal(exact_sum(view, axis=axis), expected)
        assert exact_sum(view) == exact_sum(np.ascontiguousarray(view))


def test_a_tile_ends_inside_the_scratch():
    assert kernels_columns._TILE // 8 <= kernels_columns.BLOCK
    assert kernels_columns._MIN_ROWS <= kernels_columns.BLOCK
