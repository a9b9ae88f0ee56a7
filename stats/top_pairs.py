"""The most correlated pairs among all pairs of series, exactly, in bounded memory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.kernels_series import correlate_pairs
from stats.pair_screen import PairScreen, Singles
from stats.series_input import Real, as_floats, check_matrix
from stats.summary import InvalidInput

__all__ = ["TopPairs", "top_correlated_pairs"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Candidates after which the best are chosen anew.
_PENDING = 4096


class TopPairs(NamedTuple):
    """Pairs by falling correlation.

    Attributes
    ----------
    i, j : int64 arrays, shape (k,)
        Positions of the series, i < j.
    r : float64 array, shape (k,)
    """

    i: Ints
    j: Ints
    r: Floats


def top_correlated_pairs(
    series: ArrayLike,
    k: int,
    *,
    absolute: bool = False,
    least: float = -np.inf,
    min_overlap: int | None = None,
) -> TopPairs:
    """Find the k pairs of series with the highest correlation, exactly.

    Parameters
    ----------
    series : array_like, shape (n, T)
        NaN and infinities are missing.  Constant series have no correlation and are
        left out.  float32 and float64 in C order are not copied.
    k : int
        Pairs wanted; fewer come back when there are fewer.
    absolute : bool
        Rank by ``|r|``: strong negative correlations count as much as positive ones.
    least : float
        Only pairs with r, or ``|r|``, of at least this.
    min_overlap : int, optional
        Steps that two series must share; half of T, and at least 2, by default.

    Returns
    -------
    TopPairs
        i < j, by falling r (or ``|r|``), ties by (i, j); unpacks to i, j, r.

    Raises
    ------
    InvalidInput
        For a shape that is not (n, T), a dtype that is no number, or k < 0.

    Notes
    -----
    r = Σ y_a y_b / (steps that both have), each series standardised over its own steps:
    Pearson's correlation without gaps, and what `mean_pairwise_correlation` averages
    with gaps.  There it may exceed 1, the less the more steps are shared.

    Blocks of float32 products are screened against the k-th best so far, less the bound
    of their error (T + 8) 2⁻²⁴; what passes is computed again in float64, so that no
    pair is lost and equal series tie.  With few gaps the product is divided by a lower
    bound of the overlap, u_a + u_b - 1 >= √((2 u_a - 1)(2 u_b - 1)) for shares u: one
    matrix product, as without gaps.  Otherwise a second one counts the overlap.

    Memory: 4 n T bytes, twice that with gaps, and a few k; never n².  Time: n² T / 2
    multiplications in float32.  Naive twin: tests/stats/test_top_pairs.py.

    Examples
    --------
    >>> x = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [2.0, 4.0, 6.1]])
    >>> i, j, r = top_correlated_pairs(x, 1)
    >>> print(i, j, r.round(3))
    [0] [2] [1.]
    """
    x = check_matrix("top_correlated_pairs", series)
    overlap = max(2, -(-x.shape[1] // 2)) if min_overlap is None else min_overlap
    if k < 0 or overlap < 1:
        raise InvalidInput(
            f"top_correlated_pairs: k = {k}, min_overlap = {overlap}. "
            "Give k >= 0 and an overlap of at least one step."
        )
    rows = as_floats(x)
    best = _Best(rows, k, absolute=absolute, least=least, overlap=overlap)
    if k > 0:
        screen = PairScreen.of(rows, overlap)
        for row, column, block in screen.blocks():
            best.offer(screen, row, column, block)
    return best.result()


class _Best:
    """The k best pairs so far, and candidates that are not correlated exactly yet."""

    def __init__(
        self, x: Real, k: int, *, absolute: bool, least: float, overlap: int
    ) -> None:
        self.x, self.k, self.absolute, self.overlap = x, k, absolute, overlap
        self.least = least
        none = np.zeros(0, dtype=np.int64)
        self.pairs = TopPairs(none, none, np.zeros(0))
        self.pending: list[tuple[Ints, Ints]] = []
        self.waiting = 0

    def offer(self, screen: PairScreen, row: int, column: int, block: Singles) -> None:
        """Keep the pairs of a block that may be among the best."""
        least = screen.least_value(self.least, column)
        highest = float(block.max())
        if self.absolute:
            highest = max(highest, -float(block.min()))
        if highest < least:
            return
        passed = (np.abs(block) if self.absolute else block) >= least
        rows, columns = np.divmod(np.flatnonzero(passed), block.shape[1])
        rows, columns = rows + row, columns + column
        if row == column:
            once = rows < columns
            rows, columns = rows[once], columns[once]
        self.pending.append((screen.order[rows], screen.order[columns]))
        self.waiting += len(rows)
        if self.waiting >= max(_PENDING, self.k):
            self._choose()

    def result(self) -> TopPairs:
        """Return the best pairs in order."""
        if self.pending:
            self._choose()
        return self.pairs

    def _choose(self) -> None:
        """Correlate what is pending in float64 and keep the k best of all."""
        one, two = (np.concatenate([part[c] for part in self.pending]) for c in (0, 1))
        self.pending, self.waiting = [], 0
        i, j, r = np.minimum(one, two), np.maximum(one, two), np.empty(len(one))
        correlate_pairs(self.x, i, j, self.overlap, r)
        kept = (np.abs(r) if self.absolute else r) >= self.least
        i, j, r = (
            np.concatenate([old, new[kept]])
            for old, new in zip(self.pairs, (i, j, r), strict=True)
        )
        value = np.abs(r) if self.absolute else r
        if len(r) > self.k:
            smallest = np.partition(value, len(r) - self.k)[len(r) - self.k]
            kept = value >= smallest
            i, j, r, value = i[kept], j[kept], r[kept], value[kept]
        order = np.lexsort((j, i, -value))[: self.k]
        self.pairs = TopPairs(i[order], j[order], r[order])
        if len(order) == self.k:
            self.least = float(value[order[-1]])
