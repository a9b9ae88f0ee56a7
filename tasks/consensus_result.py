"""What sources say together about agents, in one result that says what it is worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from stats.evidence_weights import SourceWeights
from stats.source_consensus import STATUSES, SourceConsensus
from stats.source_voices import Voices
from stats.tempering_choice import TemperingChoice
from storage.evidence_records import EVIDENCE_TYPES
from tasks.consensus_facts import Facts, Guarantee
from tasks.replica_findings import Dissent

__all__ = ["Consensus"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Consensus:
    """Posterior and decision for every agent.

    Attributes
    ----------
    agents : str array, shape (g,)
        Sorted.
    hypotheses : tuple of str, length k
        The first is what ratios speak of.
    sources : tuple of str, length s
        Every known one, sorted.
    found : SourceConsensus
        Posterior, estimate and its range, decision and status of each agent.
    said : Voices
        What each source by itself says of each agent.
    by_type : float64 array, shape (g, types, k)
        Sums by type of evidence, in the order of `EVIDENCE_TYPES`; of one hypothesis
        the ratio and 0.
    mode : str
        ``exact`` or ``robust``; ``robust(0)`` is exact.
    log_prior : float64 array, shape (k,)
    tempering : TemperingChoice
        Over all sources, for where all are believed.
    own_tempering : float64 array, shape (s,)
        Of each source by itself, for where some may lie.
    together : tuple of tuple of str
        Sources that do not speak for themselves, by group.
    shared : bool
        Whether each such group has one voice.
    weights : SourceWeights, optional
        How much of what each source says is believed, where that was learnt.
    suspicion : float64 array, shape (s,)
        See `stats.suspicion`; without any consequence.  NaN where not known.
    error : float
        Largest probability of a wrong certified decision.
    facts : Facts
    guarantee : Guarantee
    dissent : tuple of Dissent
        Workers whose answer was not the accepted one.
    digest : str
        SHA-256 of the exact sums: equal evidence gives equal digests.

    Notes
    -----
    Log-odds are natural logarithms.  Nothing is clamped; p may round to 1, and
    ``log_not_p`` still tells how far from 1 it is.
    """

    agents: NDArray[np.str_]
    hypotheses: tuple[str, ...]
    sources: tuple[str, ...]
    found: SourceConsensus
    said: Voices
    by_type: Floats
    mode: str
    log_prior: Floats
    tempering: TemperingChoice
    own_tempering: Floats
    together: tuple[tuple[str, ...], ...]
    shared: bool
    weights: SourceWeights | None
    suspicion: Floats
    error: float
    facts: Facts
    guarantee: Guarantee
    dissent: tuple[Dissent, ...]
    digest: str

    def __repr__(self) -> str:
        counts = np.bincount(self.found.status, minlength=len(STATUSES))
        states = [
            f"{name}={int(k):_}" for name, k in zip(STATUSES, counts, strict=True) if k
        ]
        return (
            f"Consensus: n={self.n:_} | n_eff={self.n_eff:_.0f} | agents="
            f"{len(self.agents):_} | sources={len(self.spoke)} of {len(self.sources)} "
            f"| mode={self.mode_text} | " + " | ".join(states)
        )

    @property
    def n(self) -> int:
        """Rows of evidence that count."""
        return int(self.found.posterior.n.sum())

    @property
    def n_eff(self) -> float:
        """Independent rows of equal weight that would say as much."""
        return float(self.found.posterior.effective_n.sum())

    @property
    def f(self) -> int:
        """Lying sources that are withstood."""
        return self.found.f

    @property
    def mode_text(self) -> str:
        """Mode with the number of liars it withstands."""
        return self.mode if self.mode == "exact" else f"robust({self.f})"

    @property
    def tempering_text(self) -> str:
        """Share of the evidence that counts as independent, and why."""
        if self.f == 0:
            return str(self.tempering)
        low, high = self.own_tempering.min(), self.own_tempering.max()
        return (
            f"tempering {low:.3g} to {high:.3g}, each source by its own rows; if all "
            f"are believed, {self.tempering}"
        )

    @property
    def spoke(self) -> tuple[str, ...]:
        """Sources with evidence that counts."""
        return tuple(self.sources[k] for k in np.unique(self.said.voice))

    @property
    def coverage(self) -> float:
        """Share of the known sources that spoke; NaN without any."""
        return len(self.spoke) / len(self.sources) if self.sources else float("nan")

    @property
    def age_seconds(self) -> dict[str, float]:
        """Age of the newest evidence of each source, NaN for one without."""
        newest = self.facts.newest
        return {
            name: (self.facts.as_of - newest[name]) / 1e9
            if name in newest
            else float("nan")
            for name in self.sources
        }

    def status(self, agent: int) -> str:
        """Status of the agent at a place."""
        return STATUSES[int(self.found.status[agent])]

    def prior_flip(self) -> Floats:
        """Prior log-odds of each hypothesis at which it would be at even odds, (g, k).

        The posterior log-odds rise by as much as the prior ones; so a prior ten times
        as large adds log 10, one tenth subtracts it.
        """
        others = self.log_prior[:, None] - self.log_prior
        np.fill_diagonal(others, np.inf)
        prior = -np.logaddexp.reduce(-others, axis=1)
        flip: Floats = prior - self.found.posterior.log_odds
        return flip

    def to_dataset(self) -> xr.Dataset:
        """Everything with names and coordinates; attributes say what it is worth.

        Returns
        -------
        xarray.Dataset
            By agent and hypothesis the posterior, by agent the decision; ``pair_*`` by
            pair of agent and source what the source says by itself.
        """
        post, found = self.found.posterior, self.found
        share, loudest = self.said.largest_share(len(self.agents))
        both, one = ("agent", "hypothesis"), ("agent",)
        arrays: dict[str, tuple[tuple[str, ...], NDArray[np.generic]]] = {
            name: (both, getattr(post, name))
            for name in ("log_odds", "log_p", "log_not_p", "p", "error")
        }
        arrays |= {
            name: (both, getattr(found, name))
            for name in ("believed", "estimate", "lower", "upper")
        }
        arrays |= {
            name: (one, getattr(found, name))
            for name in ("status", "leading", "evidence", "margin", "spoke")
        }
        arrays |= {
            "n": (one, post.n),
            "n_eff": (one, post.effective_n),
            "magnitude": (one, post.magnitude),
            "decided": (one, found.hypothesis),
            "prior_flip": (both, self.prior_flip()),
            "largest_share": (one, share),
            "largest_source": (one, loudest),
            "by_type": (("agent", "type", "hypothesis"), self.by_type),
            "pair_agent": (("pair",), self.said.agent),
            "pair_source": (("pair",), self.said.voice),
            "pair_n": (("pair",), self.said.rows),
            "pair_log_ratio": (("pair", "hypothesis"), self.said.beliefs),
            "age_seconds": (("source",), np.array(list(self.age_seconds.values()))),
            "suspicion": (("source",), self.suspicion),
            "own_tempering": (("source",), self.own_tempering),
            "log_prior": (("hypothesis",), self.log_prior),
        }
        if self.weights is not None:
            arrays["weight"] = (("source",), self.weights.weight)
        return xr.Dataset(arrays, coords=self._names(), attrs=self.about())

    def _names(self) -> dict[str, NDArray[np.str_]]:
        """Names along every axis of the dataset."""
        return {
            "agent": self.agents,
            "hypothesis": np.array(self.hypotheses),
            "source": np.array(self.sources),
            "type": np.array(EVIDENCE_TYPES),
        }

    def about(self) -> dict[str, object]:
        """Plain values that tell what the result is, and from what."""
        return {
            "n": self.n,
            "n_eff": self.n_eff,
            "mode": self.mode_text,
            "coverage": None if not self.sources else self.coverage,
            "snapshot": self.facts.snapshot,
            "night": self.facts.night,
            "nights": len(self.facts.nights),
            "arrived": self.facts.arrived(self.sources),
            "digest": self.digest,
            "tempering": self.tempering.value,
            "tempering_why": self.tempering.why,
            "error": self.error,
            "needed": self.found.needed,
            "statuses": list(STATUSES),
            "authenticity": self.guarantee.authenticity,
            "lying_sources": self.guarantee.sources,
            "faulty_workers": self.guarantee.workers,
            "left_out": [
                f"{x.source}: {x.reason}: {x.what}" for x in self.facts.left_out
            ],
            "together": [" ".join(group) for group in self.together],
            "repeated": self.facts.repeated,
            "dissent": sorted({found.worker for found in self.dissent}),
        }
