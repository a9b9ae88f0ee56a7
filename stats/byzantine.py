"""Rules for sources of which some lie, and what a decision under them is worth.

Every rule works on what each source says by itself, a vector over hypotheses.  Adding
sources up first loses all that is promised here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from stats.byzantine_rules import centered_clipping, geometric_median, krum
from stats.summary import InvalidInput
from stats.vote import Verdict, vote

__all__ = [
    "STATUSES",
    "Decision",
    "Verdict",
    "bounded_influence",
    "centered_clipping",
    "coordinate_median",
    "decide",
    "filtered_min_rule",
    "geometric_median",
    "krum",
    "sources_needed",
    "trimmed_mean",
    "vote",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

STATUSES = ("certified", "supported", "undetermined", "quorum lost")


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """Which hypothesis holds for every group, and how far that can be trusted.

    Attributes
    ----------
    hypothesis : int64 array, shape (g,)
        -1 unless the status is certified or supported.
    status : int8 array, shape (g,)
        Position in `STATUSES`.  Certified: every rival loses in the own sums of at
        least 2f + 1 sources, so of f + 1 honest ones.  Supported: two robust rules
        agree, and enough honest sources were declared to be informative.
    margin : int64 array, shape (g,)
        Sources against which the closest rival loses; 2f + 1 are needed.
    sources : int64 array, shape (g,)
        Sources with a usable statement on the group.
    f : int
        Lying sources that this withstands.
    """

    hypothesis: Ints
    status: NDArray[np.int8]
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


def coordinate_median(beliefs: ArrayLike) -> Floats:
    """Median over sources, per hypothesis.

    Parameters
    ----------
    beliefs : array_like, shape (..., sources, h)
        NaN is a source that says nothing.

    Returns
    -------
    float64 array, shape (..., h)
        NaN without sources.  Inside the honest range while fewer than half lie.
    """
    x = np.asarray(beliefs, np.float64)
    return _trimmed(x, (np.isfinite(x).sum(axis=-2) - 1) // 2)


def trimmed_mean(beliefs: ArrayLike, f: int) -> Floats:
    """Mean over sources without the f lowest and f highest, per hypothesis.

    Parameters
    ----------
    beliefs : array_like, shape (..., sources, h)
        NaN is a source that says nothing.
    f : int

    Returns
    -------
    float64 array, shape (..., h)
        NaN where no more than 2 f sources speak.  What is left lies between two honest
        values, so the mean stays inside the honest range.

    Notes
    -----
    Source: Dolev et al., J. ACM 33 (1986).
    """
    x = np.asarray(beliefs, np.float64)
    return _trimmed(x, np.full(x.shape[:-2] + x.shape[-1:], f))


def filtered_min_rule(beliefs: ArrayLike, f: int) -> Floats:
    """Smallest belief per hypothesis after the f lowest are dropped.

    Parameters
    ----------
    beliefs : array_like, shape (..., sources, h)
        NaN is a source that says nothing.
    f : int

    Returns
    -------
    float64 array, shape (..., h)
        To be compared between hypotheses: the largest one is decided for.  A decision
        rule, not a posterior.  NaN where no more than 2 f sources speak.

    Notes
    -----
    Beliefs are normalised per source first.  One honest source that can tell two
    hypotheses apart is enough to reject the wrong one: a mean would drown it.
    Source: Mitra, Richards, Sundaram, IEEE Trans. Automatic Control 66 (2021).
    """
    x = np.asarray(beliefs, np.float64)
    with np.errstate(invalid="ignore"):
        log_p = x - special.logsumexp(x, axis=-1, keepdims=True)
    ordered = np.sort(log_p, axis=-2)  # NaN last
    speak = np.isfinite(log_p).sum(axis=-2)
    at = np.minimum(f, np.maximum(ordered.shape[-2] - 1, 0))
    lowest: Floats = ordered[..., at, :]
    return np.where(speak > 2 * f, lowest, np.nan)


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


def decide(beliefs: ArrayLike, f: int, *, informative: int | None = None) -> Decision:
    """Decide for a hypothesis in every group where f lying sources cannot turn it.

    Parameters
    ----------
    beliefs : array_like, shape (g, sources, h)
        Sums of each source alone: log-likelihoods up to a constant of the source.
        NaN and infinities are a source that says nothing: an honest one never sends
        them.
    f : int
        Lying sources to withstand.
    informative : int, optional
        Honest sources that are known, from outside and not from these messages, to
        tell every pair of hypotheses apart.  With 2 f + 1 the weaker status
        "supported" is given.

    Returns
    -------
    Decision

    Raises
    ------
    InvalidInput
        For another shape, fewer than two hypotheses or f < 0.

    Notes
    -----
    Certified is wrong only if f + 1 honest sources are wrong by themselves.  More than
    f liars are beyond any promise, and no rule can see that.  With f = 0 the sums of
    all sources decide, and a tie is undetermined.
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
    enough = sources >= sources_needed(f)
    chosen, tie = _best(trimmed_mean(x, f))
    second, tie_2 = _best(filtered_min_rule(x, f))
    margin = _margin(x, chosen)
    status = np.full(len(x), 2, dtype=np.int8)
    if f == 0:
        status[enough & ~tie] = 0
        margin = np.where(tie, 0, sources)
    else:
        if informative is not None and informative >= 2 * f + 1:
            status[(chosen == second) & ~tie & ~tie_2] = 1
        status[margin >= 2 * f + 1] = 0
    status[~enough] = 3
    return Decision(
        hypothesis=np.where(status <= 1, chosen, -1),
        status=status,
        margin=np.where(enough, margin, 0),
        sources=sources.astype(np.int64),
        f=f,
    )


def _trimmed(x: Floats, cut: Ints) -> Floats:
    """Mean of the ordered values from `cut` to the same from above; NaN is last."""
    ordered = np.sort(np.where(np.isfinite(x), x, np.nan), axis=-2)
    speak = np.isfinite(ordered).sum(axis=-2)
    place = np.arange(x.shape[-2])[:, None]
    low, high = cut[..., None, :], (speak - cut)[..., None, :]
    inside = (place >= low) & (place < high)
    total = np.where(inside, ordered, 0.0).sum(axis=-2)
    kept = inside.sum(axis=-2)
    out: Floats = np.full(total.shape, np.nan)
    np.divide(total, kept, out=out, where=kept > 0)
    return out


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
