"""Log-likelihood ratios of counts, of rates and of what other sources answer."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.conjugate import BetaBernoulli, DirichletMultinomial, GammaPoisson
from stats.conjugate_normal import NormalInverseWishart
from stats.summary import Incompatible, InvalidInput

__all__ = [
    "ratio_from_answer",
    "ratio_from_marginals",
    "ratio_from_predictives",
    "ratio_from_rates",
]

Floats = NDArray[np.float64]
Family = TypeVar(
    "Family", BetaBernoulli, DirichletMultinomial, GammaPoisson, NormalInverseWishart
)


def ratio_from_rates(seen: ArrayLike, miss: ArrayLike, false: ArrayLike) -> Floats:
    """Log-likelihood ratio of a sign that is seen or not: dissent, equivocation.

    Parameters
    ----------
    seen : array_like of bool
    miss : array_like
        Probability in (0, 1) that a compromised agent does not show it.
    false : array_like
        Probability in (0, 1) that a normal one does: a flipped bit, an old version.

    Returns
    -------
    float64 array
        log(1 - miss) - log(false) where seen, log(miss) - log(1 - false) where not.

    Raises
    ------
    InvalidInput
        For a probability outside (0, 1): nothing that can be seen proves anything.

    Examples
    --------
    >>> ratio_from_rates([True, False], miss=0.1, false=0.001).round(2)
    array([ 6.8, -2.3])
    """
    here = np.asarray(seen, np.bool_)
    missed, wrong = _probability(miss, "miss"), _probability(false, "false")
    yes = np.log1p(-missed) - np.log(wrong)
    no = np.log(missed) - np.log1p(-wrong)
    return np.where(here, yes, no)


def ratio_from_answer(
    answer: ArrayLike, source: ArrayLike, confusion: ArrayLike
) -> Floats:
    """Log-likelihood ratio of what a source answers.

    Parameters
    ----------
    answer : integer array_like
        In [0, k).
    source : integer array_like
        Who gave it, in [0, s).
    confusion : array_like, shape (s, 2, k)
        Probability of each answer for normal (0) and compromised (1) agents; positive,
        rows sum to 1.  With k = 2 as `aggregate_labels` learns them.

    Returns
    -------
    float64 array
        log P(answer | compromised) - log P(answer | normal).

    Raises
    ------
    InvalidInput
        For an answer or source out of range, or a matrix that holds no probabilities.

    Examples
    --------
    >>> careful, coin = [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.5, 0.5]]
    >>> ratio_from_answer([1, 1], [0, 1], [careful, coin]).round(2)
    array([2.08, 0.  ])
    """
    said, who = np.asarray(answer, np.int64), np.asarray(source, np.int64)
    table = np.asarray(confusion, np.float64)
    good = table.ndim == 3 and table.shape[1] == 2
    good = good and bool((table > 0).all())
    good = good and bool((np.abs(table.sum(axis=2) - 1.0) <= 1e-9).all())
    if not good:
        raise InvalidInput(
            f"ratio_from_answer: confusion {table.shape} is no table of positive "
            "probabilities (sources, 2, answers) with rows that sum to 1. Smooth "
            "counts before dividing."
        )
    for name, codes, size in (
        ("answers", said, table.shape[2]),
        ("sources", who, len(table)),
    ):
        if codes.size and not 0 <= codes.min() <= codes.max() < size:
            raise InvalidInput(
                f"ratio_from_answer: {name} from {codes.min()} to {codes.max()}, "
                f"expected [0, {size}). Number them from 0."
            )
    log = np.log(table)
    found: Floats = log[who, 1, said] - log[who, 0, said]
    return found


def ratio_from_marginals(compromised: Family, normal: Family) -> Floats:
    """Log-likelihood ratio of all rows of each group under two priors.

    Parameters
    ----------
    compromised, normal : conjugate family
        The same class over the same rows; they differ in their prior.

    Returns
    -------
    float64 array, shape (g,)
        Difference of log marginal likelihoods; 0 for a group without rows.

    Raises
    ------
    Incompatible
        When classes, groups or rows differ.

    Examples
    --------
    >>> calls = [[40, 2, 1]]
    >>> normal = DirichletMultinomial.from_counts(calls, alpha=[9.0, 9.0, 9.0])
    >>> odd = DirichletMultinomial.from_counts(calls, alpha=[9.0, 0.5, 0.5])
    >>> ratio_from_marginals(odd, normal).round(1)
    array([13.7])
    """
    _same_family(compromised, normal)
    if compromised.sums.digest() != normal.sums.digest():
        raise Incompatible(
            f"ratio_from_marginals: {compromised!r} and {normal!r} hold other rows. "
            "Replace the prior and keep the sums."
        )
    return compromised.log_marginal() - normal.log_marginal()


def ratio_from_predictives(
    compromised: Family, normal: Family, new: ArrayLike, groups: ArrayLike, **rest: Any
) -> Floats:
    """Log-likelihood ratio of new rows, each by itself, after what was seen before.

    Parameters
    ----------
    compromised, normal : conjugate family
        Of one class; what has been seen of compromised and of normal agents.
    new, groups : array_like
        As for their `log_predictive`; `rest` goes there too (``exposure=``).

    Returns
    -------
    float64 array, shape (n,)
        Difference of log predictive probabilities; NaN for a row that is missing.

    Raises
    ------
    Incompatible
        When classes or groups differ.
    InvalidInput
        For rows that the family does not know.

    Examples
    --------
    >>> seen = GammaPoisson.from_block([3, 4, 2], [0] * 3, 1, shape=3.0, rate=1.0)
    >>> many = GammaPoisson.from_block([], [], 1, shape=3.0, rate=0.1)
    >>> ratio_from_predictives(many, seen, [3, 30], [0, 0]).round(1)
    array([-3.6, 25.2])
    """
    _same_family(compromised, normal)
    one = compromised.log_predictive(new, groups, **rest)
    two = normal.log_predictive(new, groups, **rest)
    return np.asarray(one - two, np.float64)


def _same_family(a: Any, b: Any) -> None:
    if type(a) is not type(b) or a.n_groups != b.n_groups:
        raise Incompatible(
            f"log-likelihood ratio: {a!r} and {b!r}. Give one family over the same "
            "groups under two priors."
        )


def _probability(value: ArrayLike, name: str) -> Floats:
    found = np.asarray(value, np.float64)
    if not ((found > 0) & (found < 1)).all():
        raise InvalidInput(
            f"ratio_from_rates: {name} from {found.min()} to {found.max()}, expected "
            "(0, 1). Give a small rate instead of 0."
        )
    return found
