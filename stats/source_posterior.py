"""Posteriors of sources that do not all count in full: copies, and weighted ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.evidence import Posterior, checked_log_prior, posterior_of_scores
from stats.evidence_sums import EvidenceSums
from stats.source_voices import Voices
from stats.summary import InvalidInput

__all__ = ["shared_posterior", "weighted_posterior"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def shared_posterior(
    sums: EvidenceSums, who: Ints, members: Ints, n_agents: int,
    log_prior: ArrayLike, tempering: float,
) -> Posterior:  # fmt: skip
    """Posterior where some sources share a voice.

    Parameters
    ----------
    sums : EvidenceSums
        Of pairs of an agent and a source.
    who : int64 array, shape (pairs,)
        Agent of each; negative ones are left out.
    members : int64 array, shape (pairs,)
        Sources that share the voice of its source.
    n_agents : int
    log_prior, tempering
        As `stats.evidence.log_posterior`.

    Notes
    -----
    Sums of sources that share a voice with as many count 1 / m, rounded once.
    """
    h = sums.n_hypotheses
    prior = checked_log_prior(log_prior, n_agents, h)
    total = np.zeros((n_agents, h))
    size, rows = np.zeros_like(total), np.zeros(n_agents)
    for m in np.unique(members):
        part = sums.rollup(np.where(members == m, who, -1), n_agents)
        said = (part.log_ratio() if h == 1 else part.against(0)) / m
        total, size = total + said, size + np.abs(said)
        rows += part.effective_n().sum(axis=1) / m
    score = tempering * total
    if h == 1:
        score = np.concatenate(
            [score + prior[:, None], np.zeros((n_agents, 1))], axis=1
        )
        size = size + np.abs(prior[:, None])
    else:
        score = score + prior
        size = size + np.where(np.isfinite(prior), np.abs(prior), 0.0)
    rounds = (3 + len(np.unique(members))) * np.finfo(float).eps
    bound = rounds * (size.max(axis=1, keepdims=True) + 1.0)
    found = posterior_of_scores(
        sums.rollup(who, n_agents), score, np.broadcast_to(bound, score.shape)
    )
    return replace(found, effective_n=rows * tempering)


def weighted_posterior(
    counted: EvidenceSums,
    voices: Voices,
    weight: Floats,
    log_prior: ArrayLike,
    tempering: float,
) -> Posterior:
    """Posterior where what every voice says counts as far as it is believed.

    Parameters
    ----------
    counted : EvidenceSums
        Of agents, of one hypothesis; what is reported as the number of rows.
    voices : Voices
    weight : float64 array, shape (voices,)
        In [0, 1].
    log_prior, tempering
        As `stats.evidence.log_posterior`.

    Raises
    ------
    InvalidInput
        For several hypotheses, or weights that cannot be.

    Notes
    -----
    ``prior + tempering Σ w_s S_s``, where the sum of each voice, S_s, was rounded once;
    added up in the order of voices, so no bit depends on partitions.  The error bound
    covers the rounding, not what is not known of the weights.

    Examples
    --------
    >>> from stats.source_voices import voices_of
    >>> sums = EvidenceSums.from_block([2.0, 4.0], 1.0, [0, 1], 2)
    >>> said = voices_of(sums, [0, 0], [0, 1], 2)
    >>> found = weighted_posterior(
    ...     sums.rollup([0, 0], 1), said, np.array([1.0, 0.25]), 0.5, 1.0
    ... )
    >>> found.log_odds[0].tolist()
    [3.5, -3.5]
    """
    fit = weight.shape == (voices.n_voices,) and counted.n_hypotheses == 1
    if not fit or not ((weight >= 0) & (weight <= 1)).all():
        raise InvalidInput(
            f"weighted_posterior: weights {weight.shape} for {voices.n_voices} voices "
            f"and {counted.n_hypotheses} hypotheses. Give one in [0, 1] per voice, and "
            "ratios of one hypothesis."
        )
    n_agents = counted.n_groups
    prior = checked_log_prior(log_prior, n_agents, 1)
    said = voices.beliefs[:, 0] * weight[voices.voice]
    total = np.bincount(voices.agent, said, minlength=n_agents)
    size = np.bincount(voices.agent, np.abs(said), minlength=n_agents) + np.abs(prior)
    odds = (tempering * total + prior)[:, None]
    rounds = (voices.n_voices + 6) * np.finfo(float).eps
    bound = np.broadcast_to(rounds * (size + 1.0)[:, None], (n_agents, 2))
    score = np.concatenate([odds, np.zeros_like(odds)], axis=1)
    return posterior_of_scores(counted, score, bound)
