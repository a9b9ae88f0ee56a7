"""Read results off the exact state of group moments; every figure is rounded once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stats.extremes import Extremes
from stats.intervals import mean_interval
from stats.limbs import PRODUCT_UNIT, SUM_UNIT, Limbs
from stats.moment_pairs import PairSums
from stats.rounding import over_counts
from stats.summary import Incompatible

__all__ = ["MomentResults"]


class MomentResults:
    """What can be read off a state of group moments; `GroupMoments` holds the state."""

    __slots__ = ()

    pairs: bool
    pair_count: NDArray[np.int64]
    sums: Limbs
    products: Limbs
    gaps: Limbs
    squares: Limbs
    infinite_signs: NDArray[np.int64]
    range: Extremes

    def __repr__(self) -> str:
        n = int(self.count.max(axis=1, initial=0).sum())
        return f"GroupMoments: n={n:_} | groups={self.n_groups:_} | features={self.d}"

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return int(self.infinite_signs.shape[0])

    @property
    def d(self) -> int:
        """Number of features."""
        return int(self.infinite_signs.shape[1])

    @property
    def finite_count(self) -> NDArray[np.int64]:
        """Finite observations, (g, d)."""
        if self.pairs:
            return np.ascontiguousarray(np.einsum("gii->gi", self.pair_count))
        return self.pair_count[:, :, 0]

    @property
    def infinite(self) -> NDArray[np.int64]:
        """How many values are infinite, (g, d)."""
        found: NDArray[np.int64] = self.infinite_signs.sum(axis=2)
        return found

    @property
    def count(self) -> NDArray[np.int64]:
        """Observations seen per feature, infinite ones too, (g, d)."""
        return self.finite_count + self.infinite

    @property
    def minimum(self) -> NDArray[np.float64]:
        """Smallest values, (g, d); NaN for nothing seen, or unknown by `subtract`."""
        return self.range.minimum

    @property
    def maximum(self) -> NDArray[np.float64]:
        """Largest values, (g, d); NaN for nothing seen, or unknown by `subtract`."""
        return self.range.maximum

    def total(self) -> NDArray[np.float64]:
        """Σ x, rounded once, (g, d); infinite values count, +inf and -inf give NaN."""
        return self._over(np.ones((self.n_groups, self.d), dtype=np.int64))

    def mean(self) -> NDArray[np.float64]:
        """Σ x / n, rounded once, (g, d); NaN for nothing seen."""
        return self._over(self.finite_count)

    def variance(self, ddof: int = 1) -> NDArray[np.float64]:
        """(n Σx² - (Σx)²) / (n (n - ddof)), rounded once, (g, d).

        NaN for n <= ddof and where a value is infinite.
        """
        none, squares = Limbs.zeros(self.sums.cells), _own_squares(self)
        alone = PairSums(
            1, self.finite_count.ravel(), self.sums, none, squares, squares, none
        )
        flat = alone.covariances(ddof)
        out = flat.reshape(self.n_groups, self.d)
        out[self.infinite > 0] = np.nan
        return out

    def product_total(self) -> NDArray[np.float64]:
        """Σ x_i x_j over the rows with both, rounded once, (g, d, d); NaN for inf.

        Raises
        ------
        Incompatible
            When products were not kept (``pairs=False``).
        """
        _need_pairs(self, "product_total")
        ones = np.ones(self.products.cells, dtype=np.int64)
        out = _square(self, over_counts(self.products, ones, PRODUCT_UNIT))
        return _without_infinite(self, out)

    def covariance(self, ddof: int = 1) -> NDArray[np.float64]:
        """Pairwise-complete covariances, rounded once, (g, d, d).

        (n Σxy - Σx Σy) / (n (n - ddof)) over the rows that have both; NaN for n <= ddof
        and where a value is infinite.  With missing values the matrix can be
        indefinite.

        Raises
        ------
        Incompatible
            When products were not kept (``pairs=False``).
        """
        _need_pairs(self, "covariance")
        out = _square(self, _pair_sums(self).covariances(ddof))
        return _without_infinite(self, out)

    def correlation(self) -> NDArray[np.float64]:
        """Pairwise-complete correlations, rounded once, ``|r| <= 1``, (g, d, d).

        NaN where a feature is constant, or infinite.  Numerator and variances use the
        same rows, so the square of r is an exact quotient of integers.

        Raises
        ------
        Incompatible
            When products were not kept (``pairs=False``).
        """
        _need_pairs(self, "correlation")
        out = _square(self, _pair_sums(self).correlations())
        return _without_infinite(self, out)

    def mean_interval(
        self, level: float = 0.95
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Student interval of the means for independent rows, each (g, d)."""
        return mean_interval(self.count, self.mean(), self.variance(), level)

    def _over(self, denominators: NDArray[np.int64]) -> NDArray[np.float64]:
        flat = over_counts(self.sums, denominators.ravel(), SUM_UNIT)
        out = flat.reshape(self.n_groups, self.d)
        plus, minus = np.moveaxis(self.infinite_signs > 0, 2, 0)
        out[plus] = np.inf
        out[minus] = -np.inf
        out[plus & minus] = np.nan
        return out


def _without_infinite(
    m: MomentResults, out: NDArray[np.float64]
) -> NDArray[np.float64]:
    bad = m.infinite > 0
    out[bad[:, :, None] | bad[:, None, :]] = np.nan
    return out


def _own_squares(m: MomentResults) -> Limbs:
    """Σx_i² as g * d cells."""
    return m.products.take(*_diagonal(m)) if m.pairs else m.products


def _need_pairs(m: MomentResults, verb: str) -> None:
    if not m.pairs:
        raise Incompatible(
            f"GroupMoments.{verb}: products of different features were not kept "
            "(pairs=False). Build the moments with pairs=True."
        )


def _diagonal(m: MomentResults) -> tuple[NDArray[np.int64], int]:
    """Positions of x_i² among the products, as an index of single cells."""
    d = m.d
    wide = d * (d + 1) // 2
    offsets = np.cumsum([0, *range(d, 1, -1)])
    at = np.arange(m.n_groups)[:, None] * wide + offsets[None, :d]
    return at.ravel().astype(np.int64), 1


def _pair_sums(m: MomentResults) -> PairSums:
    i, j = np.triu_indices(m.d)
    n = m.pair_count[:, i, j].ravel()
    own = _own_squares(m)
    return PairSums(m.d, n, m.sums, m.gaps, m.products, own, m.squares)


def _square(m: MomentResults, upper: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spread the upper triangle of every group to a symmetric matrix."""
    i, j = np.triu_indices(m.d)
    out = np.empty((m.n_groups, m.d, m.d))
    values = upper.reshape(m.n_groups, len(i))
    out[:, i, j] = values
    out[:, j, i] = values
    return out
