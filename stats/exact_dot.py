"""Dot products that are right to the last bit, whatever the order."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.exact_blocks import PIECE, frozen, in_place, trimmed, zeros
from stats.exact_input import as_float64
from stats.kernels_bins import BINS
from stats.kernels_dot import PRODUCT_LIMBS, add_dot
from stats.limbs import PRODUCT_UNIT, SUM_UNIT, Limbs
from stats.rounding import ratio
from stats.summary import InvalidInput

__all__ = ["exact_dot", "warm"]


def exact_dot(x: ArrayLike, y: ArrayLike) -> float:
    """Dot product rounded once, like an infinitely precise `numpy.dot`.

    Parameters
    ----------
    x, y : float arrays, or integers up to 2^53, shape (n,)

    Returns
    -------
    float
        Σ x_i y_i, at most 0.5 ulp from the exact value for finite input of any size,
        also where single products are denormal or overflow.  NaN where a product is
        NaN, or both infinities occur.

    Raises
    ------
    InvalidInput
        When shapes differ or have more than one axis, or float64 cannot hold a value.

    Notes
    -----
    Naive twin: tests/stats/test_exact_dot.py.

    Examples
    --------
    >>> exact_dot([1e16, 1.0, -1e16], [1.0, 0.5, 1.0])
    0.5
    """
    a, b = np.asarray(x), np.asarray(y)
    if a.ndim != 1 or a.shape != b.shape:
        raise InvalidInput(
            f"exact_dot: shapes {a.shape} and {b.shape} do not fit. "
            "Give two arrays of one axis and of one length."
        )
    single = a.dtype.kind == b.dtype.kind == "f" and max(a.itemsize, b.itemsize) <= 4
    dtype = np.float32 if single else np.float64
    if not single:
        a, b = _checked(a), _checked(b)
    row, wide, bins = zeros(1), _wide(), np.zeros(BINS, dtype=np.int64)
    special = np.zeros(3, dtype=np.int64)
    step = max(len(a), 1)
    if not (in_place(a, dtype) and in_place(b, dtype)):
        step = PIECE
    for start in range(0, len(a), step):
        u = frozen(a[start : start + step], dtype)
        v = frozen(b[start : start + step], dtype)
        add_dot(row[0], wide[0], special, bins, u, v, not single)
    return _rounded(trimmed(row), trimmed(wide), special)


def _checked(values: NDArray[Any]) -> NDArray[Any]:
    """Float arrays as they are, integers as float64 where it holds them."""
    if values.dtype.kind == "f" and values.dtype.itemsize <= 8:
        return values
    return as_float64(values, "exact_dot")


def _wide() -> NDArray[np.int64]:
    return np.zeros((1, PRODUCT_LIMBS), dtype=np.int64)


def _rounded(sums: Limbs, products: Limbs, special: NDArray[np.int64]) -> float:
    """Both parts added and rounded once; infinities and NaN as in IEEE 754."""
    plus, minus, nan = (special > 0).tolist()
    if nan or (plus and minus):
        return math.nan
    if plus or minus:
        return math.inf if plus else -math.inf
    total = sums.integers()[0] << (32 * sums.base + SUM_UNIT - PRODUCT_UNIT)
    total += products.integers()[0] << (32 * products.base)
    return ratio(total, 1, PRODUCT_UNIT)


def warm() -> None:
    """Compile every signature in use, or load it from the cache on disk."""
    for dtype in (np.float64, np.float32):
        x = np.ones(20, dtype=dtype)
        exact_dot(x, x)
