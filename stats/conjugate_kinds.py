"""One of several kinds: the conjugate posterior of their shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.conjugate_labels import check_kinds, checked_labels, log_share
from stats.conjugate_state import ConjugateFamily, positive, require
from stats.group_counts import GroupCounts
from stats.log_beta import log_beta

__all__ = ["DirichletMultinomial", "DirichletPosterior"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class DirichletPosterior:
    """Dirichlet(alpha) of the shares of the kinds.

    Attributes
    ----------
    n : int64 array, shape (g,)
        Rows seen.
    alpha : float64 array, shape (g, k)
    """

    n: Ints
    alpha: Floats

    def mean(self) -> Floats:
        """Expected shares, shape (g, k)."""
        found: Floats = self.alpha / self.alpha.sum(axis=1, keepdims=True)
        return found


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DirichletMultinomial(ConjugateFamily):
    """Rows of one of k kinds whose unknown shares have a Dirichlet prior.

    Attributes
    ----------
    alpha : float64 array, shape (k,)
        Prior, as if that many rows of each kind had been seen.
    sums : GroupCounts, shape (g, k)

    Notes
    -----
    NaN is missing.  An empty group has the prior, and log marginal 0.  The marginal is
    that of the rows in their order (no multinomial coefficient), computed kind by kind
    as a chain of beta functions.  Source: Gelman et al., Bayesian Data Analysis (2013),
    section 3.4.  Naive twin: tests/stats/test_conjugate.py.

    Examples
    --------
    >>> kinds = [0, 2, 2, float("nan")]
    >>> seen = DirichletMultinomial.from_block(kinds, [0] * 4, 1, alpha=[1, 1, 1])
    >>> seen.posterior().alpha
    array([[2., 1., 3.]])
    """

    alpha: Floats
    sums: GroupCounts

    PRIOR: ClassVar[tuple[str, ...]] = ("alpha",)
    SUMS: ClassVar[type[Any]] = GroupCounts

    def __post_init__(self) -> None:
        alpha = positive(self.alpha, "DirichletMultinomial", "alpha")
        require(
            alpha.ndim == 1 and len(alpha) > 0,
            "DirichletMultinomial", f"alpha has shape {alpha.shape}",
            "Give one number per kind.",
        )  # fmt: skip
        self._set("alpha", alpha)
        check_kinds(self.sums, len(alpha), "DirichletMultinomial")

    @classmethod
    def from_block(
        cls, values: ArrayLike, groups: ArrayLike, n_groups: int, *, alpha: ArrayLike
    ) -> Self:
        """Count rows.

        Parameters
        ----------
        values : array_like, shape (n,)
            Kind of the row, in [0, k), or NaN for missing.
        groups : integer array_like, shape (n,)
            In [0, n_groups); -1 leaves a row out.
        n_groups : int
        alpha : array_like, shape (k,)
            Prior.

        Raises
        ------
        InvalidInput
            For other values, shapes that do not fit, or a prior that is none.
        """
        k = np.size(alpha)
        label, group = checked_labels(
            values, groups, n_groups, k, "DirichletMultinomial"
        )
        counts = GroupCounts.from_labels(label, group, n_groups, k)
        return cls(np.asarray(alpha, np.float64), counts)

    @classmethod
    def from_counts(cls, counts: ArrayLike, *, alpha: ArrayLike) -> Self:
        """Take counts that were made elsewhere, shape (g, k).

        Raises
        ------
        InvalidInput
            For counts that are no whole numbers, or a prior that is none.
        """
        return cls(np.asarray(alpha, np.float64), GroupCounts.from_counts(counts))

    @property
    def n(self) -> Ints:
        """Rows seen per group, shape (g,)."""
        return self.sums.n

    def posterior(self) -> DirichletPosterior:
        """Posterior of the shares in every group."""
        return DirichletPosterior(self.n, self.alpha + self.sums.counts)

    def log_marginal(self) -> Floats:
        """Log probability of all rows of a group under the prior, shape (g,)."""
        before, now = self.alpha[None, :], self.posterior().alpha
        found: Floats = (_chain(now) - _chain(before)).sum(axis=1)
        return found

    def log_predictive(self, new: ArrayLike, groups: ArrayLike) -> Floats:
        """Log probability of one more row, each by itself, shape (n,).

        Parameters
        ----------
        new : array_like, shape (n,)
            Kind in [0, k), or NaN, which gives NaN.
        groups : integer array_like, shape (n,)
            Whose posterior; -1 gives NaN.

        Raises
        ------
        InvalidInput
            As `from_block`.
        """
        where = "DirichletMultinomial.log_predictive"
        label, group = checked_labels(
            new, groups, self.n_groups, len(self.alpha), where
        )
        return log_share(self.posterior().alpha, label, group)


def _chain(alpha: Floats) -> Floats:
    """Terms whose sum is the log of the multivariate beta function, (g, k - 1)."""
    after = np.cumsum(alpha[:, ::-1], axis=1)[:, ::-1]
    return log_beta(alpha[:, :-1], after[:, 1:])
