"""Which pairs of series may be strongly correlated, from float32 products in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from stats.kernels_series import scale_rows
from stats.series_input import Real

__all__ = ["PairScreen", "Singles"]

Singles = NDArray[np.float32]
Ints = NDArray[np.int64]

# Series per side of a block: products of two blocks, 1 MB, stay in cache.
_BLOCK = 512
# Two series that each have at least this share of the steps are screened by a bound.
_LIGHT = 0.85
_LEAST_OVERLAP = 2.0 * _LIGHT - 1.0


@dataclass(frozen=True, slots=True)
class PairScreen:
    """Standardised float32 rows, those with most steps first, and their products.

    Attributes
    ----------
    order : int64 array, shape (m,)
        Positions of the series that vary and have enough steps.
    rows : float32 array, shape (m, T)
        A product of two of the first `light` rows is r times a factor from 1 to 1 / 0.7
        (1 without gaps): r times overlap over √((2 u_a - 1)(2 u_b - 1)), u the shares
        of steps that they have, which is at most the share that both have.
    scale : float32 array, shape (m,)
        What rows were divided by for that; 1 beyond the first `light`.
    seen : float32 array, shape (m, T), or (0, T) where all rows are light
        1 where a series has a value.
    light : int
        Series that have at least 85 % of the steps.
    overlap : int
        Steps that a pair must share.
    """

    order: Ints
    rows: Singles
    scale: Singles
    seen: Singles
    light: int
    overlap: int

    @classmethod
    def of(cls, x: Real, overlap: int) -> Self:
        """Standardise the rows of x that vary and have at least `overlap` steps."""
        n, width = x.shape
        rows, observed = np.empty(x.shape, np.float32), np.empty(n, np.int64)
        scale_rows(x, rows, observed)
        usable = int((observed >= overlap).sum())
        order = np.argsort(-observed, kind="stable")[:usable]
        if usable < n or (np.diff(order) != 1).any():
            rows = rows[order]
        share = observed[order] / max(width, 1)
        light = int((share >= _LIGHT).sum())
        scale = np.ones(usable, np.float32)
        scale[:light] = np.sqrt(2.0 * share[:light] - 1.0)
        rows[:light] /= scale[:light, None]
        seen = np.empty((usable if light < usable else 0, width), np.float32)
        for first in range(0, len(seen), _BLOCK):
            some = slice(first, first + _BLOCK)
            seen[some] = np.isfinite(x[order[some]])
        return cls(order, rows, scale, seen, light, overlap)

    def least_value(self, least: float, column: int) -> np.float32:
        """Value in a block that starts at `column` of any pair with r >= `least`."""
        width = self.rows.shape[1]
        bound = column < self.light
        least_share = _LEAST_OVERLAP if bound else self.overlap / width
        error = (width + 8) * 2.0**-24 / least_share
        if bound and least < 0:
            least /= _LEAST_OVERLAP
        return np.float32(least - error)

    def blocks(self) -> Iterator[tuple[int, int, Singles]]:
        """Yield (first row, first column, products) of every block of pairs, once.

        The array is used again for the next block.  Blocks on the diagonal are whole.
        """
        products, common = np.empty((2, _BLOCK * _BLOCK), np.float32)
        n = len(self.rows)
        ends = [*range(0, self.light, _BLOCK), *range(self.light, n, _BLOCK), n]
        spans = [slice(*pair) for pair in pairwise(ends)]
        for k, a in enumerate(spans):
            for b in spans[k:]:
                shape = a.stop - a.start, b.stop - b.start
                size = shape[0] * shape[1]
                block = products[:size].reshape(shape)
                np.matmul(self.rows[a], self.rows[b].T, out=block)
                if b.start >= self.light:
                    self._divide(block, common[:size].reshape(shape), a, b)
                yield a.start, b.start, block

    def _divide(self, block: Singles, common: Singles, a: slice, b: slice) -> None:
        """Turn products into correlations by counting the steps that both have."""
        np.matmul(self.seen[a], self.seen[b].T, out=common)
        common[common < self.overlap] = np.inf
        block *= self.scale[a, None]
        block /= common
        block *= np.float32(self.rows.shape[1])
