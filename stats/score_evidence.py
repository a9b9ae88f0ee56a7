"""From scores to log-likelihood ratios: how much a finding speaks for "compromised".

Ratios are natural logarithms of p(seen | compromised) / p(seen | normal).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.distance_ratio import ratio_from_distance
from stats.evidence import EvidenceType
from stats.fdr import log_simes
from stats.likelihood_ratios import (
    ratio_from_answer,
    ratio_from_marginals,
    ratio_from_predictives,
    ratio_from_rates,
)
from stats.summary import InvalidInput

__all__ = [
    "RATIO_MODELS",
    "NightEvidence",
    "night_evidence",
    "ratio_from_answer",
    "ratio_from_distance",
    "ratio_from_marginals",
    "ratio_from_p",
    "ratio_from_predictives",
    "ratio_from_rates",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_XI = 0.2


def ratio_from_p(log_p: ArrayLike, xi: float = _XI) -> Floats:
    """Log-likelihood ratio of a p-value against an unknown alternative.

    Parameters
    ----------
    log_p : array_like
        Natural logarithm of a *calibrated* p, at most 0 and finite; so p = 1e-5000 is
        no difficulty.  NaN (not tested) gives NaN.
    xi : float
        In (0, 1): the smaller, the more a small p counts and a large one costs.

    Returns
    -------
    float64 array
        log ξ + (ξ - 1) log p, at least log ξ, which p = 1 gives.

    Raises
    ------
    InvalidInput
        For log p above 0 or -inf, or ξ outside (0, 1).

    Notes
    -----
    The density of p under a Beta(ξ, 1) alternative.  For uniform p the expected
    likelihood ratio is 1, so no choice of ξ can mislead often: it reaches c with
    probability at most 1/c.  -log p itself has no such bound.
    Source: Vovk, Wang, Annals of Statistics 49 (2021).

    Examples
    --------
    >>> ratio_from_p(np.log([1.0, 0.05, 1e-6])).round(2)
    array([-1.61,  0.79,  9.44])
    """
    value = np.asarray(log_p, np.float64)
    bad = (value > 0) | np.isneginf(value)
    if bad.any() or not 0.0 < xi < 1.0:
        first = value[bad].flat[0] if bad.any() else "fine"
        raise InvalidInput(
            f"ratio_from_p: {int(bad.sum())} of {value.size} log p are above 0 or "
            f"infinite, the first {first}; xi {xi}. Give finite logarithms of "
            "p-values and xi in (0, 1)."
        )
    found: Floats = np.log(xi) + (xi - 1.0) * value
    return found


RATIO_MODELS: Mapping[EvidenceType, Callable[..., Floats]] = MappingProxyType(
    {
        EvidenceType.TIMING_ANOMALY: ratio_from_p,
        EvidenceType.RESOURCE_USAGE: ratio_from_p,
        EvidenceType.API_PATTERN: ratio_from_predictives,
        EvidenceType.NETWORK_BEHAVIOR: ratio_from_predictives,
        EvidenceType.CONSENSUS_VIOLATION: ratio_from_rates,
        EvidenceType.PEER_VALIDATION: ratio_from_answer,
    }
)
"""What turns an observation of each type into a ratio, unless more is known.

Timing and resources: calibrated p of the transformed features.  Calls to interfaces:
shares of kinds of calls (`DirichletMultinomial` under two priors).  Network: counts
over exposures (`GammaPoisson` under two priors).  Consensus: dissent and equivocation
against the rate at which honest ones show them.  Peers: an answer against the
confusion matrix of who gave it.
"""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NightEvidence:
    """What one night says: at most one row per agent and type.

    Attributes
    ----------
    agent, kind : int64 arrays, shape (n,)
        Ascending by agent, then type.
    log_ratio, log_p : float64 arrays, shape (n,)
        log_p is that of all tests of the row together.
    tests : int64 array, shape (n,)
        p-values behind the row.
    """

    agent: Ints
    kind: Ints
    log_ratio: Floats
    log_p: Floats
    tests: Ints

    def __repr__(self) -> str:
        tests = int(self.tests.sum())
        return f"NightEvidence: n={len(self.agent):_} | tests={tests:_}"


def night_evidence(
    log_p: ArrayLike, agent: ArrayLike, kind: ArrayLike, *, xi: float = _XI
) -> NightEvidence:
    """Turn the p-values of one night into one ratio per agent and type.

    Parameters
    ----------
    log_p : array_like, shape (n,)
        As for `ratio_from_p`; NaN is not tested and not counted.
    agent, kind : integer array_like, shape (n,)
        Not negative.
    xi : float
        As for `ratio_from_p`.

    Returns
    -------
    NightEvidence
        Without agents that were not tested at all: silence is no evidence here.

    Raises
    ------
    InvalidInput
        For columns that do not fit, negative numbers, or p that are none.

    Notes
    -----
    Features of one row, levels of one hierarchy and repeated tests share their noise;
    added up they would count it many times.  They are combined by Simes' rule first.

    Examples
    --------
    >>> found = night_evidence(np.log([0.5, 1e-4, 0.2]), [7, 7, 9], [0, 0, 0])
    >>> found.agent, found.tests, found.log_p.round(2)
    (array([7, 9]), array([2, 1]), array([-8.52, -1.61]))
    """
    value = np.asarray(log_p, np.float64)
    who, what = np.asarray(agent, np.int64), np.asarray(kind, np.int64)
    if value.ndim != 1 or not value.shape == who.shape == what.shape:
        raise InvalidInput(
            f"night_evidence: log p {value.shape}, agents {who.shape} and types "
            f"{what.shape}. Give one of each per test."
        )
    if len(who) and min(who.min(), what.min()) < 0:
        raise InvalidInput(
            f"night_evidence: agents from {who.min()}, types from {what.min()}. "
            "Number both from 0."
        )
    seen = ~np.isnan(value)
    value, who, what = value[seen], who[seen], what[seen]
    kinds = int(what.max(initial=0)) + 1
    cells, cell = np.unique(who * kinds + what, return_inverse=True)
    ratio_from_p(value, xi)  # refuses what is no p, before it is combined
    combined = log_simes(value, cell, len(cells))
    return NightEvidence(
        agent=cells // kinds,
        kind=cells % kinds,
        log_ratio=ratio_from_p(combined, xi),
        log_p=combined,
        tests=np.bincount(cell, minlength=len(cells)).astype(np.int64),
    )
