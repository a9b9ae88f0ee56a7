"""From exact totals of evidence to a consensus: what depends on what, who counts."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stats.byzantine import ERROR
from stats.evidence_totals import EvidenceTotals
from stats.source_collusion import colluding_sources
from stats.source_consensus import SourceConsensus, consensus_of_sources
from stats.source_voices import Voices, sample_table, voices_of
from stats.summary import InvalidInput, NotEnoughData
from stats.suspicion import suspicion
from stats.tempering_choice import (
    TemperingChoice,
    choose_tempering,
    fixed_tempering,
    own_tempering,
)
from storage.authenticity import Authenticity
from tasks.consensus_facts import Facts, Guarantee
from tasks.consensus_result import Consensus
from tasks.evidence_pass import N_TYPES, Named
from tasks.replicate import Replicated

__all__ = ["ConsensusOptions", "conclude"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
# Cells of the table of agents and sources in which copies are looked for.
_TABLE = 1_000_000


@dataclass(frozen=True, slots=True)
class ConsensusOptions:
    """How evidence is weighed.

    Attributes
    ----------
    mode : {"robust", "exact"}
        Exact believes every source.
    liars : int, optional
        Lying sources to withstand in mode robust; the most that the known ones allow,
        (n - 1) // 3, if absent.
    prior : float
        Probability in (0, 1) of the hypothesis that ratios speak of.
    shares : tuple of float
        Prior shares where there are several hypotheses, in their order; equal if empty.
    tempering : float, optional
        Share of the evidence that is independent; estimated from it if absent.
    one_voice : bool
        Sources that repeat one another have one voice together.
    false_discovery : float
        Over pairs of sources, for that.
    error : float
        Largest probability of a wrong certified decision.

    Raises
    ------
    InvalidInput
        For a mode, a number of liars or a probability that cannot be.
    """

    mode: Literal["robust", "exact"] = "robust"
    liars: int | None = None
    prior: float = 0.01
    shares: tuple[float, ...] = ()
    tempering: float | None = None
    one_voice: bool = True
    false_discovery: float = 0.01
    error: float = ERROR

    def __post_init__(self) -> None:
        good = self.mode in ("robust", "exact") and 0 < self.prior < 1
        good = good and (self.liars is None or self.liars >= 0)
        good = good and 0 < self.error < 1 and 0 < self.false_discovery < 1
        good = good and all(0 <= share < math.inf for share in self.shares)
        if not good or (self.mode == "exact" and self.liars):
            raise InvalidInput(
                f"consensus: {self}. Give mode robust or exact, a prior, an error and "
                "a false discovery rate in (0, 1), and liars >= 0 in mode robust only."
            )
        if self.tempering is not None:
            fixed_tempering(self.tempering)

    def log_prior(self, hypotheses: int) -> Floats:
        """Natural logarithm of the prior up to a constant, two for one hypothesis."""
        if hypotheses == 1:
            return np.array([math.log(self.prior / (1.0 - self.prior)), 0.0])
        shares = np.array(self.shares or [1.0] * hypotheses)
        if len(shares) != hypotheses or not shares.any():
            raise InvalidInput(
                f"consensus: prior shares {self.shares} for {hypotheses} hypotheses. "
                "Give one for each, not all 0."
            )
        with np.errstate(divide="ignore"):
            found: Floats = np.log(shares / shares.sum())
        return found

    def withstood(self, sources: int) -> int:
        """How many liars the mode withstands among so many sources."""
        if self.mode == "exact":
            return 0
        return max((sources - 1) // 3, 0) if self.liars is None else self.liars


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
    alone = np.arange(n_sources, dtype=np.int64)
    said = voices_of(totals.sums, agent, source, n_sources)
    voice, together, doubt = _independent(said, named, options)
    voice = voice if options.one_voice else alone
    tempering, own = _tempering(totals, n_sources, options)
    prior = options.log_prior(len(named.hypotheses))
    found = consensus_of_sources(
        totals.sums, agent, source, n_agents,
        voice=voice,
        f=options.withstood(n_sources),
        log_prior=prior[0] if len(named.hypotheses) == 1 else prior,
        tempering=tempering.value, own=own, error=options.error,
        said=said,
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
    return gangs.group, groups, nobody


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
    if f == 0:
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
    if together and options.one_voice:
        sources += f" {len(together)} groups of sources have one voice each."
    workers = (
        "Workers: trusted, every partition was computed once."
        if replicated is None
        else f"Workers: {replicated.guarantee}"
    )
    return Guarantee(f"Authenticity: {authenticity}.", sources, workers)
