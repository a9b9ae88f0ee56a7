"""Read results off float sums about a centre."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stats.extremes import Extremes
from stats.intervals import mean_interval
from stats.summary import Incompatible

__all__ = ["FloatResults"]

_ILL = 2.0**20
# Below this share of Σ y² a sum of squared deviations is rounding and nothing else.
_NOISE = 2.0**-48

Floats = NDArray[np.float64]


class FloatResults:
    """What can be read off float sums; `FloatMoments` holds and describes the state."""

    __slots__ = ()

    center: NDArray[np.float64]
    higher: bool
    pair_count: NDArray[np.int64]
    sums: NDArray[np.float64]
    squares: NDArray[np.float64]
    products: NDArray[np.float64]
    cubes: NDArray[np.float64]
    fourths: NDArray[np.float64]
    infinite_signs: NDArray[np.int64]
    range: Extremes

    def __repr__(self) -> str:
        n = int(self.count.max(axis=1, initial=0).sum())
        return f"FloatMoments: n={n:_} | groups={self.n_groups:_} | features={self.d}"

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
        return np.ascontiguousarray(np.einsum("gii->gi", self.pair_count))

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
    def minimum(self) -> Floats:
        """Smallest values, (g, d); NaN for nothing seen."""
        return self.range.minimum

    @property
    def maximum(self) -> Floats:
        """Largest values, (g, d); NaN for nothing seen."""
        return self.range.maximum

    def total(self) -> Floats:
        """Σ x, (g, d); infinite values count, +inf and -inf give NaN."""
        with np.errstate(over="ignore", invalid="ignore"):
            out = _own(self.sums) + self.finite_count * self.center
        return self._with_infinite(out)

    def mean(self) -> Floats:
        """Mean, (g, d); NaN for nothing seen, infinite values as in `total`."""
        with np.errstate(over="ignore", invalid="ignore"):
            out = self.center + _over(_own(self.sums), self.finite_count)
        return self._with_infinite(out)

    def variance(self, ddof: int = 1) -> Floats:
        """Variance, (g, d); NaN for n <= ddof and where a value is infinite.

        The relative error is a few ε (1 + `condition`); a feature whose minimum is its
        maximum has exactly 0.
        """
        out = _over(self._deviations(), self.finite_count - ddof)
        out[self.infinite > 0] = np.nan
        return out

    def covariance(self, ddof: int = 1) -> Floats:
        """Pairwise-complete covariances over the rows that have both, (g, d, d).

        (Σ y_i y_j - Σ y_i Σ y_j / n) / (n - ddof); NaN for n <= ddof and where a value
        is infinite.  The error relative to sd_i sd_j is a few
        ε sqrt((1 + condition_i) (1 + condition_j)).  With missing values the matrix can
        be indefinite.
        """
        out = _over(self._codeviations(), self.pair_count - ddof)
        return self._without_infinite(out)

    def correlation(self) -> Floats:
        """Pairwise-complete correlations, in [-1, 1], (g, d, d).

        NaN where a feature is constant or infinite, or so far from the centre that its
        variance has no correct digit.  All sums of a pair are over the same rows.
        """
        top = self._codeviations()
        with np.errstate(over="ignore", invalid="ignore"):
            # [g, j, i]: of i, over the rows with j.
            square = self.squares - _over(self.sums * self.sums, self.pair_count)
            known = square > _NOISE * self.squares
            known &= ~self._constant()[:, None, :]
            root = np.sqrt(np.where(known, square, np.nan))
            out = np.clip(top / (root * root.transpose(0, 2, 1)), -1.0, 1.0)
        diagonal = np.einsum("gii->gi", out)
        diagonal[~np.isnan(diagonal)] = 1.0
        return self._without_infinite(out)

    def skewness(self, *, bias: bool = True) -> Floats:
        """Skewness, (g, d): m3 / m2^1.5, or adjusted for the size of the sample.

        Parameters
        ----------
        bias : bool
            True gives Fisher's g1 of the central moments m2 and m3; False gives
            G1 = g1 sqrt(n (n - 1)) / (n - 2), NaN for n < 3: the estimators of
            `scipy.stats.skew`, and G1 that of pandas.

        Raises
        ------
        Incompatible
            When third powers were not kept (``higher=False``).

        Notes
        -----
        NaN where a feature is constant or infinite.  The error is a few
        ε (1 + condition)^1.5.
        """
        self._need_higher("skewness")
        n = self.finite_count
        m2, m3, _ = self._central()
        with np.errstate(over="ignore", invalid="ignore"):
            out = m3 / (m2 * np.sqrt(m2))
        if not bias:
            out *= _over(np.sqrt(n * np.maximum(n - 1.0, 0.0)), n - 2)
        return out

    def kurtosis(self, *, bias: bool = True) -> Floats:
        """Excess kurtosis, (g, d): m4 / m2² - 3, or adjusted for the sample's size.

        Parameters
        ----------
        bias : bool
            True gives Fisher's g2 of the central moments m2 and m4; False gives
            G2 = (n - 1) / ((n - 2) (n - 3)) ((n + 1) g2 + 6), NaN for n < 4: the
            estimators of `scipy.stats.kurtosis`, and G2 that of pandas.

        Raises
        ------
        Incompatible
            When fourth powers were not kept (``higher=False``).

        Notes
        -----
        NaN where a feature is constant or infinite.  The error is a few
        ε (1 + condition)².
        """
        self._need_higher("kurtosis")
        n = self.finite_count
        m2, _, m4 = self._central()
        with np.errstate(over="ignore", invalid="ignore"):
            out = m4 / (m2 * m2) - 3.0
        if not bias:
            wide = _over(n - 1.0, np.where(n > 3, (n - 2.0) * (n - 3.0), 0.0))
            out = wide * ((n + 1.0) * out + 6.0)
        return out

    def mean_interval(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """Student interval of the means for independent rows, each (g, d)."""
        return mean_interval(self.count, self.mean(), self.variance(), level)

    def condition(self) -> Floats:
        """((mean - centre) / sd)², of the finite values, (g, d); NaN for nothing seen.

        What the distance from the centre costs: about log10(1 + condition) digits of a
        variance.  0 for a constant feature, whose variance its range tells.
        """
        n = self.finite_count
        shift = _over(_own(self.sums), n)
        with np.errstate(over="ignore", invalid="ignore"):
            out = _over(shift * shift, _over(self._deviations(), n))
            out[np.isnan(out) & (shift != 0.0) & (n > 0)] = np.inf
        out[(shift == 0.0) | self._constant()] = 0.0
        return out

    def ill_conditioned(self) -> NDArray[np.bool_]:
        """Whether `condition` is above 2^20, (g, d): six digits are lost, take care."""
        return self.condition() > _ILL

    def _constant(self) -> NDArray[np.bool_]:
        return np.asarray(self.minimum == self.maximum)

    def _deviations(self) -> Floats:
        """Σ (x - mean)² of the finite values, (g, d)."""
        own = _own(self.sums)
        with np.errstate(over="ignore", invalid="ignore"):
            out = _own(self.squares) - _over(own * own, self.finite_count)
            out = np.maximum(out, 0.0)
        out[self._constant()] = 0.0
        return out

    def _codeviations(self) -> Floats:
        """Σ (x_i - mean_i) (x_j - mean_j) over the rows with both, (g, d, d)."""
        i, j = np.triu_indices(self.d, 1)
        out = np.empty(self.pair_count.shape)
        out[:, i, j] = out[:, j, i] = self.products
        with np.errstate(over="ignore", invalid="ignore"):
            across = self.sums * self.sums.transpose(0, 2, 1)
            out -= _over(across, self.pair_count)
        constant = self._constant()
        seen = self.pair_count > 0
        out[(constant[:, :, None] | constant[:, None, :]) & seen] = 0.0
        np.einsum("gii->gi", out)[...] = self._deviations()
        return out

    def _central(self) -> tuple[Floats, Floats, Floats]:
        """Second to fourth central moments; NaN where the second is nothing."""
        n, raw = self.finite_count, _own(self.squares)
        with np.errstate(over="ignore", invalid="ignore"):
            a, b = _over(_own(self.sums), n), _over(raw, n)
            c, e = _over(self.cubes, n), _over(self.fourths, n)
            m2 = _over(self._deviations(), n)
            m3 = c - 3.0 * a * b + 2.0 * a**3
            m4 = e - 4.0 * a * c + 6.0 * a * a * b - 3.0 * a**4
            known = (m2 > _NOISE * b) & (self.infinite == 0)
        return np.where(known, m2, np.nan), m3, m4

    def _need_higher(self, verb: str) -> None:
        if not self.higher:
            raise Incompatible(
                f"FloatMoments.{verb}: third and fourth powers were not kept "
                "(higher=False). Build the moments with higher=True."
            )

    def _with_infinite(self, out: Floats) -> Floats:
        plus, minus = np.moveaxis(self.infinite_signs > 0, 2, 0)
        out[plus] = np.inf
        out[minus] = -np.inf
        out[plus & minus] = np.nan
        return out

    def _without_infinite(self, out: Floats) -> Floats:
        bad = self.infinite > 0
        out[bad[:, :, None] | bad[:, None, :]] = np.nan
        return out


def _own(cells: Floats) -> Floats:
    """Diagonal of every group, (g, d, d) to (g, d)."""
    return np.ascontiguousarray(np.einsum("gii->gi", cells))


def _over(top: NDArray[Any], bottom: NDArray[Any]) -> Floats:
    """Quotient where the denominator is positive, else NaN."""
    out: Floats = np.full(top.shape, np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        np.divide(top, bottom, out=out, where=bottom > 0)
    return out
