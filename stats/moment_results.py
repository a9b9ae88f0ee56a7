"""Read results off the exact state of `GroupMoments`; every figure is rounded once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stats.limbs import PRODUCT_UNIT, SUM_UNIT, Limbs
from stats.rounding import quotients, ratio
from stats.summary import Incompatible

if TYPE_CHECKING:
    from stats.moments import GroupMoments

__all__ = [
    "correlation_of",
    "covariance_of",
    "mean_of",
    "product_total_of",
    "total_of",
    "variance_of",
]


def total_of(m: GroupMoments) -> NDArray[np.float64]:
    """Σ x per group and feature, rounded once, (g, d)."""
    return _with_infinities(m, np.ones((m.n_groups, m.d), dtype=np.int64))


def mean_of(m: GroupMoments) -> NDArray[np.float64]:
    """Σ x / n, rounded once, (g, d); NaN for nothing seen."""
    return _with_infinities(m, m.finite_count)


def variance_of(m: GroupMoments, ddof: int) -> NDArray[np.float64]:
    """(n Σx² - (Σx)²) / (n (n - ddof)), rounded once, (g, d)."""
    n = m.finite_count.ravel()
    diagonal = m.products.take(*_diagonal(m)) if m.pairs else m.products
    squares, sums, unit = _aligned(diagonal, m.sums)
    counts = n.tolist()
    tops = [k * q - s * s for k, q, s in zip(counts, squares, sums, strict=True)]
    out = quotients(tops, n * np.maximum(n - ddof, 0), unit).reshape(m.n_groups, m.d)
    out[m.infinite > 0] = np.nan
    return out


def product_total_of(m: GroupMoments) -> NDArray[np.float64]:
    """Σ x_i x_j over rows where both are present, rounded once, (g, d, d)."""
    _need_pairs(m, "product_total")
    whole = m.products.integers()
    unit = _exponent(m.products, PRODUCT_UNIT)
    return _square(m, np.array([ratio(value, 1, unit) for value in whole]))


def covariance_of(m: GroupMoments, ddof: int) -> NDArray[np.float64]:
    """Pairwise-complete covariance, rounded once, (g, d, d)."""
    _need_pairs(m, "covariance")
    i, j = np.triu_indices(m.d)
    n = m.pair_count[:, i, j].ravel()
    products, first, second, unit = _pair_sums(m)
    tops = [
        k * p - a * b
        for k, p, a, b in zip(n.tolist(), products, first, second, strict=True)
    ]
    out = _square(m, quotients(tops, n * np.maximum(n - ddof, 0), unit))
    bad = m.infinite > 0
    out[bad[:, :, None] | bad[:, None, :]] = np.nan
    return out


def correlation_of(m: GroupMoments) -> NDArray[np.float64]:
    """Pairwise-complete correlation with |r| <= 1, (g, d, d).

    Numerator and variances use the same rows, so the square is an exact quotient of
    integers; one rounding, one square root.
    """
    _need_pairs(m, "correlation")
    i, j = np.triu_indices(m.d)
    n = m.pair_count[:, i, j].ravel().tolist()
    products, first, second, unit = _pair_sums(m)
    left, right, own = _pair_squares(m)
    # Both shifts bring to the finer of the two units; one of them is zero.
    coarse, fine = max(own - unit, 0), max(unit - own, 0)
    found = np.full(len(n), np.nan)
    for c, (k, p, a, b) in enumerate(zip(n, products, first, second, strict=True)):
        u = k * (left[c] << coarse) - (a * a << fine)
        v = k * (right[c] << coarse) - (b * b << fine)
        if u > 0 and v > 0:
            top = (k * p - a * b) << fine
            found[c] = math.copysign(math.sqrt(ratio(top * top, u * v, 0)), top)
    out = _square(m, found)
    bad = m.infinite > 0
    out[bad[:, :, None] | bad[:, None, :]] = np.nan
    return out


def _with_infinities(
    m: GroupMoments, denominators: NDArray[np.int64]
) -> NDArray[np.float64]:
    unit = _exponent(m.sums, SUM_UNIT)
    flat = quotients(m.sums.integers(), denominators.ravel(), unit)
    out = flat.reshape(m.n_groups, m.d)
    plus, minus = m.infinite_signs[:, :, 0] > 0, m.infinite_signs[:, :, 1] > 0
    out[plus] = np.inf
    out[minus] = -np.inf
    out[plus & minus] = np.nan
    return out


def _need_pairs(m: GroupMoments, verb: str) -> None:
    if not m.pairs:
        raise Incompatible(
            f"GroupMoments.{verb}: products of different features were not kept "
            "(pairs=False). Build the moments with pairs=True."
        )


def _exponent(limbs: Limbs, unit: int) -> int:
    return unit + 32 * limbs.base


def _diagonal(m: GroupMoments) -> tuple[NDArray[np.int64], int]:
    """Positions of x_i² among the products, as an index of single cells."""
    d = m.d
    wide = d * (d + 1) // 2
    offsets = np.cumsum([0, *range(d, 1, -1)])
    at = np.arange(m.n_groups)[:, None] * wide + offsets[None, :d]
    return at.ravel().astype(np.int64), 1


def _aligned(products: Limbs, sums: Limbs) -> tuple[list[int], list[int], int]:
    """Bring products and squares of sums to one unit: products first."""
    p, s = _exponent(products, PRODUCT_UNIT), 2 * _exponent(sums, SUM_UNIT)
    unit = min(p, s)
    # s - unit is even or s is the unit: both grids are multiples of 32 apart.
    first = [value << (p - unit) for value in products.integers()]
    second = [value << ((s - unit) // 2) for value in sums.integers()]
    return first, second, unit


def _pair_sums(
    m: GroupMoments,
) -> tuple[list[int], list[int], list[int], int]:
    """Per group and pair i <= j: Σxy, Σx_i and Σx_j over the rows with both."""
    sums = _present_sums(m, m.sums, m.gaps)
    products, flat, unit = _aligned(m.products, sums)
    return products, *_both(m, flat), unit


def _pair_squares(m: GroupMoments) -> tuple[list[int], list[int], int]:
    """Per group and pair: Σx_i² and Σx_j² over the rows with both, and their unit."""
    diagonal = m.products.take(*_diagonal(m))
    squares = _present_sums(m, diagonal, m.squares)
    first, second = _both(m, squares.integers())
    return first, second, _exponent(squares, PRODUCT_UNIT)


def _both(m: GroupMoments, flat: list[int]) -> tuple[list[int], list[int]]:
    """Pick (i, j) and (j, i) of every pair i <= j from cells laid out (g, d, d)."""
    d, wide = m.d, m.d * m.d
    i, j = np.triu_indices(d)
    left, right = (i * d + j).tolist(), (j * d + i).tolist()
    starts = range(0, m.n_groups * wide, wide)
    first = [flat[g + at] for g in starts for at in left]
    second = [flat[g + at] for g in starts for at in right]
    return first, second


def _present_sums(m: GroupMoments, whole: Limbs, gaps: Limbs) -> Limbs:
    """Σ over the rows where j is present: the whole sum minus that over the gaps."""
    cells = np.arange(m.n_groups * m.d, dtype=np.int64)
    repeated = whole.take(np.repeat(cells, m.d), 1)
    return Limbs.add([repeated, gaps], (1, -1))


def _square(m: GroupMoments, upper: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spread the upper triangle of every group to a symmetric matrix."""
    i, j = np.triu_indices(m.d)
    out = np.empty((m.n_groups, m.d, m.d))
    values = upper.reshape(m.n_groups, len(i))
    out[:, i, j] = values
    out[:, j, i] = values
    return out
