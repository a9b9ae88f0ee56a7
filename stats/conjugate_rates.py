"""Counts over an exposure: the conjugate posterior of a rate."""

from __future__ import annotations

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
from stats.log_beta import log_beta
from stats.moments import GroupMoments

__all__ = ["GammaPoisson", "GammaPosterior"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Larger ones would not leave sums of them finite, or counts whole.
_LARGEST_EXPOSURE, _LARGEST_COUNT = 1e100, 2.0**53


@dataclass(frozen=True, slots=True, eq=False)
class GammaPosterior:
    """Gamma(shape, rate) of the rate per unit of exposure, arrays of shape (g,).

    Attributes
    ----------
    n : int64 array
        Rows seen.
    shape, rate : float64 arrays
    """

    n: Ints
    shape: Floats
    rate: Floats

    def mean(self) -> Floats:
        """Expected rate, shape (g,)."""
        return self.shape / self.rate


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GammaPoisson(ConjugateFamily):
    """Poisson counts over known exposures, whose unknown rate has a gamma prior.

    Attributes
    ----------
    shape, rate : float
        Prior, as if `shape` events had been seen in an exposure of `rate`.
    sums : GroupMoments of 3 features
        Counts x, exposures e, and x log e - log x!, which no parameter changes.

    Notes
    -----
    NaN in either is a missing row.  An exposure of 0 with no event counts as a row and
    says nothing.  An empty group has the prior, and log marginal 0.  With S = Σ x and
    E = Σ e: log Γ(a + S) - log Γ(a) - a log(1 + E/b) - S log(b + E) + Σ (x log e -
    log x!).  Each term of the last sum is rounded once, the sums are exact; the result
    is right to a few units in the last place of its largest term.
    Source: Gelman et al., Bayesian Data Analysis (2013), section 2.6.
    Naive twin: tests/stats/test_conjugate.py.

    Examples
    --------
    >>> seen = GammaPoisson.from_block(
    ...     [3, 0], [0, 0], 1, exposure=[2.0, 1.0], shape=1.0, rate=1.0
    ... )
    >>> seen.posterior().mean()
    array([1.])
    """

    shape: float
    rate: float
    sums: GroupMoments

    PRIOR: ClassVar[tuple[str, ...]] = ("shape", "rate")
    SUMS: ClassVar[type[Any]] = GroupMoments

    def __post_init__(self) -> None:
        for name in self.PRIOR:
            value = positive(getattr(self, name), "GammaPoisson", name)
            require(
                value.ndim == 0, "GammaPoisson", f"{name} has shape {value.shape}",
                "Give one number.",
            )  # fmt: skip
            self._set(name, float(value))
        require(
            self.sums.d == 3, "GammaPoisson", f"{self.sums.d} features in the sums",
            "Make them by from_block.",
        )  # fmt: skip

    @classmethod
    def from_block(
        cls,
        values: ArrayLike,
        groups: ArrayLike,
        n_groups: int,
        *,
        exposure: ArrayLike = 1.0,
        shape: float,
        rate: float,
    ) -> Self:
        """Add up rows.

        Parameters
        ----------
        values : array_like, shape (n,)
            Whole numbers from 0 to 2^53, or NaN for missing.
        groups : integer array_like, shape (n,)
            In [0, n_groups); -1 leaves a row out.
        n_groups : int
        exposure : array_like, scalar or shape (n,)
            From 0 to 1e100, in the unit the rate is per; NaN for missing.
        shape, rate : float
            Prior.

        Raises
        ------
        InvalidInput
            For other values, an event in no exposure, shapes that do not fit, or a
            prior that is none.
        """
        x, e, group = _counts(values, exposure, groups, n_groups, "GammaPoisson")
        none = (e == 0) & (x > 0) & (group >= 0)
        require(
            not none.any(), "GammaPoisson",
            f"{int(none.sum())} rows have events in an exposure of 0",
            "Give the exposure in which they happened.",
        )  # fmt: skip
        constant = special.xlogy(x, e) - special.gammaln(x + 1.0)
        rows = np.stack([x, e, constant], axis=1)
        rows[group < 0] = 0.0
        moments = GroupMoments.from_block(rows, group, n_groups, pairs=False)
        return cls(shape, rate, without_extremes(moments))

    @property
    def n(self) -> Ints:
        """Rows seen per group, shape (g,)."""
        return self.sums.finite_count[:, 0]

    def posterior(self) -> GammaPosterior:
        """Posterior of the rate in every group."""
        events, exposure, _ = self.sums.total().T
        return GammaPosterior(self.n, self.shape + events, self.rate + exposure)

    def log_marginal(self) -> Floats:
        """Log probability of all rows of a group under the prior, shape (g,)."""
        events, exposure, constant = self.sums.total().T
        gammas = special.gammaln(self.shape + events) - special.gammaln(self.shape)
        found: Floats = (
            gammas
            - self.shape * np.log1p(exposure / self.rate)
            - events * np.log(self.rate + exposure)
            + constant
        )
        return found

    def log_predictive(
        self, new: ArrayLike, groups: ArrayLike, *, exposure: ArrayLike = 1.0
    ) -> Floats:
        """Log probability of one more row, each by itself, shape (n,).

        Parameters
        ----------
        new : array_like, shape (n,)
            Counts; NaN gives NaN.
        groups : integer array_like, shape (n,)
            Whose posterior; -1 gives NaN.
        exposure : array_like, scalar or shape (n,)

        Returns
        -------
        float64 array, shape (n,)
            Negative binomial; -inf for an event in no exposure.

        Raises
        ------
        InvalidInput
            As `from_block`.
        """
        where = "GammaPoisson.log_predictive"
        x, e, group = _counts(new, exposure, groups, self.n_groups, where)
        now = self.posterior()
        out = np.full(len(x), np.nan)
        seen = group >= 0
        a, b = now.shape[group[seen]], now.rate[group[seen]]
        x, e = x[seen], e[seen]
        choose = -log_beta(a, x + 1.0) - np.log(a + x)
        out[seen] = choose - a * np.log1p(e / b) + special.xlogy(x, e / (b + e))
        return out


def _counts(
    values: ArrayLike, exposure: ArrayLike, groups: ArrayLike, n_groups: int, where: str
) -> tuple[Floats, Floats, Ints]:
    """Counts, exposures and groups; a missing row has 0, 0 and group -1."""
    x = np.asarray(values)
    e = np.asarray(exposure, np.float64)
    require(
        e.shape in {(), x.shape}, where,
        f"exposures {e.shape} for counts {x.shape}", "Give one, or one per row.",
    )  # fmt: skip
    count, group = checked_rows(x, groups, n_groups, where)
    time, kept = checked_rows(np.broadcast_to(e, x.shape), group, n_groups, where)
    missing = np.isnan(count) | np.isnan(time)
    count, time = (np.where(missing, 0.0, part) for part in (count, time))
    bad = (count != np.floor(count)) | (count < 0) | (count > _LARGEST_COUNT)
    bad |= (time < 0) | (time > _LARGEST_EXPOSURE)
    require(
        not bad.any(), where,
        f"{int(bad.sum())} rows are no count over an exposure, the first is "
        f"{count[bad][:1]} over {time[bad][:1]}",
        "Give whole numbers from 0 to 2^53 and exposures from 0 to 1e100.",
    )  # fmt: skip
    return count, time, kept
