"""Vectors of several features: the conjugate posterior of mean and covariance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from stats.conjugate_state import (
    ConjugateFamily,
    checked_rows,
    positive,
    require,
    without_extremes,
)
from stats.moments import GroupMoments
from stats.scale_matrix import ScaleMatrix

__all__ = ["NormalInverseWishart", "NormalInverseWishartPosterior"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_LARGEST = 1e100
_NAME = "NormalInverseWishart"


@dataclass(frozen=True, slots=True, eq=False)
class NormalInverseWishartPosterior:
    """Covariance ~ inverse Wishart(df, scale), mean ~ N(mean, covariance / kappa).

    Attributes
    ----------
    n : int64 array, shape (g,)
        Complete rows seen.
    mean : float64 array, shape (g, p)
    kappa, df : float64 arrays, shape (g,)
    scale : float64 array, shape (g, p, p)
    """

    n: Ints
    mean: Floats
    kappa: Floats
    df: Floats
    scale: Floats

    def covariance(self) -> Floats:
        """Expected covariance, shape (g, p, p); NaN where df <= p + 1."""
        spare = self.df - self.mean.shape[1] - 1
        divisor = np.where(spare > 0, spare, np.nan)
        return self.scale / divisor[:, None, None]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NormalInverseWishart(ConjugateFamily):
    """Normal vectors whose unknown mean and covariance have their conjugate prior.

    Attributes
    ----------
    mean : float64 array, shape (p,)
        Prior mean.
    kappa, df : float
        How many rows the prior mean and the prior covariance count for; df > p - 1.
    scale : float64 array, shape (p, p)
        Symmetric and positive definite; df times the prior covariance, roughly.
    sums : GroupMoments of p features

    Notes
    -----
    A row with a NaN is missing as a whole: the family has no conjugate posterior for
    parts of rows.  More features than rows are fine, the prior makes the scale regular.
    An empty group has the prior, and log marginal 0.  Means and co-moments come from
    exact sums, rounded once; determinants from a Cholesky factor of the scale with unit
    diagonal, so features may differ in unit.  A scale that is singular to working
    precision is refused rather than answered.
    Source: Murphy, Conjugate Bayesian analysis of the Gaussian distribution (2007),
    section 9.  Naive twin: tests/stats/test_conjugate_normal.py.

    Examples
    --------
    >>> seen = NormalInverseWishart.from_block(
    ...     [[1.0], [3.0]], [0, 0], 1, mean=[0.0], kappa=1.0, df=3.0, scale=[[1.0]]
    ... )
    >>> seen.posterior().mean.round(3)
    array([[1.333]])
    """

    mean: Floats
    kappa: float
    df: float
    scale: Floats
    sums: GroupMoments

    PRIOR: ClassVar[tuple[str, ...]] = ("mean", "kappa", "df", "scale")
    SUMS: ClassVar[type[Any]] = GroupMoments

    def __post_init__(self) -> None:
        mean = np.asarray(self.mean, np.float64)
        scale = np.asarray(self.scale, np.float64)
        kappa, df = (positive(getattr(self, k), _NAME, k) for k in ("kappa", "df"))
        require(
            mean.ndim == 1 and len(mean) > 0 and kappa.ndim == df.ndim == 0,
            _NAME, f"mean {mean.shape}, kappa {kappa.shape}, df {df.shape}",
            "Give a mean per feature and one number for each of the others.",
        )  # fmt: skip
        p = len(mean)
        require(
            bool((np.abs(mean) <= _LARGEST).all()), _NAME, f"mean is {mean.tolist()}",
            f"Give numbers up to {_LARGEST} in size.",
        )  # fmt: skip
        require(
            bool(df > p - 1), _NAME, f"df is {df} for {p} features",
            f"Give more than {p - 1}.",
        )  # fmt: skip
        require(
            scale.shape == (p, p) and bool((scale == scale.T).all()),
            _NAME, f"scale {scale.shape} for {p} features, or not symmetric",
            "Give a symmetric matrix.",
        )  # fmt: skip
        positive(np.diag(scale), _NAME, "the diagonal of scale")
        require(
            self.sums.d == p and self.sums.pairs,
            _NAME, f"{self.sums.d} features in the sums and {p} in the prior",
            "Build sums by from_block, with the prior's features.",
        )  # fmt: skip
        ScaleMatrix(scale[None], _NAME)
        for name, value in (
            ("mean", mean), ("kappa", float(kappa)), ("df", float(df)),
            ("scale", scale),
        ):  # fmt: skip
            self._set(name, value)

    @classmethod
    def from_block(
        cls,
        values: ArrayLike,
        groups: ArrayLike,
        n_groups: int,
        *,
        mean: ArrayLike,
        kappa: float,
        df: float,
        scale: ArrayLike,
    ) -> Self:
        """Add up rows.

        Parameters
        ----------
        values : array_like, shape (n, p)
            Up to 1e100 in size; a row with NaN is missing.
        groups : integer array_like, shape (n,)
            In [0, n_groups); -1 leaves a row out.
        n_groups : int
        mean, kappa, df, scale
            Prior, as the attributes.

        Raises
        ------
        InvalidInput
            For other values, shapes that do not fit, or a prior that is none.
        """
        x, group = _vectors(values, groups, n_groups, _NAME)
        moments = GroupMoments.from_block(x, group, n_groups)
        return cls(
            np.asarray(mean, np.float64), kappa, df, np.asarray(scale, np.float64),
            without_extremes(moments),
        )  # fmt: skip

    @property
    def n(self) -> Ints:
        """Complete rows seen per group, shape (g,)."""
        return self.sums.pair_count[:, 0, 0]

    def posterior(self) -> NormalInverseWishartPosterior:
        """Posterior of mean and covariance in every group."""
        n = self.n.astype(np.float64)
        seen = n > 0
        kappa = self.kappa + n
        gap = np.where(seen[:, None], self.sums.mean() - self.mean, 0.0)
        spread = np.where(seen[:, None, None], self.sums.covariance(ddof=0), 0.0)
        between = (self.kappa * n / kappa)[:, None, None]
        return NormalInverseWishartPosterior(
            n=self.n,
            mean=self.mean + (n / kappa)[:, None] * gap,
            kappa=kappa,
            df=self.df + n,
            scale=self.scale
            + n[:, None, None] * spread
            + between * gap[:, :, None] * gap[:, None, :],
        )

    def log_marginal(self) -> Floats:
        """Log density of all rows of a group under the prior, shape (g,).

        Raises
        ------
        InvalidInput
            When a posterior scale is singular to working precision.
        """
        p, now = self.sums.d, self.posterior()
        before = ScaleMatrix(self.scale[None], _NAME).log_determinant()
        after = ScaleMatrix(now.scale, f"{_NAME}.log_marginal").log_determinant()
        halves = 0.5 * np.arange(p)
        gammas = special.gammaln(0.5 * now.df[:, None] - halves)
        gammas = (gammas - special.gammaln(0.5 * self.df - halves)).sum(axis=1)
        found: Floats = (
            gammas
            - 0.5 * self.n * (p * math.log(math.pi) + after)
            - 0.5 * self.df * (after - before)
            - 0.5 * p * np.log1p(self.n / self.kappa)
        )
        return found

    def log_predictive(self, new: ArrayLike, groups: ArrayLike) -> Floats:
        """Log density of one more row, each by itself, shape (n,).

        Parameters
        ----------
        new : array_like, shape (n, p)
            A row with NaN gives NaN.
        groups : integer array_like, shape (n,)
            Whose posterior; -1 gives NaN.

        Raises
        ------
        InvalidInput
            As `from_block` and `log_marginal`.

        Notes
        -----
        Multivariate t with df - p + 1 degrees of freedom and scale times
        (kappa + 1) / (kappa (df - p + 1)).
        """
        where = f"{_NAME}.log_predictive"
        x, group = _vectors(new, groups, self.n_groups, where)
        p, now = self.sums.d, self.posterior()
        seen = group >= 0
        at = group[seen]
        factor = ScaleMatrix(now.scale, where)
        kappa, df = now.kappa[at], now.df[at] + 1.0
        widen = np.log1p(1.0 / kappa) + math.log(math.pi)
        distance = factor.distance(x[seen] - now.mean[at], at) * kappa / (kappa + 1.0)
        out = np.full(len(x), np.nan)
        out[seen] = (
            special.gammaln(0.5 * df)
            - special.gammaln(0.5 * (df - p))
            - 0.5 * (p * widen + factor.log_determinant()[at])
            - 0.5 * df * np.log1p(distance)
        )
        return out


def _vectors(
    values: ArrayLike, groups: ArrayLike, n_groups: int, where: str
) -> tuple[Floats, Ints]:
    """Rows and groups; a row with a gap has 0 and group -1."""
    x, group = checked_rows(values, groups, n_groups, where, ndim=2)
    x = np.where(np.isnan(x), 0.0, x)
    large = float(np.abs(x).max(initial=0.0))
    require(
        large <= _LARGEST, where, f"a value is {large:.3g} in size",
        f"Give numbers up to {_LARGEST}, or scale the feature.",
    )  # fmt: skip
    return x, group
