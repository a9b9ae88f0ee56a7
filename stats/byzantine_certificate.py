"""What sources say together against a rival, whichever f of them lie: a certificate.

Every source bets at even odds on its own ratio.  Bets of honest sources multiply, a
liar can lose its stake and no more, and the f that win most are not counted.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.summary import InvalidInput

__all__ = ["evidence_against_rivals", "evidence_needed", "further_rounds"]

Floats = NDArray[np.float64]

# The stake of a source: what the worst statement takes away from the others.
STAKE = float(np.log(2.0))
# Multiples of the rounds so far that `further_rounds` looks through.
_LONGEST, _STEPS = 1_024.0, 40


def evidence_needed(hypotheses: int, error: float) -> float:
    """Evidence against the closest rival from which on a decision is certified.

    Parameters
    ----------
    hypotheses : int
    error : float
        Largest probability of a wrong certified decision, in (0, 1).

    Returns
    -------
    float
        log((hypotheses - 1) / error), in nats.

    Raises
    ------
    InvalidInput
        For an error outside (0, 1).
    """
    if not 0 < error < 1:
        raise InvalidInput(
            f"evidence_needed: error {error}, expected a probability in (0, 1). Give "
            "the largest chance of a wrong decision."
        )
    return float(np.log((hypotheses - 1) / error))


def evidence_against_rivals(beliefs: ArrayLike, chosen: ArrayLike, f: int) -> Floats:
    """Evidence for one hypothesis against each other that holds whoever f liars are.

    Parameters
    ----------
    beliefs : array_like, shape (g, sources, h)
        Log-likelihoods of each source alone, up to a constant of the source.  A source
        with a value that is not finite says nothing.
    chosen : array_like of int, shape (g,)
    f : int
        Lying sources, fewer than there are sources.

    Returns
    -------
    float64 array, shape (g, h)
        Nats; +inf for the chosen hypothesis itself.

    Notes
    -----
    Let D be the ratio of a source for the chosen hypothesis against a rival.  The
    evidence is the sum of the n - f smallest values of log((1 + exp D) / 2).

    *It is not wrong by more than its word.*  Let the rival be true and G the n - f or
    more honest sources.  A calibrated ratio has E exp D <= 1, hence
    E (1 + exp D) / 2 <= 1, and for independent sources the product over any n - f of G
    has a mean of at most 1.  The n - f smallest of all n values add up to no more than
    the values of those, whatever liars send.  By Markov's inequality P(evidence >= c)
    <= exp(-c): with c = log((h - 1) / error), the probability that anything but the
    truth is certified is at most `error`.  If the exp D of a source are martingales
    over rounds, so is the product, and by Ville's inequality the same bound holds for
    all rounds together: it may be looked at every night.

    *It needs* that who lies does not depend on what honest sources see, that these are
    independent given the truth, and that at most f sources are liars or overconfident.
    No source has to know much, or as much as another; a silent one has D = 0.

    *A liar costs at most log 2.*  The evidence never falls when a D grows, so the worst
    that f liars can do is D = -inf: the sum of the n - 2f smallest honest values, less
    f log 2.  A flood of messages is one such D.  Evidence above 0 takes f + 1
    sources with D > 0, one of them honest.

    Source: bets as tests, Shafer, J. R. Stat. Soc. A 184 (2021); products of e-values,
    Vovk, Wang, Ann. Statist. 49 (2021).
    """
    x = np.asarray(beliefs, np.float64)
    at = np.asarray(chosen, np.int64)
    silent = ~np.isfinite(x).all(axis=2, keepdims=True)
    x = np.where(silent, 0.0, x)
    own = np.take_along_axis(x, at[:, None, None], axis=2)
    with np.errstate(over="ignore"):  # to infinity, which is meant
        bets = np.logaddexp(0.0, own - x) - STAKE
    kept = np.sort(bets, axis=1)[:, : max(x.shape[1] - f, 0)]
    total: Floats = kept.sum(axis=1)
    np.put_along_axis(total, at[:, None], np.inf, axis=1)
    return total


def further_rounds(
    beliefs: ArrayLike, chosen: ArrayLike, f: int, *, rounds: int, error: float
) -> Floats:
    """Rounds after which a decision would be certified if all went on as so far.

    Parameters
    ----------
    beliefs : array_like, shape (g, sources, h)
    chosen : array_like of int, shape (g,)
    f : int
    rounds : int
        That the beliefs are sums of.
    error : float

    Returns
    -------
    float64 array, shape (g,)
        Further rounds, up to 1,023 times as many as there were, found to a fifth; 0
        where it is certified, and +inf where time does not help: there other
        sources have to speak, or those that speak have to know more.
    """
    x = np.asarray(beliefs, np.float64)
    needed = evidence_needed(x.shape[2], error)
    found = np.full(len(x), np.inf)
    for factor in np.geomspace(1.0, _LONGEST, _STEPS + 1):
        left = np.flatnonzero(np.isinf(found))
        if not len(left):
            break
        with np.errstate(over="ignore"):
            grown = x[left] * factor
        evidence = evidence_against_rivals(grown, np.asarray(chosen)[left], f)
        found[left[evidence.min(axis=1) >= needed]] = (factor - 1.0) * rounds
    return found
