"""Probabilities as logarithms: nothing overflows, nothing is clamped, never NaN.

Sums of exponentials are `scipy.special.logsumexp`; log p and log(1 - p) of log-odds are
`scipy.special.log_expit` of them and of their negative.  Those need no wrapper.  Here
is what they leave undefined.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from stats.summary import InvalidInput

__all__ = [
    "log_complement",
    "log_odds_of",
    "log_softmax",
    "probability_text",
    "softmax",
]

Floats = NDArray[np.float64]

_LOG_10 = math.log(10.0)
# Below this distance from 0 or 1 a probability is printed as a power of ten.
_SMALL = 1e-3
# From this exponent on tenths of it say nothing.
_LARGE_EXPONENT = 1000.0


def log_softmax(scores: ArrayLike) -> Floats:
    """Log-probabilities of alternatives from scores that lack a common constant.

    Parameters
    ----------
    scores : array_like, shape (..., k)
        Natural logarithms up to a constant per row; -inf is impossible.  A single +inf
        is certain: it gets 0, the others -inf.

    Returns
    -------
    float64 array, shape (..., k)
        At most 0, never NaN.

    Raises
    ------
    InvalidInput
        Where nothing can be shared out: no alternatives, a row of -inf alone, several
        +inf in a row, or NaN.

    Notes
    -----
    The largest score of a row is subtracted before anything is exponentiated, and it
    enters as the 1 of ``log1p``, so that a rest of 1e-300 is kept.  Correct to a few
    units in the last place of the result and of the gaps between scores.

    Examples
    --------
    >>> log_softmax([0.0, -800.0]).tolist()
    [0.0, -800.0]
    """
    gap, _, rest = _shares(scores)
    found: Floats = gap - np.log1p(rest)
    return found


def softmax(scores: ArrayLike) -> Floats:
    """Probabilities of alternatives; rows sum to 1 within k units of 1e-15.

    Parameters
    ----------
    scores : array_like, shape (..., k)
        As for `log_softmax`.

    Returns
    -------
    float64 array, shape (..., k)
        May round to 0 or 1, which `log_softmax` and `log_odds_of` tell apart.

    Raises
    ------
    InvalidInput
        As `log_softmax`.

    Examples
    --------
    >>> softmax([0.0, 0.0, -np.inf]).tolist()
    [0.5, 0.5, 0.0]
    """
    _, weight, rest = _shares(scores)
    found: Floats = weight / (1.0 + rest)
    return found


def _shares(scores: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Gaps to the largest score, their exponentials, and the sum of all but its own."""
    score = _checked(np.asarray(scores, np.float64))
    if not score.size:
        return score, score, score.sum(axis=-1, keepdims=True)
    top = score.max(axis=-1, keepdims=True)
    same = score == top  # also where the largest is infinite
    with np.errstate(over="ignore"):  # a gap beyond float64 is as good as impossible
        gap = np.subtract(score, top, out=np.zeros_like(score), where=~same)
    weight = np.exp(gap)
    first = np.arange(score.shape[-1]) == score.argmax(axis=-1)[..., None]
    rest = np.where(first, 0.0, weight).sum(axis=-1, keepdims=True)
    return gap, weight, rest


def _checked(score: Floats) -> Floats:
    """Refuse rows in which no probability can be shared out."""
    if score.ndim == 0 or (score.shape[-1] == 0 and math.prod(score.shape[:-1])):
        raise InvalidInput(
            f"log_softmax: scores {score.shape} hold no alternatives. "
            "Give at least one per row, along the last axis."
        )
    if not score.size:
        return score
    certain = (score == np.inf).sum(axis=-1)
    nothing = (score == -np.inf).all(axis=-1)
    bad = np.isnan(score).any(axis=-1) | nothing | (certain > 1)
    if bad.any():
        raise InvalidInput(
            f"log_softmax: {int(bad.sum())} of {bad.size} rows hold NaN, several "
            f"+inf, or -inf alone; the first is {score[bad][0]}. "
            "Give every row an alternative that is possible, and at most one certain."
        )
    return score


def log_complement(log_p: ArrayLike) -> Floats:
    """log(1 - p) from log p, without cancellation.

    Parameters
    ----------
    log_p : array_like
        At most 0; -inf is p = 0.

    Returns
    -------
    float64 array, same shape
        -inf for p = 1.

    Raises
    ------
    InvalidInput
        Above 0, and for NaN.

    Notes
    -----
    log1p(-exp(x)) below -log 2, log(-expm1(x)) above.
    Source: Mächler, Accurately computing ``log(1 - exp(-|a|))`` (2012).

    Examples
    --------
    >>> float(log_complement(-1e-20).round(6))
    -46.051702
    """
    logs = np.asarray(log_p, np.float64)
    good = logs <= 0.0
    if not good.all():
        raise InvalidInput(
            f"log_complement: {int((~good).sum())} of {logs.size} are no logarithms of "
            f"a probability, the first is {logs[~good].flat[0]}. Give values up to 0."
        )
    with np.errstate(divide="ignore"):  # p = 1 gives -inf
        small, near = np.log1p(-np.exp(logs)), np.log(-np.expm1(logs))
    out: Floats = np.where(logs < -math.log(2.0), small, near)
    return out


def log_odds_of(log_p: ArrayLike) -> Floats:
    """Log-odds, log p - log(1 - p), from log p.

    The way back is `scipy.special.log_expit`.

    Parameters
    ----------
    log_p : array_like
        At most 0.

    Returns
    -------
    float64 array, same shape
        -inf for p = 0, +inf for p = 1.

    Raises
    ------
    InvalidInput
        Above 0, and for NaN.

    Examples
    --------
    >>> float(log_odds_of(np.log(0.75)).round(6))
    1.098612
    """
    found: Floats = np.asarray(log_p, np.float64) - log_complement(log_p)
    return found


def probability_text(log_odds: float) -> str:
    """Print a probability so that 1 means certain, and nothing else does.

    Parameters
    ----------
    log_odds : float
        Natural; infinite is certain.

    Returns
    -------
    str
        Three decimals, and a power of ten where p or 1 - p is below 0.001.

    Raises
    ------
    InvalidInput
        For NaN.

    Examples
    --------
    >>> [probability_text(x) for x in (1.0, 40.0, -1e9, float("inf"))]
    ['0.731', '1 - 10^-17.4', '10^-434294482', '1']
    """
    if math.isnan(log_odds):
        raise InvalidInput(
            "probability_text: log-odds are NaN, which is no probability. "
            "Leave out what has none."
        )
    if math.isinf(log_odds):
        return "1" if log_odds > 0 else "0"
    tail = float(special.log_expit(-abs(log_odds)))
    if tail >= math.log(_SMALL):
        return f"{special.expit(log_odds):.3f}"
    exponent = tail / _LOG_10
    digits = 0 if -exponent >= _LARGE_EXPONENT else 1
    power = f"10^{exponent:.{digits}f}"
    return f"1 - {power}" if log_odds > 0 else power
