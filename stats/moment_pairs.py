"""Covariances of many pairs of features from their exact sums, rounded once.

Compiled code does almost all; Python's integers do what it leaves over, and are what it
is compared with.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stats import kernels_roots, kernels_rounding
from stats.exact_input import readable
from stats.kernels_roots import round_correlations
from stats.kernels_rounding import round_covariances
from stats.limbs import PRODUCT_UNIT, Limbs
from stats.rounding import over_root, quotients

__all__ = ["PairSums", "warm"]


@dataclass(frozen=True, slots=True)
class PairSums:
    """Exact sums of pairs of features i <= j of every group, pair after pair.

    Attributes
    ----------
    d : int
        Number of features; a group has d (d + 1) / 2 pairs.
    counts : int64 array, shape (pairs,)
        Rows with both values.
    sums, own : Limbs, g * d cells
        Σ x_i and Σ x_i² over the rows where i is present.
    gaps, squares : Limbs, g * d * d cells, or no words where nothing is missing
        Σ x_i and Σ x_i² over the rows where j is missing.
    products : Limbs, one cell per pair
        Σ x_i x_j over the rows with both.
    """

    d: int
    counts: NDArray[np.int64]
    sums: Limbs
    gaps: Limbs
    products: Limbs
    own: Limbs
    squares: Limbs

    def covariances(self, ddof: int) -> NDArray[np.float64]:
        """(n Σxy - Σx Σy) / (n (n - ddof)), shape (pairs,); NaN for n = 0, n <= ddof.

        Naive twin: `covariances_by_integers`, which does what the kernel leaves over.
        """
        out, late = self._results()
        line, plane = self._grids()
        round_covariances(
            out.view(np.uint64),
            late,
            readable(self.counts, np.int64),
            ddof,
            _words(self.sums),
            _words(self.gaps),
            _words(self.products),
            self._rows(),
            self._places(line, plane),
            PRODUCT_UNIT + 32 * plane,
        )
        pairs = np.flatnonzero(late)
        if len(pairs):
            out[pairs] = self.covariances_by_integers(ddof, pairs)
        return out

    def correlations(self) -> NDArray[np.float64]:
        """Correlations, shape (pairs,); NaN where a feature is constant.

        Naive twin: `correlations_by_integers`, which does what the kernel leaves over.
        """
        out, late = self._results()
        line, plane = self._grids()
        round_correlations(
            out,
            late,
            readable(self.counts, np.int64),
            _words(self.sums),
            _words(self.gaps),
            _words(self.products),
            _words(self.own),
            _words(self.squares),
            self._rows(),
            self._places(line, plane),
            self._second_places(plane),
        )
        pairs = np.flatnonzero(late)
        if len(pairs):
            out[pairs] = self.correlations_by_integers(pairs)
        return out

    def covariances_by_integers(
        self, ddof: int, pairs: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """`covariances` of some pairs, by Python's integers."""
        n, products, first, second, plane = self._integers(pairs)
        tops = [
            k * p - a * b for k, p, a, b in zip(n, products, first, second, strict=True)
        ]
        bottoms = [k * max(k - ddof, 0) for k in n]
        return quotients(tops, bottoms, PRODUCT_UNIT + 32 * plane)

    def correlations_by_integers(self, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
        """`correlations` of some pairs, by Python's integers."""
        n, products, first, second, plane = self._integers(pairs)
        x, gap_x, y, gap_y = self._rows()[:, pairs]
        left = _differences(self.own, x, self.squares, gap_x, 32 * plane)
        right = _differences(self.own, y, self.squares, gap_y, 32 * plane)
        found = np.full(len(pairs), np.nan)
        for c, (k, p, a, b) in enumerate(zip(n, products, first, second, strict=True)):
            u, v = k * left[c] - a * a, k * right[c] - b * b
            if u > 0 and v > 0:
                found[c] = over_root(k * p - a * b, u * v)
        return found

    def _integers(
        self, pairs: NDArray[np.int64]
    ) -> tuple[list[int], list[int], list[int], list[int], int]:
        """n, Σxy, Σx and Σy of pairs, and the grid limb Σxy and Σx Σy count from."""
        _, plane = self._grids()
        x, gap_x, y, gap_y = self._rows()[:, pairs]
        products = _values(self.products, pairs, 32 * plane)
        first = _differences(self.sums, x, self.gaps, gap_x, 16 * plane)
        second = _differences(self.sums, y, self.gaps, gap_y, 16 * plane)
        return self.counts[pairs].tolist(), products, first, second, plane

    def _results(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        return np.empty(len(self.counts)), np.empty(len(self.counts), dtype=np.bool_)

    def _rows(self) -> NDArray[np.int64]:
        """Cells of Σx, of its gap, of Σy and of its gap, shape (4, pairs)."""
        i, j = np.triu_indices(self.d)
        groups = len(self.counts) // max(len(i), 1)
        first = np.arange(0, groups * self.d, self.d, dtype=np.int64)[:, None]
        x, y = first + i, first + j
        rows = (x, x * self.d + j, y, y * self.d + i)
        return np.stack([row.ravel() for row in rows])

    def _grids(self) -> tuple[int, int]:
        """Grid limbs that sums, and products with squares of sums, are counted from."""
        line, last = _window(self.sums, self.gaps)
        parts = (self.products, self.own, self.squares)
        bases = [limbs.base for limbs in parts if limbs.words.shape[1]]
        if last > line:
            bases.append(2 * line)
        return line, min(bases, default=0)

    def _places(self, line: int, plane: int) -> tuple[int, int, int, int, int]:
        """What `round_covariances` wants to know of the words of Σx, Σxy and Σx Σy."""
        _, last = _window(self.sums, self.gaps)
        return (
            last - line + 1,
            _place(self.sums, line),
            _place(self.gaps, line),
            _place(self.products, plane),
            max(2 * line - plane, 0),
        )

    def _second_places(self, plane: int) -> tuple[int, int, int, int]:
        """What `round_correlations` wants to know of the words of Σx²."""
        first, last = _window(self.own, self.squares)
        return (
            last - first + 1,
            _place(self.own, first),
            _place(self.squares, first),
            max(first - plane, 0),
        )


def _words(limbs: Limbs) -> NDArray[np.uint32]:
    return readable(limbs.words, np.uint32)


def _window(*items: Limbs) -> tuple[int, int]:
    """Grid limbs of the first word, and after the last word, of all together."""
    wanted = [limbs for limbs in items if limbs.words.shape[1]]
    first = min((limbs.base for limbs in wanted), default=0)
    ends = (limbs.base + limbs.words.shape[1] for limbs in wanted)
    return first, max(ends, default=first)


def _place(limbs: Limbs, first: int) -> int:
    """Words from grid limb `first` to the first word; zeros have no place."""
    return limbs.base - first if limbs.words.shape[1] else 0


def _values(limbs: Limbs, cells: NDArray[np.int64], bits: int) -> list[int]:
    """Integers of cells in units of 2^bits of the grid."""
    found = Limbs(limbs.words[cells], limbs.base).integers()
    shift = 32 * limbs.base - bits if limbs.words.shape[1] else 0
    return [value << shift for value in found]


def _differences(
    one: Limbs, at: NDArray[np.int64], two: Limbs, other: NDArray[np.int64], bits: int
) -> list[int]:
    """`_values` of cells of one minus those of another."""
    pairs = zip(_values(one, at, bits), _values(two, other, bits), strict=True)
    return [a - b for a, b in pairs]


def warm() -> None:
    """Compile every signature in use, or load it from the cache on disk."""
    kernels_rounding.warm()
    kernels_roots.warm()
