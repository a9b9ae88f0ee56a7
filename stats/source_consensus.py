"""From what every source says to a posterior and a decision, with or without liars.

Rules that do not merge stand here, at the root, over exact sums of each source alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

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
    f, n_voices : int
    voices : Voices
    """

    posterior: Posterior
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
    error: float = ERROR,
) -> SourceConsensus:
    """Weigh what sources say of every agent.

    Parameters
    ----------
    sums : EvidenceSums
        Group i is about ``agent[i]`` by ``source[i]``; a pair may come several times.
    agent, source : integer array_like, shape (p,)
    n_agents : int
    voice : integer array_like, shape (sources,)
        Voice of every known source, also of those that are silent: sources that repeat
        one another have one together.
    f : int
        Lying voices to withstand; 0 believes everybody.
    log_prior : array_like
        As for `stats.evidence.log_posterior`.
    tempering : float
        In (0, 1]: share of the evidence that is independent.
    error : float
        Largest probability of a wrong certified decision.

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
    if f < 0 or who.shape != (sums.n_groups,):
        raise InvalidInput(
            f"consensus_of_sources: f = {f}, agents {who.shape} for {sums.n_groups} "
            "groups. Give f >= 0 and one agent per group."
        )
    whole = (sums.n == sums.n[:, :1]).all(axis=1)
    who = np.where(whole, who, -1)
    voices = voices_of(sums, who, source, voice)
    if f == 0:
        return _exact(sums, who, source, n_agents, voice, voices, log_prior, tempering)
    counted = sums.rollup(who, n_agents)
    prior = checked_log_prior(log_prior, n_agents, sums.n_hypotheses)
    if prior.ndim == 1:
        prior = np.stack([prior, np.zeros_like(prior)], axis=1)
    step = max(1, _CELLS // (voices.n_voices * prior.shape[1]))
    parts = [
        _withstood(voices, prior, at, min(at + step, n_agents), f, tempering, error)
        for at in range(0, n_agents, step)
    ] or [_withstood(voices, prior, 0, 0, f, tempering, error)]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    posterior = posterior_of_scores(
        counted, joined.pop("score"), joined.pop("error"), tempering
    )
    needed = evidence_needed(prior.shape[1], error)
    return _after_prior(
        SourceConsensus(
            posterior=posterior, needed=needed, f=f, voices=voices, **joined
        )
    )


def _exact(
    sums: EvidenceSums, who: Ints, source: ArrayLike, n_agents: int, voice: ArrayLike,
    voices: Voices, log_prior: ArrayLike, tempering: float,
) -> SourceConsensus:  # fmt: skip
    """Believe everybody: exact sums over all sources, a group of copies counts once."""
    belongs = np.asarray(voice, np.int64)
    members = np.bincount(belongs)[belongs][np.asarray(source, np.int64)]
    if (members == 1).all():
        found = log_posterior(sums.rollup(who, n_agents), log_prior, tempering)
    else:
        found = _shared(sums, who, members, n_agents, log_prior, tempering)
    best = found.log_odds.argmax(axis=1)
    top = np.take_along_axis(found.log_odds, best[:, None], axis=1)
    clear = ((found.log_odds == top).sum(axis=1) == 1) & (found.n > 0)
    spoke = np.bincount(voices.agent, minlength=n_agents)
    return SourceConsensus(
        posterior=found,
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


def _shared(
    sums: EvidenceSums, who: Ints, members: Ints, n_agents: int,
    log_prior: ArrayLike, tempering: float,
) -> Posterior:  # fmt: skip
    """Posterior where m sources share a voice: their sums count 1 / m, rounded once."""
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
    groups = len(np.unique(members))
    bound = (3 + groups) * np.finfo(float).eps * (size.max(axis=1, keepdims=True) + 1.0)
    found = posterior_of_scores(
        sums.rollup(who, n_agents), score, np.broadcast_to(bound, score.shape)
    )
    return Posterior(
        found.n, rows * tempering, found.log_odds, found.log_p, found.log_not_p,
        found.p, found.magnitude, found.error,
    )  # fmt: skip


def _withstood(
    voices: Voices, prior: Floats, first: int, last: int, f: int, tempering: float,
    error: float,
) -> dict[str, NDArray[np.generic]]:  # fmt: skip
    """What f liars cannot change, for agents [first, last)."""
    x = voices.table(first, last) * tempering
    prior = prior[first:last]
    found = decide(x, f, error=error)
    lost = found.status == _LOST
    left = evidence_against_rivals(x, np.maximum(found.leading, 0), f)
    proven = np.where(np.isposinf(left) | lost[:, None], 0.0, np.maximum(left, 0.0))
    lower, upper = _honest_range(np.nan_to_num(x), prior, f)
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


def _honest_range(x: Floats, prior: Floats, f: int) -> tuple[Floats, Floats]:
    """Log-odds between which those of honest voices lie, if at most f lie, (g, k) each.

    Against each rival, the sum over all but the f voices that help most; silence is 0.
    """
    low, high = np.empty_like(prior), np.empty_like(prior)
    for h in range(prior.shape[1]):
        gap = np.sort(x[:, :, [h]] - x, axis=1)
        total = gap.sum(axis=1)
        cut = max(gap.shape[1] - f, 0)
        least = total - np.maximum(gap[:, cut:], 0.0).sum(axis=1)
        most = total - np.minimum(gap[:, :f], 0.0).sum(axis=1)
        with np.errstate(invalid="ignore"):
            ahead = prior[:, [h]] - prior
        ahead[np.isnan(ahead)] = np.inf  # neither is possible: no rival
        for out, between in ((low, least), (high, most)):
            rivals = np.delete(-(ahead + between), h, axis=1)
            out[:, h] = -special.logsumexp(rivals, axis=1)
    return low, high


def _after_prior(found: SourceConsensus) -> SourceConsensus:
    """Take back certificates that the prior outweighs."""
    odds = np.take_along_axis(
        found.posterior.log_odds, np.maximum(found.hypothesis, 0)[:, None], axis=1
    )[:, 0]
    outweighed = (found.hypothesis >= 0) & (odds <= 0)
    hypothesis = np.where(outweighed, -1, found.hypothesis)
    status = np.where(outweighed, _UNDETERMINED, found.status).astype(np.int8)
    fields = {name: getattr(found, name) for name in SourceConsensus.__slots__}
    return SourceConsensus(**fields | {"hypothesis": hypothesis, "status": status})
