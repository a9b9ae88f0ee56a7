"""From what every source says to a posterior and a decision, with or without liars.

Rules that do not merge stand here, at the root, over exact sums of each source alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats import byzantine
from stats.byzantine import (
    ERROR,
    decide,
    evidence_against_rivals,
    evidence_needed,
    trimmed_mean,
)
from stats.evidence import (
    Posterior,
    checked_log_prior,
    log_posterior,
    others,
    posterior_of_scores,
)
from stats.evidence_sums import EvidenceSums
from stats.honest_range import honest_range
from stats.source_posterior import shared_posterior, weighted_posterior
from stats.source_voices import Voices, voices_of
from stats.summary import InvalidInput

__all__ = ["STATUSES", "SourceConsensus", "consensus_of_sources"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STATUSES = (*byzantine.STATUSES, "exact")
"""Of a decision: those of `stats.byzantine`, and exact if no liar is reckoned with."""
_CERTIFIED, _UNDETERMINED, _LOST, _EXACT = 0, 2, 3, 4
# Cells of agents, voices and hypotheses that are worked on at once.
_CELLS = 1_000_000


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SourceConsensus:
    """What sources say together; arrays have an entry per agent.

    Attributes
    ----------
    posterior : Posterior
        Without liars: prior and the exact sums of all sources.  With f: prior and the
        evidence that is left whichever f of them lie, see
        `stats.byzantine.evidence_against_rivals`; it never counts more than it proves,
        so an agent about whom nothing is proven has its prior.
    believed : float64 array, shape (g, k)
        Log-odds if every source were believed; in mode exact those of the posterior.
    estimate, lower, upper : float64 arrays, shape (g, k)
        Log-odds of each hypothesis.  Estimate: prior, and the trimmed mean over sources
        as often as there are surely honest ones.  The log-odds that the honest sources
        alone would give lie between the other two if at most f lie.  Without liars all
        three are those of the posterior.
    hypothesis : int64 array, shape (g,)
        Decided for; -1 where the status is undetermined or the quorum is lost.
    status : int8 array, shape (g,)
        Position in `STATUSES`.
    leading : int64 array, shape (g,)
        Ahead by the evidence, whatever the status: a guess; -1 where the quorum is
        lost.
    evidence : float64 array, shape (g,)
        Nats for the leading hypothesis against its closest rival that are left
        whichever f sources lie; NaN without liars or quorum.
    needed : float
        Evidence from which on a decision is certified.
    margin : int64 array, shape (g,)
        Voices in whose own sums the closest rival loses.
    spoke : int64 array, shape (g,)
        Voices with evidence on the agent.
    f : int
    voices : Voices
        What was weighed; with liars it is tempered.
    """

    posterior: Posterior
    believed: Floats
    estimate: Floats
    lower: Floats
    upper: Floats
    hypothesis: Ints
    status: NDArray[np.int8]
    leading: Ints
    evidence: Floats
    needed: float
    margin: Ints
    spoke: Ints
    f: int
    voices: Voices

    def __repr__(self) -> str:
        counts = np.bincount(self.status, minlength=len(STATUSES))
        named = [
            f"{name}={int(k):_}" for name, k in zip(STATUSES, counts, strict=True) if k
        ]
        n = int(self.posterior.n.sum())
        return f"SourceConsensus: n={n:_} | f={self.f} | " + " | ".join(named)


def consensus_of_sources(
    sums: EvidenceSums,
    agent: ArrayLike,
    source: ArrayLike,
    n_agents: int,
    *,
    voice: ArrayLike,
    f: int,
    log_prior: ArrayLike,
    tempering: float = 1.0,
    own: ArrayLike = 1.0,
    weight: ArrayLike | None = None,
    informative: int | None = None,
    error: float = ERROR,
    said: Voices | None = None,
) -> SourceConsensus:
    """Weigh what sources say of every agent.

    Parameters
    ----------
    sums : EvidenceSums
        Group i is about ``agent[i]`` by ``source[i]``; a pair may come several times.
    agent, source : integer array_like, shape (p,)
    n_agents : int
    voice : integer array_like, shape (sources,)
        For every known source, also for silent ones, the source through which it
        speaks: sources that repeat one another have one voice together.
    f : int
        Lying sources to withstand; 0 believes everybody.
    log_prior : array_like
        As for `stats.evidence.log_posterior`.
    tempering : float
        In (0, 1]: share of the evidence that is independent, where all are believed.
    own : array_like, scalar or shape (sources,)
        In (0, 1]: the same for the rows of each source by itself, where some may lie;
        a share that rested on all sources could be moved by one.
    weight : array_like, shape (sources,), optional
        In [0, 1]: how much of what each says is believed, where all are; only without
        liars to withstand, and for one hypothesis.  A voice has that of its source.
    informative : int, optional
        As `stats.byzantine.decide` takes it.
    error : float
        Largest probability of a wrong certified decision.
    said : Voices, optional
        Of these sums by `stats.source_voices.voices_of`, where it is known already.

    Raises
    ------
    InvalidInput
        For columns, a prior or numbers that do not fit.

    Notes
    -----
    Of several hypotheses a source must have spoken of each as often; where it has not,
    what it says of that agent counts for nothing.  A certified decision that the prior
    still outweighs is undetermined.
    """
    who = np.asarray(agent, np.int64)
    if f < 0 or who.shape != (sums.n_groups,) or (weight is not None and f > 0):
        raise InvalidInput(
            f"consensus_of_sources: f = {f}, agents {who.shape} for {sums.n_groups} "
            "groups. Give f >= 0, one agent per group, and weights only where f = 0."
        )
    whole = (sums.n == sums.n[:, :1]).all(axis=1)
    who = np.where(whole, who, -1)
    belongs, by = np.asarray(voice, np.int64), np.asarray(source, np.int64)
    factor = np.broadcast_to(np.asarray(own, np.float64), belongs.shape)
    if said is None or not whole.all():
        said = voices_of(sums, who, by, len(belongs))
    voices = said.together(factor if f else np.ones(len(belongs)), belongs)
    exact = _exact(
        sums, who, by, n_agents, belongs, voices, log_prior, tempering,
        None if weight is None else np.asarray(weight, np.float64),
    )  # fmt: skip
    if f == 0:
        return exact
    counted = sums.rollup(who, n_agents)
    prior = checked_log_prior(log_prior, n_agents, sums.n_hypotheses)
    if prior.ndim == 1:
        prior = np.stack([prior, np.zeros_like(prior)], axis=1)
    options = {"error": error, "informative": informative}
    step = max(1, _CELLS // (voices.n_voices * prior.shape[1]))
    parts = [
        _withstood(voices, prior, slice(at, min(at + step, n_agents)), f, options)
        for at in range(0, n_agents, step)
    ] or [_withstood(voices, prior, slice(0, 0), f, options)]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    posterior = posterior_of_scores(counted, joined.pop("score"), joined.pop("error"))
    rows = sums.effective_n().sum(axis=1) * factor[by]
    alike = np.bincount(who[who >= 0], rows[who >= 0], minlength=n_agents)
    posterior = replace(posterior, effective_n=alike.astype(np.float64))
    needed = evidence_needed(prior.shape[1], error)
    weighed = SourceConsensus(
        posterior=posterior, believed=exact.believed, needed=needed, f=f,
        voices=voices, **joined,
    )  # fmt: skip
    return _after_prior(weighed)


def _exact(
    sums: EvidenceSums, who: Ints, source: Ints, n_agents: int, belongs: Ints,
    voices: Voices, log_prior: ArrayLike, tempering: float, weight: Floats | None,
) -> SourceConsensus:  # fmt: skip
    """Believe everybody: exact sums over all sources, a group of copies counts once."""
    members = np.bincount(belongs)[belongs][source]
    if weight is not None:
        rows = sums.effective_n().sum(axis=1) * weight[belongs[source]] / members
        alike = np.bincount(who[who >= 0], rows[who >= 0], minlength=n_agents)
        counted = sums.rollup(who, n_agents)
        found = weighted_posterior(counted, voices, weight, log_prior, tempering)
        found = replace(found, effective_n=tempering * alike.astype(np.float64))
    elif (members == 1).all():
        found = log_posterior(sums.rollup(who, n_agents), log_prior, tempering)
    else:
        found = shared_posterior(sums, who, members, n_agents, log_prior, tempering)
    best = found.log_odds.argmax(axis=1)
    top = np.take_along_axis(found.log_odds, best[:, None], axis=1)
    clear = ((found.log_odds == top).sum(axis=1) == 1) & (found.n > 0)
    spoke = np.bincount(voices.agent, minlength=n_agents)
    return SourceConsensus(
        posterior=found,
        believed=found.log_odds,
        estimate=found.log_odds,
        lower=found.log_odds,
        upper=found.log_odds,
        hypothesis=np.where(clear, best, -1),
        status=np.where(clear, _EXACT, _UNDETERMINED).astype(np.int8),
        leading=best.astype(np.int64),
        evidence=np.full(n_agents, np.nan),
        needed=0.0,
        margin=spoke,
        spoke=spoke,
        f=0,
        voices=voices,
    )


def _withstood(
    voices: Voices, prior: Floats, part: slice, f: int, options: dict[str, Any]
) -> dict[str, NDArray[np.generic]]:
    """What f liars cannot change, for a part of the agents."""
    x, prior = voices.table(part.start, part.stop), prior[part]
    found = decide(x, f, **options)
    lost = found.status == _LOST
    left = evidence_against_rivals(x, np.maximum(found.leading, 0), f)
    proven = np.where(np.isposinf(left) | lost[:, None], 0.0, np.maximum(left, 0.0))
    lower, upper = honest_range(np.nan_to_num(x), prior, f)
    surely = np.maximum(found.sources - f, 0)[:, None]
    middle = prior + surely * np.nan_to_num(trimmed_mean(x, f))
    size = np.abs(np.nan_to_num(x)).sum(axis=1).max(axis=1, keepdims=True)
    finite = np.where(np.isfinite(prior), np.abs(prior), 0.0).max(axis=1, keepdims=True)
    rounds = (x.shape[1] + 8) * np.finfo(float).eps
    bound = rounds * (size + finite + x.shape[1])
    return {
        "score": prior - proven,
        "error": np.broadcast_to(bound, prior.shape),
        "estimate": np.clip(middle - others(middle), lower, upper),
        "lower": lower,
        "upper": upper,
        "hypothesis": found.hypothesis,
        "status": found.status,
        "leading": found.leading,
        "evidence": found.evidence,
        "margin": found.margin,
        "spoke": found.sources,
    }


def _after_prior(found: SourceConsensus) -> SourceConsensus:
    """Take back certificates that the prior outweighs."""
    chosen = np.maximum(found.hypothesis, 0)[:, None]
    odds = np.take_along_axis(found.posterior.log_odds, chosen, axis=1)[:, 0]
    lost = (found.hypothesis >= 0) & (odds <= 0)
    status = np.where(lost, _UNDETERMINED, found.status).astype(np.int8)
    return replace(
        found, hypothesis=np.where(lost, -1, found.hypothesis), status=status
    )
