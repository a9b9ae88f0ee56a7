"""Read quantiles, ranks and intervals off counts per bin; `GroupQuantiles` has them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats as distributions

from stats.quantile_input import bins_of, worst_error
from stats.ranges import miss_rate
from stats.summary import InvalidInput

__all__ = ["QuantileResults", "bin_values"]

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

_LARGEST = 0x7FEFFFFFFFFFFFFF
_FRACTION = (1 << 52) - 1
# Octaves between 2^-1074 and the first exponent field, and up to infinity.
_BELOW = 51
_TOP = 2047 + _BELOW


class QuantileResults:
    """What can be read off a state of group quantiles."""

    __slots__ = ()

    n_groups: int
    d: int
    mantissa_bits: int
    cells: Counts
    starts: Counts
    bins: NDArray[np.int32]
    counts: Counts

    def __repr__(self) -> str:
        n = int(self.count.max(axis=1, initial=0).sum())
        return (
            f"GroupQuantiles: n={n:_} | groups={self.n_groups:_} | features={self.d} | "
            f"bins={len(self.bins):_} | error<={self.quantile_error:.3g}"
        )

    @property
    def quantile_error(self) -> float:
        """Guaranteed largest ``|estimate - value| / |value|`` of a quantile."""
        return worst_error(self.mantissa_bits)

    @property
    def count(self) -> Counts:
        """Observations seen per feature, infinite ones too, (g, d)."""
        return self._per_cell(np.diff(self._below[self.starts]))

    def quantile(self, q: ArrayLike) -> Floats:
        """Quantiles by the inverted distribution function.

        Parameters
        ----------
        q : array_like, any shape
            In [0, 1].

        Returns
        -------
        float64 array, shape ``(*q.shape, g, d)``
            The representative of the bin that holds the k-th smallest value,
            k = max(1, ceil(q n)) with q n in float64; NaN for nothing seen.  It is
            within `quantile_error` of
            ``np.quantile(values, q, method="inverted_cdf")``.

        Raises
        ------
        InvalidInput
            When a q is not in [0, 1].
        """
        wanted = _shares(q, "quantile")[..., None]
        n = np.diff(self._below[self.starts])
        rank = np.clip(np.ceil(wanted * n), 1, n).astype(np.int64)
        return self._spread(bin_values(self._at_rank(rank), self.mantissa_bits))

    def quantile_interval(
        self, q: ArrayLike, level: float = 0.95
    ) -> tuple[Floats, Floats]:
        """Confidence interval of the population's quantiles, for independent rows.

        Parameters
        ----------
        q : array_like, any shape
            In [0, 1].
        level : float
            Confidence level in (0, 1).

        Returns
        -------
        lower, upper : float64 arrays, shape ``(*q.shape, g, d)``
            Order statistics widened to the edges of their bins; -inf or inf where so
            few rows bound no side, NaN for nothing seen.

        Raises
        ------
        InvalidInput
            When a q is not in [0, 1] or the level not in (0, 1).

        Notes
        -----
        The number of rows at or below the quantile is binomial (n, q), whatever the
        distribution, so the l-th and u-th smallest value with P(B < l) < α/2 and
        P(B >= u) <= α/2 cover it with at least the level asked for.  Rows of one agent
        are seldom independent: with positive correlation the interval is too short.
        Source: David & Nagaraja, Order Statistics (2003), section 7.1.
        """
        alpha = miss_rate(level, "GroupQuantiles.quantile_interval")
        wanted = _shares(q, "quantile_interval")[..., None]
        n = np.diff(self._below[self.starts])
        sizes, back = np.unique(n, return_inverse=True)
        ranks = distributions.binom(sizes, wanted)
        low = np.asarray(ranks.ppf(alpha / 2.0))[..., back]
        high = np.asarray(ranks.ppf(1.0 - alpha / 2.0))[..., back] + 1
        m = self.mantissa_bits
        first = self._at_rank(np.clip(low, 1, n).astype(np.int64))
        last = self._at_rank(np.clip(high, 1, n).astype(np.int64))
        lower = np.where(low < 1, -np.inf, bin_values(first, m, edge=-1))
        upper = np.where(high > n, np.inf, bin_values(last, m, edge=1))
        return self._spread(lower), self._spread(upper)

    def rank_bounds(self, x: ArrayLike) -> tuple[Counts, Counts]:
        """How many observations are <= x, at least and at most.

        Parameters
        ----------
        x : array_like
            Thresholds, broadcast against (g, d); no NaN.

        Returns
        -------
        lower, upper : int64 arrays of the broadcast shape
            They differ by the values in the bin of x, and agree where x is the largest
            number of its bin (0 and ±inf among them).

        Raises
        ------
        InvalidInput
            When x holds NaN or does not broadcast.
        """
        limits = self._thresholds(x)
        values, back = np.unique(limits, return_inverse=True)
        own = bins_of(values, self.mantissa_bits)
        whole = bin_values(own, self.mantissa_bits, edge=1) <= values
        cell = np.arange(self.n_groups * self.d).reshape(self.n_groups, self.d)
        at = np.searchsorted(self.cells, cell)
        held = np.append(self.cells, -1)[at] == cell
        key = (at << 32) + own.astype(np.int64)[back.reshape(limits.shape)]
        mine = np.repeat(np.arange(len(self.cells)), np.diff(self.starts)) << 32
        mine += self.bins
        base = self._below[self.starts[at]]
        below = self._below[np.searchsorted(mine, key, "left")] - base
        upper = self._below[np.searchsorted(mine, key, "right")] - base
        lower = np.where(whole[back.reshape(limits.shape)], upper, below)
        return np.where(held, lower, 0), np.where(held, upper, 0)

    def cdf(self, x: ArrayLike) -> tuple[Floats, Floats]:
        """Share of observations <= x, at least and at most; NaN for nothing seen.

        Takes and refuses what `rank_bounds` does.
        """
        lower, upper = self.rank_bounds(x)
        n = np.where(self.count > 0, self.count, np.nan)
        return lower / n, upper / n

    @property
    def _below(self) -> Counts:
        """Observations in all entries before each one, (entries + 1,)."""
        return np.append(0, np.cumsum(self.counts)).astype(np.int64)

    def _at_rank(self, rank: Counts) -> NDArray[np.int32]:
        """Bins of the rank-th smallest values of every held cell, (..., k)."""
        below = self._below
        place = np.searchsorted(below, below[self.starts[:-1]] + rank, "left") - 1
        return self.bins[place]

    def _per_cell(self, held: Counts) -> Counts:
        out = np.zeros(self.n_groups * self.d, dtype=np.int64)
        out[self.cells] = held
        return out.reshape(self.n_groups, self.d)

    def _spread(self, held: Floats) -> Floats:
        out = np.full((*held.shape[:-1], self.n_groups * self.d), np.nan)
        out[..., self.cells] = held
        return out.reshape(*held.shape[:-1], self.n_groups, self.d)

    def _thresholds(self, x: ArrayLike) -> Floats:
        limits = np.asarray(x, dtype=np.float64)
        shape = (self.n_groups, self.d)
        try:
            limits = np.broadcast_to(limits, np.broadcast_shapes(limits.shape, shape))
        except ValueError as error:
            raise InvalidInput(
                f"GroupQuantiles: thresholds of shape {limits.shape} do not broadcast "
                f"against {shape}. Give one, or one per feature."
            ) from error
        if np.isnan(limits).any():
            raise InvalidInput(
                f"GroupQuantiles: {int(np.isnan(limits).sum())} of {limits.size} "
                "thresholds are NaN. Give numbers."
            )
        return limits


def bin_values(bins: NDArray[np.int32], m: int, *, edge: int = 0) -> Floats:
    """Numbers that stand for bins.

    Parameters
    ----------
    bins : int32 array
    m : int
        Mantissa bits.
    edge : int
        0 for the representative, -1 and 1 for the smallest and largest number in the
        bin (for denormals a number that no value in the bin lies beyond).
    """
    place = np.abs(bins.astype(np.int64)) - 1
    bits = (place - (_BELOW << m)) << (52 - m)
    unit = 1 << (51 - m)
    away = edge * np.sign(bins)
    bits += np.where(away > 0, unit - 1, np.where(away < 0, -unit, 0))
    bits = np.minimum(bits, _LARGEST)
    number = np.ldexp(
        ((1 << 52) + (bits & _FRACTION)).astype(np.float64), (bits >> 52) - 1075
    )
    number[place == (_TOP << m) + 1] = np.inf
    number[place < 0] = 0.0
    signed: Floats = np.sign(bins) * number
    return signed


def _shares(q: ArrayLike, verb: str) -> Floats:
    wanted = np.asarray(q, dtype=np.float64)
    if not ((wanted >= 0) & (wanted <= 1)).all():
        raise InvalidInput(
            f"GroupQuantiles.{verb}: q runs from {wanted.min()} to {wanted.max()}. "
            "Give shares in [0, 1]."
        )
    return wanted
