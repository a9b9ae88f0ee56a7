"""From exact sums of evidence to a posterior: the prior enters once, here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from stats.evidence_block import WEIGHT_UNIT, quantised
from stats.evidence_sums import EvidenceSums
from stats.logspace import softmax
from stats.summary import InvalidInput

__all__ = [
    "WEIGHT_UNIT",
    "EvidenceSums",
    "EvidenceType",
    "Posterior",
    "checked_log_prior",
    "log_posterior",
    "others",
    "posterior_of_scores",
    "quantised",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class EvidenceType(StrEnum):
    """What was observed about an agent; each kind has its own likelihoods."""

    TIMING_ANOMALY = "timing anomaly"
    RESOURCE_USAGE = "resource usage"
    API_PATTERN = "api pattern"
    NETWORK_BEHAVIOR = "network behavior"
    CONSENSUS_VIOLATION = "consensus violation"
    PEER_VALIDATION = "peer validation"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Posterior:
    """What the evidence says about every group.

    Attributes
    ----------
    n : int64 array, shape (g,)
        Rows of evidence.
    effective_n : float64 array, shape (g,)
        Of equal weight, after tempering.
    log_odds : float64 array, shape (g, k)
        Of each hypothesis against all others together.
    log_p, log_not_p, p : float64 arrays, shape (g, k)
        Natural logarithms of p and 1 - p, and p; rows of p sum to 1.
    magnitude : float64 array, shape (g,)
        Σ w times the size of the ratios, over hypotheses: much more than the
        log-odds says that the evidence contradicts itself.
    error : float64 array, shape (g, k)
        Bound on the rounding error of `log_odds`; the sums themselves are exact.
    """

    n: Ints
    effective_n: Floats
    log_odds: Floats
    log_p: Floats
    log_not_p: Floats
    p: Floats
    magnitude: Floats
    error: Floats

    def __repr__(self) -> str:
        groups, k = self.p.shape
        return f"Posterior: n={int(self.n.sum()):_} | groups={groups:_} | k={k}"


def log_posterior(
    sums: EvidenceSums, log_prior: ArrayLike, tempering: ArrayLike = 1.0
) -> Posterior:
    """Combine evidence with a prior.

    Parameters
    ----------
    sums : EvidenceSums
        One hypothesis: ratios of "compromised" against "normal".  Several: their
        log-likelihoods.
    log_prior : array_like
        Natural logarithms.  One hypothesis: prior log-odds, scalar or (g,).  Several:
        log prior probabilities, (h,) or (g, h); they are normalised.
    tempering : array_like, scalar or shape (g,)
        In (0, 1]: the share of the evidence that is independent.  It scales the sums,
        not the prior.

    Returns
    -------
    Posterior
        k = 2 for one hypothesis (compromised, normal), h otherwise.

    Raises
    ------
    InvalidInput
        For a prior that is NaN, of another shape or without any mass, or a tempering
        outside (0, 1].

    Notes
    -----
    Differences of hypotheses are taken between exact integers and rounded once; only
    then follow prior, maximum and exponentials.  Nothing is clamped: p may round to 1,
    `log_not_p` still tells how far from 1 it is.
    """
    share = np.asarray(tempering, np.float64)
    if not ((share > 0) & (share <= 1)).all():
        raise InvalidInput(
            f"log_posterior: tempering from {share.min()} to {share.max()}, expected "
            "(0, 1]. Give the share of the evidence that is independent."
        )
    score, error = _scores(sums, log_prior, share)
    return posterior_of_scores(sums, score, error, share)


def posterior_of_scores(
    sums: EvidenceSums, score: Floats, error: Floats, tempering: ArrayLike = 1.0
) -> Posterior:
    """Normalise log p that is known up to a constant.

    Parameters
    ----------
    sums : EvidenceSums
        What the scores were made from: gives counts and magnitude.
    score, error : float64 arrays, shape (g, k)
        Log p up to a constant per group, and a bound on its error.
    tempering : array_like, scalar or shape (g,)
        For the effective number of rows; scores hold it already.
    """
    log_odds = score - others(score)
    return Posterior(
        n=sums.n.sum(axis=1),
        effective_n=sums.effective_n().sum(axis=1) * np.asarray(tempering),
        log_odds=log_odds,
        log_p=special.log_expit(log_odds),
        log_not_p=special.log_expit(-log_odds),
        p=softmax(score),
        magnitude=sums.magnitude().sum(axis=1),
        error=error,
    )


def checked_log_prior(log_prior: ArrayLike, g: int, h: int) -> Floats:
    """Prior of g groups, (g,) for one hypothesis, else (g, h) and normalised.

    Raises
    ------
    InvalidInput
        When it is NaN, infinite, without mass, or of another shape.
    """
    prior = np.asarray(log_prior, np.float64)
    wanted = (g,) if h == 1 else (g, h)
    try:
        prior = np.broadcast_to(prior, wanted)
    except ValueError:
        prior = np.full(wanted, np.nan)
    if h > 1:
        prior = prior - special.logsumexp(prior, axis=1, keepdims=True)
    if np.isnan(prior).any() or (prior == np.inf).any():
        raise InvalidInput(
            f"log_posterior: prior {np.shape(log_prior)} for {g} groups and {h} "
            f"hypotheses is NaN, infinite, without mass, or does not fit {wanted}. "
            "Give natural logarithms."
        )
    return prior


def _scores(
    sums: EvidenceSums, log_prior: ArrayLike, share: Floats
) -> tuple[Floats, Floats]:
    """Log p up to a constant per group, shape (g, k), and its error bound."""
    g, h = sums.n.shape
    prior = checked_log_prior(log_prior, g, h)
    scale = share if share.ndim == 0 else share[:, None]
    if h == 1:
        evidence = sums.log_ratio()
        score = np.concatenate([scale * evidence + prior[:, None], np.zeros((g, 1))], 1)
        size = np.abs(evidence) + np.abs(prior[:, None])
    else:
        reference = int(np.argmax(prior.sum(axis=0))) if g else 0
        evidence = sums.against(reference)
        score = scale * evidence + prior
        size = np.abs(evidence) + np.where(np.isfinite(prior), np.abs(prior), 0.0)
    eps = np.finfo(np.float64).eps
    error = 3.0 * eps * (size.max(axis=1, keepdims=True) + 1.0)
    return score, np.broadcast_to(error, score.shape)


def others(score: Floats) -> Floats:
    """Log of the sum of the other columns' exponentials, without subtraction, (g, k).

    What lies before a column and what lies after it are summed one way each, so that
    the work grows with the columns and not with their pairs.
    """
    nothing = np.full((len(score), 1), -np.inf)
    before = np.logaddexp.accumulate(score[:, :-1], axis=1)
    after = np.logaddexp.accumulate(score[:, :0:-1], axis=1)[:, ::-1]
    found: Floats = np.logaddexp(
        np.concatenate([nothing, before], axis=1),
        np.concatenate([after, nothing], axis=1),
    )
    return found
