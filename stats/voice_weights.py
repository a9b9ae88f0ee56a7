"""How much of what each source says is believed, learnt from what the others say."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from stats.evidence_weights import SourceWeights, evidence_weights
from stats.source_voices import Voices, sample_table
from stats.summary import InvalidInput

__all__ = ["voice_weights"]

Ints = NDArray[np.int64]

# Cells of the table of agents and voices from which weights are learnt.
_TABLE = 1_000_000


def voice_weights(
    said: Voices, voice: Ints, n_agents: int, *, prior: float, tempering: float = 1.0
) -> SourceWeights:
    """Learn weights of sources from their own evidence, without audits.

    Parameters
    ----------
    said : Voices
        Of one hypothesis, each source by itself.
    voice : int64 array, shape (sources,)
        The one through which each speaks: sources that repeat one another are learnt
        about as one, so that copies do not vouch for each other.
    n_agents : int
    prior : float
        Log-odds of an agent about whom nothing is said.
    tempering : float
        In (0, 1]: share of the evidence that is independent.  What is left of it is
        judged, so that what is repeated does not count against a source twice.

    Returns
    -------
    SourceWeights
        Arrays of shape (sources,); at most 0.8, the reputation of who was never
        audited.

    Raises
    ------
    InvalidInput
        For several hypotheses, or a prior that is not finite.

    Notes
    -----
    See `stats.evidence_weights.evidence_weights`, here on what a source says of an
    agent in all its rows.  Agents of whom only one voice speaks teach nothing.  No bit
    depends on partitions: weights are a function of exact sums.  Calibration, with the
    cases that they make worse: tests/calibration/test_voice_weights.py.
    """
    if said.beliefs.shape[1] != 2 or said.beliefs[:, 1].any():
        raise InvalidInput(
            f"voice_weights: {said.beliefs.shape[1]} hypotheses. Weights are learnt "
            "from ratios of one hypothesis against its opposite: leave them out."
        )
    together = said.together(np.full(said.n_voices, tempering), voice)
    table = sample_table(together, n_agents, _TABLE, whole=True)
    found = evidence_weights(table, prior=prior)
    return SourceWeights(
        **{field.name: getattr(found, field.name)[voice] for field in fields(found)}
    )
