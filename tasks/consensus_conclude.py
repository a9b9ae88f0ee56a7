"""From exact totals of evidence to a consensus: what depends on what, who counts."""

from __future__ import annotations

import contextlib

import numpy as np
from numpy.typing import NDArray

from stats.evidence_totals import EvidenceTotals
from stats.evidence_weights import SourceWeights
from stats.source_collusion import colluding_sources
from stats.source_consensus import SourceConsensus, consensus_of_sources
from stats.source_voices import Voices, sample_table, voices_of
from stats.summary import NotEnoughData
from stats.suspicion import suspicion
from stats.tempering_choice import (
    TemperingChoice,
    choose_tempering,
    fixed_tempering,
    own_tempering,
)
from stats.voice_weights import voice_weights
from storage.authenticity import Authenticity
from tasks.consensus_facts import Facts, Guarantee
from tasks.consensus_options import ConsensusOptions
from tasks.consensus_result import Consensus
from tasks.evidence_pass import N_TYPES, Named
from tasks.replicate import Replicated

__all__ = ["ConsensusOptions", "conclude"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
# Cells of the table of agents and sources in which copies are looked for.
_TABLE = 1_000_000


def conclude(
    totals: EvidenceTotals,
    named: Named,
    facts: Facts,
    options: ConsensusOptions,
    replicated: Replicated[EvidenceTotals] | None = None,
) -> Consensus:
    """Decide from the exact sums of a pass.

    Parameters
    ----------
    totals : EvidenceTotals
        Cells as `tasks.evidence_pass` numbers them.
    named : Named
    facts : Facts
    options : ConsensusOptions
    replicated : Replicated, optional
        Of the pass.

    Returns
    -------
    Consensus

    Raises
    ------
    InvalidInput
        For options that do not fit the hypotheses.
    """
    digest = totals.digest()
    n_agents, n_sources = len(named.agents), len(named.sources)
    pair, kind = totals.ids // N_TYPES, totals.ids % N_TYPES
    agent, source = pair // n_sources, pair % n_sources
    said = voices_of(totals.sums, agent, source, n_sources)
    voice, together, doubt = _independent(said, named, options)
    tempering, own = _tempering(totals, n_sources, options)
    prior = options.log_prior(len(named.hypotheses))
    weights = _weights(said, voice, n_agents, prior, tempering, options)
    found = consensus_of_sources(
        totals.sums, agent, source, n_agents,
        voice=voice,
        f=options.withstood(n_sources),
        log_prior=prior[0] if len(named.hypotheses) == 1 else prior,
        tempering=tempering.value, own=own, error=options.error,
        weight=None if weights is None else weights.weight,
        informative=options.informative, said=said,
    )  # fmt: skip
    by_type = voices_of(totals.sums, agent, kind, N_TYPES)
    return Consensus(
        agents=named.agents,
        hypotheses=named.decided,
        sources=named.sources,
        found=found,
        said=said,
        by_type=np.nan_to_num(by_type.table(0, n_agents)),
        mode=options.mode,
        log_prior=prior,
        tempering=tempering,
        own_tempering=own,
        together=together,
        shared=options.one_voice,
        weights=weights,
        suspicion=doubt,
        error=options.error,
        facts=facts,
        guarantee=_guarantee(found, options, facts.authenticity, together, replicated),
        dissent=() if replicated is None else replicated.dissent,
        digest=digest,
    )


def _independent(
    said: Voices, named: Named, options: ConsensusOptions
) -> tuple[Ints, tuple[tuple[str, ...], ...], Floats]:
    """Voice of every source, groups of those that go together, and suspicion."""
    n = len(named.sources)
    voice = np.arange(n, dtype=np.int64)
    nobody: Floats = np.full(n, np.nan)
    if len(named.hypotheses) > 1 or n < 2 or not len(said.agent):
        return voice, (), nobody
    table = sample_table(said, len(named.agents), _TABLE)
    with contextlib.suppress(NotEnoughData):  # NaN says so
        nobody = suspicion(table).score
    gangs = colluding_sources(table, q=options.false_discovery)
    groups = tuple(tuple(named.sources[k] for k in group) for group in gangs.groups())
    return (gangs.group if options.one_voice else voice), groups, nobody


def _weights(
    said: Voices, voice: Ints, n_agents: int, prior: Floats, tempering: TemperingChoice,
    options: ConsensusOptions,
) -> SourceWeights | None:  # fmt: skip
    """Learn how much of each source is believed, where that was asked for."""
    if options.weights is None:
        return None
    return voice_weights(
        said, voice, n_agents, prior=float(prior[0]), tempering=tempering.value
    )


def _tempering(
    totals: EvidenceTotals, n_sources: int, options: ConsensusOptions
) -> tuple[TemperingChoice, Floats]:
    """Share that is independent, of all rows and of those of each source alone."""
    if options.tempering is not None:
        fixed = fixed_tempering(options.tempering)
        return fixed, np.full(n_sources, fixed.value)
    unit, source, night = totals.places.T
    own = own_tempering(totals.ratios, unit, source, night, n_sources)
    return choose_tempering(totals.ratios, unit, source, night), own


def _guarantee(
    found: SourceConsensus,
    options: ConsensusOptions,
    authenticity: Authenticity,
    together: tuple[tuple[str, ...], ...],
    replicated: Replicated[EvidenceTotals] | None,
) -> Guarantee:
    f, n = found.f, found.voices.n_voices
    if options.weights:
        sources = (
            "Sources: exact with learnt weights, which help if a source errs about all "
            "agents alike and sees what the others see; one liar can turn it."
        )
    elif f == 0:
        sources = (
            "Sources: exact, the correctly rounded posterior if every source tells the "
            "truth; one liar can turn it."
        )
    else:
        sources = (
            f"Sources: robust({f}), certified decisions are wrong with a probability "
            f"of at most {options.error:g} if at most {f} of {n} lie and the others "
            f"are calibrated and independent; with {f + 1} nothing is promised."
        )
    if f and options.informative is not None:
        sources += (
            f" Supported ones rest on {options.informative} honest sources that were "
            "declared to tell the hypotheses apart; no probability is promised."
        )
    if together and options.one_voice:
        sources += f" {len(together)} groups of sources have one voice each."
    workers = (
        "Workers: trusted, every partition was computed once."
        if replicated is None
        else f"Workers: {replicated.guarantee}"
    )
    return Guarantee(f"Authenticity: {authenticity}.", sources, workers)
