"""Rules for sources of which some lie, and what a decision under them is worth.

Every rule works on what each source says by itself, a vector over hypotheses.  Adding
sources up first loses all that is promised here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from stats.byzantine_certificate import (
    evidence_against_rivals,
    evidence_needed,
    further_rounds,
)
from stats.byzantine_rules import centered_clipping, geometric_median, krum
from stats.byzantine_trimmed import (
    coordinate_median,
    filtered_min_rule,
    trimmed_mean,
)
from stats.summary import InvalidInput
from stats.vote import Verdict, vote

__all__ = [
    "ERROR",
    "STATUSES",
    "Decision",
    "Verdict",
    "bounded_influence",
    "centered_clipping",
    "coordinate_median",
    "decide",
    "evidence_against_rivals",
    "evidence_needed",
    "filtered_min_rule",
    "further_rounds",
    "geometric_median",
    "krum",
    "sources_needed",
    "trimmed_mean",
    "vote",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

ERROR = 1e-5
"""Largest probability of a wrong certified decision, unless another is given."""

STATUSES = ("certified", "supported", "undetermined", "quorum lost")


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """Which hypothesis holds for every group, and how far that can be trusted.

    Attributes
    ----------
    hypothesis : int64 array, shape (g,)
        -1 unless the status is certified or supported.
    status : int8 array, shape (g,)
        Position in `STATUSES`.  Certified: the evidence against every rival is as
        large as needed, whichever f sources lie.  Supported: two robust rules agree,
        and enough honest sources were declared to be informative.  Quorum lost: too
        few sources, or more than f of the least number that f needs are silent.
    leading : int64 array, shape (g,)
        Hypothesis that is ahead, whatever the status: a guess that f liars may have
        made.
    evidence : float64 array, shape (g,)
        Nats for the leading hypothesis against its closest rival, see
        `evidence_against_rivals`; NaN where the quorum is lost.
    needed : float
        Evidence from which on a decision is certified.
    margin : int64 array, shape (g,)
        Sources in whose own sums the closest rival loses.  With f or fewer, no number
        of further rounds can settle it: sources that can tell the two apart are
        missing.
    sources : int64 array, shape (g,)
        Sources with a usable statement on the group.
    f : int
        Lying sources that this withstands.
    """

    hypothesis: Ints
    status: NDArray[np.int8]
    leading: Ints
    evidence: Floats
    needed: float
    margin: Ints
    sources: Ints
    f: int

    def __repr__(self) -> str:
        counts = np.bincount(self.status, minlength=len(STATUSES))
        named = [f"{name}={int(k):_}" for name, k in zip(STATUSES, counts, strict=True)]
        return f"Decision: n={len(self.status):_} | f={self.f} | " + " | ".join(named)


def sources_needed(f: int) -> int:
    """Sources among which f liars can be withstood: 3 f + 1.

    Source: Pease, Shostak, Lamport, J. ACM 27 (1980).
    """
    return 3 * f + 1


def bounded_influence(beliefs: ArrayLike, doubt: float = 0.3) -> Floats:
    """Beliefs of sources that may know nothing: no source can say more than a cap.

    Parameters
    ----------
    beliefs : array_like, shape (..., h)
        Log-likelihoods of one source; NaN says nothing.
    doubt : float
        Probability in (0, 1) that a source is not informative.

    Returns
    -------
    float64 array, shape (..., h)
        log((1 - doubt) softmax(beliefs) + doubt / h).  Any two hypotheses differ by at
        most log((h - (h - 1) doubt) / doubt): a flood of messages is one vote.

    Raises
    ------
    InvalidInput
        For a doubt outside (0, 1).
    """
    if not 0 < doubt < 1:
        raise InvalidInput(
            f"bounded_influence: doubt {doubt}, expected a probability in (0, 1). "
            "Give the chance that a source is not informative."
        )
    x = np.asarray(beliefs, np.float64)
    silent = ~np.isfinite(x).all(axis=-1, keepdims=True)
    p = special.softmax(np.where(silent, 0.0, x), axis=-1)
    mixed: Floats = np.log((1.0 - doubt) * p + doubt / x.shape[-1])
    return mixed


def decide(
    beliefs: ArrayLike,
    f: int,
    *,
    informative: int | None = None,
    error: float = ERROR,
) -> Decision:
    """Decide for a hypothesis in every group where f lying sources cannot turn it.

    Parameters
    ----------
    beliefs : array_like, shape (g, sources, h)
        Sums of each source alone: log-likelihoods up to a constant of the source.
        A row for every source that is known, also for one that said nothing: NaN, or
        zeros.  Infinities count as silence too: an honest source never sends them.
    f : int
        Lying sources to withstand.
    informative : int, optional
        Honest sources that are known, from outside and not from these messages, to
        tell every pair of hypotheses apart.  With 2 f + 1 the weaker status
        "supported" is given.
    error : float
        Largest probability with which a certified decision may be wrong, in (0, 1).

    Returns
    -------
    Decision

    Raises
    ------
    InvalidInput
        For another shape, fewer than two hypotheses, f < 0 or an error outside (0, 1).

    Notes
    -----
    What "certified" rests on, with its proof, is in `evidence_against_rivals`.  More
    than f liars are beyond any promise, and no rule can see that.  With f = 0 the sums
    of all sources decide, as if nobody lied, and only a tie is undetermined.
    """
    x = np.asarray(beliefs, np.float64)
    if x.ndim != 3 or x.shape[2] < 2 or f < 0:
        raise InvalidInput(
            f"decide: beliefs {x.shape} and f = {f}. Give (groups, sources, "
            "hypotheses), at least two hypotheses, and f >= 0."
        )
    usable: Bools = np.asarray(np.isfinite(x).all(axis=2))
    x = np.where(usable[..., None], x, np.nan)
    sources = usable.sum(axis=1)
    lost = (x.shape[1] < sources_needed(f)) | (sources < 2 * f + 1)
    leading, tie = _best(trimmed_mean(x, f))
    evidence = evidence_against_rivals(x, leading, f).min(axis=1)
    needed = evidence_needed(x.shape[2], error)
    status = np.full(len(x), 2, dtype=np.int8)
    if f == 0:
        status[~tie] = 0
    else:
        if informative is not None and informative >= 2 * f + 1:
            second, tie_2 = _best(filtered_min_rule(x, f))
            agree = (leading == second) & ~tie & ~tie_2
            status[agree & (sources >= sources_needed(f))] = 1
        status[evidence >= needed] = 0
    status[lost] = 3
    return Decision(
        hypothesis=np.where(status <= 1, leading, -1),
        status=status,
        leading=np.where(lost, -1, leading),
        evidence=np.where(lost, np.nan, evidence),
        needed=needed,
        margin=np.where(lost, 0, _margin(x, leading)),
        sources=sources.astype(np.int64),
        f=f,
    )


def _best(scores: Floats) -> tuple[Ints, Bools]:
    """Hypothesis with the highest score, and whether another one ties or is NaN."""
    known = np.where(np.isfinite(scores), scores, -np.inf)
    best = known.argmax(axis=1)
    top = np.take_along_axis(known, best[:, None], axis=1)
    tie = (known == top).sum(axis=1) > 1
    return best, tie | ~np.isfinite(top[:, 0])


def _margin(x: Floats, chosen: Ints) -> Ints:
    """Sources in whose own sums the closest rival of the chosen hypothesis loses."""
    own = np.take_along_axis(x, chosen[:, None, None], axis=2)
    with np.errstate(invalid="ignore"):
        wins = np.greater(own, x).sum(axis=1)
    np.put_along_axis(wins, chosen[:, None], np.iinfo(np.int64).max, axis=1)
    found: Ints = wins.min(axis=1)
    return found
