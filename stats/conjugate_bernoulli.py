"""Yes or no: the conjugate posterior of a share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.conjugate_labels import check_kinds, checked_labels, log_share
from stats.conjugate_state import ConjugateFamily, positive, require
from stats.group_counts import GroupCounts
from stats.log_beta import log_beta

__all__ = ["BetaBernoulli", "BetaPosterior"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class BetaPosterior:
    """Beta(alpha, beta) of the share of ones, each array of shape (g,).

    Attributes
    ----------
    n : int64 array
        Rows seen.
    alpha, beta : float64 arrays
    """

    n: Ints
    alpha: Floats
    beta: Floats

    def mean(self) -> Floats:
        """Expected share, shape (g,)."""
        return self.alpha / (self.alpha + self.beta)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BetaBernoulli(ConjugateFamily):
    """Rows of 0 and 1 whose unknown share of ones has a beta prior.

    Attributes
    ----------
    alpha, beta : float
        Prior, as if that many ones and zeros had been seen.
    sums : GroupCounts, shape (g, 2)
        Ones and zeros.

    Notes
    -----
    NaN is missing.  An empty group has the prior, and log marginal 0.  For s ones of n:
    log B(α + s, β + n - s) - log B(α, β), of the rows in their order (no binomial
    coefficient).  Source: Gelman et al., Bayesian Data Analysis (2013), section 2.4.
    Naive twin: tests/stats/test_conjugate.py.

    Examples
    --------
    >>> seen = BetaBernoulli.from_block([1, 1, 0], [0, 0, 0], 1, alpha=1.0, beta=1.0)
    >>> seen.posterior().mean()
    array([0.6])
    """

    alpha: float
    beta: float
    sums: GroupCounts

    PRIOR: ClassVar[tuple[str, ...]] = ("alpha", "beta")
    SUMS: ClassVar[type[Any]] = GroupCounts

    def __post_init__(self) -> None:
        for name in self.PRIOR:
            value = positive(getattr(self, name), "BetaBernoulli", name)
            require(
                value.ndim == 0, "BetaBernoulli", f"{name} has shape {value.shape}",
                "Give one number.",
            )  # fmt: skip
            self._set(name, float(value))
        check_kinds(self.sums, 2, "BetaBernoulli")

    @classmethod
    def from_block(
        cls,
        values: ArrayLike,
        groups: ArrayLike,
        n_groups: int,
        *,
        alpha: float,
        beta: float,
    ) -> Self:
        """Count rows.

        Parameters
        ----------
        values : array_like, shape (n,)
            0, 1, or NaN for missing.
        groups : integer array_like, shape (n,)
            In [0, n_groups); -1 leaves a row out.
        n_groups : int
        alpha, beta : float
            Prior.

        Raises
        ------
        InvalidInput
            For other values, shapes that do not fit, or a prior that is none.
        """
        label, group = checked_labels(values, groups, n_groups, 2, "BetaBernoulli")
        return cls(alpha, beta, GroupCounts.from_labels(1 - label, group, n_groups, 2))

    @classmethod
    def from_counts(
        cls, ones: ArrayLike, zeros: ArrayLike, *, alpha: float, beta: float
    ) -> Self:
        """Take counts that were made elsewhere, each of shape (g,).

        Raises
        ------
        InvalidInput
            For counts that are no whole numbers, or a prior that is none.
        """
        pair = np.stack(np.broadcast_arrays(ones, zeros), axis=-1)
        return cls(alpha, beta, GroupCounts.from_counts(pair))

    @property
    def n(self) -> Ints:
        """Rows seen per group, shape (g,)."""
        return self.sums.n

    def posterior(self) -> BetaPosterior:
        """Posterior of the share of ones in every group."""
        ones, zeros = self.sums.counts.T
        return BetaPosterior(self.n, self.alpha + ones, self.beta + zeros)

    def log_marginal(self) -> Floats:
        """Log probability of all rows of a group under the prior, shape (g,)."""
        now = self.posterior()
        return log_beta(now.alpha, now.beta) - log_beta(self.alpha, self.beta)

    def log_predictive(self, new: ArrayLike, groups: ArrayLike) -> Floats:
        """Log probability of one more row, each by itself, shape (n,).

        Parameters
        ----------
        new : array_like, shape (n,)
            0, 1, or NaN, which gives NaN.
        groups : integer array_like, shape (n,)
            Whose posterior; -1 gives NaN.

        Raises
        ------
        InvalidInput
            As `from_block`.
        """
        where = "BetaBernoulli.log_predictive"
        label, group = checked_labels(new, groups, self.n_groups, 2, where)
        now = self.posterior()
        return log_share(np.stack([now.beta, now.alpha], axis=1), label, group)
