"""Tiles and single values give the same bits, and both are those of fractions.

Groups of fewer than sixteen rows are summed value by value: the same rows cut into such
groups and rolled up are an oracle for the tiles.
"""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from stats.moments import GroupMoments
from tests.laws import same_bytes

_RNG = np.random.default_rng(20261125)
_N, _D = 1100, 5


def _normal(n: int = _N, d: int = _D) -> NDArray[np.float64]:
    return _RNG.normal(size=(n, d))


def _gaps(x: NDArray[np.floating], share: float) -> NDArray[np.floating]:
    out = x.copy()
    out[_RNG.random(x.shape) < share] = np.nan
    return out


def _classes() -> dict[str, NDArray[np.floating]]:
    f32 = _normal().astype(np.float32)
    wide = np.ldexp(_normal(), _RNG.integers(-300, 300, (_N, _D)))
    special = _normal()
    special[3, 0], special[700, 1], special[701, 1] = np.inf, -np.inf, np.inf
    last = _normal()
    last[-1] = [2.0**80, 1.0, -(2.0**-80), 1.5 * 2.0**9, 0.0]
    growing = _normal()
    growing[:512] *= 2.0**-200
    growing[1024:] *= 2.0**200
    cancel = np.full((_N, _D), np.finfo(np.float64).max)
    cancel[1::2] *= -1.0
    return {
        "float32": f32,
        "float32 with gaps": _gaps(f32, 0.01),
        "float32, half of it missing": _gaps(f32, 0.5),
        "float32 of many scales": f32 * np.float32(10.0) ** np.arange(_D, dtype="f4"),
        "float32 skewed": np.exp(3 * _normal()).astype(np.float32),
        "float32 subnormal": f32 * np.float32(2.0**-140),
        "few bits": np.round(_normal() * 64) / 64,
        "float64": _normal(),
        "float64 with gaps": _gaps(_normal(), 0.05),
        "lognormal, sigma 10": np.exp(10 * _normal()),
        "wide exponents": wide,
        "wide with gaps": _gaps(wide, 0.1),
        "subnormal": np.ldexp(_normal(), -1060),
        "tiny": np.ldexp(_normal(), -940),
        "huge": np.ldexp(_normal(), 1010),
        "offset 1e9": _normal() + 1e9,
        "constant": np.full((_N, _D), 0.1),
        "zeros": np.zeros((_N, _D)) * -1.0,
        "infinities": special,
        "a column of NaN": np.where(np.arange(_D) == 2, np.nan, _normal()),
        "all NaN": np.full((_N, _D), np.nan),
        "last row leaves the scale": last,
        "windows grow": growing,
        "largest values cancel": cancel,
        "one and 2^-1074": np.where(np.arange(_N)[:, None] % 7, 1.0, 2.0**-1074)
        * np.ones(_D),
    }


CLASSES = _classes()


def by_value(x: NDArray[np.floating], *, pairs: bool = True) -> GroupMoments:
    """Twin: in groups of ten rows every value is taken apart."""
    groups = np.arange(len(x)) // 10
    n = int(groups.max()) + 1
    parts = GroupMoments.from_block(x, groups, n, pairs=pairs)
    return parts.rollup(np.zeros(n, dtype=np.int64), 1)


def by_tile(x: NDArray[np.floating], *, pairs: bool = True) -> GroupMoments:
    return GroupMoments.from_block(x, np.zeros(len(x), np.int64), 1, pairs=pairs)


@pytest.mark.parametrize("pairs", [True, False])
@pytest.mark.parametrize("name", CLASSES)
def test_tiles_have_the_integers_of_the_values(name, pairs):
    x = CLASSES[name]
    same_bytes(by_tile(x, pairs=pairs), by_value(x, pairs=pairs))
    same_bytes(by_tile(x[::-1], pairs=pairs), by_value(x, pairs=pairs))


@pytest.mark.parametrize("name", CLASSES)
def test_the_integers_are_those_of_fractions(name):
    x = CLASSES[name][:40, :3].astype(np.float64)
    m = by_tile(x)
    for i, j in product(range(3), repeat=2):
        rows = np.isfinite(x[:, i]) & np.isfinite(x[:, j])
        left, right = ([Fraction(v) for v in x[rows, k].tolist()] for k in (i, j))
        total = sum((a * b for a, b in zip(left, right, strict=True)), Fraction(0))
        assert m.pair_count[0, i, j] == rows.sum()
        if np.isfinite(x[:, [i, j]]).all() or not np.isinf(x[:, [i, j]]).any():
            expected = _rounded(total)
            assert m.product_total()[0, i, j] == expected


def _rounded(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf


@pytest.mark.parametrize("n", [1, 15, 16, 17, 63, 64, 65, 511, 512, 513, 1025])
@pytest.mark.parametrize("d", [1, 2, 3, 10, 33])
def test_any_number_of_rows_and_features(n, d):
    x = _gaps(_normal(n, d).astype(np.float32), 0.03)
    same_bytes(by_tile(x), by_value(x))


@pytest.mark.parametrize("times", [1, 5, 63, 64, 65, 600])
def test_layouts_and_the_order_of_agents_do_not_matter(times):
    x = _gaps(_RNG.normal(size=(24, times, 4)).astype(np.float32), 0.02)
    groups = _RNG.integers(-1, 3, 24)
    flat = GroupMoments.from_block(x.reshape(-1, 4), np.repeat(groups, times), 3)
    columns = np.ascontiguousarray(x.transpose(0, 2, 1)).transpose(0, 2, 1)
    swapped = x.astype(">f4").astype(x.dtype.newbyteorder(">"))
    order = _RNG.permutation(24)
    for block in (x, columns, np.asfortranarray(x), swapped, x.astype(np.float64)):
        same_bytes(GroupMoments.from_block(block, groups, 3), flat)
        same_bytes(GroupMoments.from_block(block[order], groups[order], 3), flat)


def test_integers_are_summed_as_they_are():
    x = _RNG.integers(-(2**40), 2**40, (700, 3))
    same_bytes(by_tile(x), by_tile(x.astype(np.float64)))
    m = by_tile(x)
    columns = x.astype(object).T
    assert (m.product_total()[0] == (columns @ columns.T).astype(np.float64)).all()


def test_read_only_input_stays_as_it_was():
    x = _normal()
    before = x.copy()
    x.flags.writeable = False
    same_bytes(by_tile(x), by_tile(before))
    np.testing.assert_array_equal(x, before)
