"""Arrays that break a way of summing, and the twin that sums them value by value."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stats import kernels_sum
from stats.exact import ExactSum
from stats.exact_blocks import frozen
from stats.exact_packed import pack_sum
from stats.kernels_bins import BINS, flush_bins
from stats.kernels_sum import ALL_LIMBS, BLOCK, HEADROOM
from stats.limbs import Limbs

__all__ = ["CLASSES", "TINY", "WIDE", "Cell", "by_value", "heights"]

TINY = 5e-324
_MAX = float(np.finfo(np.float64).max)
_N = 3 * BLOCK + 5
_RNG = np.random.default_rng(23)
_SIGNS = _RNG.choice([-1.0, 1.0], _N)
WIDE = np.ldexp(_RNG.normal(size=_N), _RNG.integers(-1000, 1000, _N))

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
    "all exponents": (WIDE, 3),
    "all exponents and zeros": (WIDE * (np.arange(_N) % 3 > 0), 3),
    "all exponents, NaN and infinities": (
        np.where(np.arange(_N) % 7, WIDE, np.resize([np.nan, np.inf, -np.inf], _N)),
        3,
    ),
    "denormals": (_SIGNS * _RNG.integers(0, 2**52, _N) * TINY, 0),
    "largest denormals": (np.full(_N, -(2.0**-1022 - TINY)), 0),
    "denormals and normals": (_RNG.normal(size=_N) * 2.0**-1021, 0),
    "denormals, then a normal": (np.append(np.full(_N - 1, TINY), 2.0**-1022), 0),
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
    """Limbs and counters of one cell, as the kernels change them.

    Parameters
    ----------
    kernels : module
        `stats.kernels_sum`, or a copy of it with a fault.
    """

    def __init__(self, kernels: Any = kernels_sum) -> None:
        self.kernels = kernels
        self.limbs = np.zeros((1, ALL_LIMBS), dtype=np.int64)
        self.special = np.zeros((1, 3), dtype=np.int64)
        self.bins = np.zeros(BINS, dtype=np.int64)
        self.scratch = np.empty(BLOCK)

    def sum(self) -> ExactSum:
        flush_bins(self.limbs[0], self.bins)
        return ExactSum((), Limbs.canonical(self.limbs, 0), self.special)

    def flat(self, x: NDArray[np.floating]) -> int:
        x = frozen(x, x.dtype)
        row, special = self.limbs[0], self.special[0]
        return int(self.kernels.add_flat(row, special, self.bins, x, 0, x.size))

    def block(
        self, x: NDArray[np.floating], start: int, stop: int, state: NDArray[np.int64]
    ) -> None:
        row, special = self.limbs[0], self.special[0]
        self.kernels.add_block(
            row, special, self.bins, self.scratch, x, start, stop, state
        )


def by_value(x: NDArray[np.floating]) -> ExactSum:
    """Twin in whole numbers of Python, value by value."""
    unit, total, counters = 1 << 1074, 0, [0, 0, 0]
    for value in x.ravel().tolist():
        if math.isfinite(value):
            top, bottom = value.as_integer_ratio()
            total += top * (unit // bottom)
        else:
            counters[2 if math.isnan(value) else int(value < 0)] += 1
    return ExactSum.from_packed(pack_sum(total, counters))


def heights(level: int, kernels: Any = kernels_sum) -> Iterator[tuple[Any, ExactSum]]:
    """Blocks that reach down to the smallest value from any height.

    Yields
    ------
    values, and their sum when the block starts at `level` with its σ known
    """
    for exponent in range(-1074, -1074 + 4 * 104):
        x = frozen(np.resize([np.ldexp(1.0, exponent), 3 * TINY], 16), np.float64)
        cell = Cell(kernels)
        state = np.array([max(exponent + 1077, HEADROOM), level, 0])
        cell.block(x, 0, x.size, state)
        yield x, cell.sum()
