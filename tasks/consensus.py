"""Evidence arriving one by one: the consensus for code that awaits its answers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from stats.evidence import EvidenceType
from stats.evidence_block import checked_ratio, quantised
from stats.summary import InvalidInput, NotEnoughData
from storage.authenticity import Authenticity
from storage.evidence_records import EVIDENCE_TYPES, HYPOTHESIS
from storage.layout import cut
from tasks.consensus_answer import agent_answer
from tasks.consensus_conclude import ConsensusOptions, conclude
from tasks.consensus_night import consensus_of_night
from tasks.consensus_result import Consensus, Facts
from tasks.evidence_pass import EvidenceColumns, Named, totals
from tasks.evidence_window import LeftOut

__all__ = [
    "BayesianEvidence",
    "Consensus",
    "ConsensusOptions",
    "EvidenceType",
    "StableBayesianConsensus",
    "consensus_of_night",
]

_DAY = 86_400


@dataclass(frozen=True, slots=True)
class BayesianEvidence:
    """What a source says about an agent, once: its id tells repeats.

    Log-odds are a natural log-likelihood ratio of "compromised", finite; the confidence
    is in [0, 1], 0 without effect; the timestamp is in seconds UTC.
    """

    evidence_id: str
    agent_id: str
    evidence_type: EvidenceType
    log_odds: float
    confidence: float
    timestamp: float
    source_node: str


class StableBayesianConsensus:
    """Collect evidence, and decide where fewer than a share of the sources lie.

    Fewer than `byzantine_threshold`, in [0, 1/3], of all sources heard may lie: 10
    withstand 3, and fewer than 4 none, which is mode exact.  Partitions of
    `partition_size` rows change no bit.  The prior probability counts once.
    """

    def __init__(
        self, byzantine_threshold: float = 1 / 3, partition_size: int = 10_000, *,
        prior: float = 0.5, tempering: float | None = 1.0,
    ) -> None:  # fmt: skip
        share = Fraction(byzantine_threshold).limit_denominator(1_000_000)
        if not 0 <= share <= Fraction(1, 3) or partition_size < 1:
            raise InvalidInput(
                f"StableBayesianConsensus: threshold {byzantine_threshold}, partitions "
                f"of {partition_size}. Give a threshold in [0, 1/3] and at least 1 row."
            )
        self._share, self._size = share, partition_size
        ConsensusOptions(prior=prior, tempering=tempering)  # refuses what cannot be
        self._prior, self._tempering = prior, tempering
        self._known: dict[tuple[str, str], BayesianEvidence] = {}
        self._clashes: dict[str, set[str]] = {}
        self._repeated = 0
        self._found: Consensus | None = None

    async def add_evidence(self, evidence: BayesianEvidence) -> dict[str, Any]:
        """Take evidence in, once.

        Returns
        -------
        dict
            ``evidence_id``, and ``status``: accepted; repeat, an id that its source
            gave to the same content before; or conflict, to another: that proves the
            source faulty, and nothing of it counts.  Each source has ids of its own.

        Raises
        ------
        InvalidInput
            For a type that is not known, log-odds, a confidence or a time that cannot
            be; nothing was taken in.
        """
        checked_ratio([evidence.log_odds])
        quantised([evidence.confidence])
        kind = str(evidence.evidence_type)
        if kind not in EVIDENCE_TYPES or not math.isfinite(evidence.timestamp):
            raise InvalidInput(
                f"evidence {evidence.evidence_id!r}: type {kind!r}, time "
                f"{evidence.timestamp}. Give an EvidenceType and seconds UTC."
            )
        name = (evidence.source_node, evidence.evidence_id)
        first, self._found = self._known.get(name), None
        if first is None:
            self._known[name] = evidence
        elif first == evidence:
            self._repeated += 1
        else:
            self._clashes.setdefault(name[0], set()).add(name[1])
        status = "accepted" if first is None else "repeat"
        status = status if first in (None, evidence) else "conflict"
        return {"evidence_id": evidence.evidence_id, "status": status}

    async def distributed_evidence_consensus(self, agent_id: str) -> dict[str, Any]:
        """Weigh all that was said about an agent.

        Returns
        -------
        dict
            As `tasks.consensus_answer.agent_answer`, with ``conflicts``: ids that a
            source gave to two contents, by source; ``byzantine_sources`` are these
            sources, which no longer count.

        Raises
        ------
        UnknownName
            When nobody said anything about the agent.
        NotEnoughData
            Without any evidence.
        """
        found = self.consensus()
        answer = agent_answer(found, agent_id)
        return answer | {
            "conflicts": {name: sorted(ids) for name, ids in self._clashes.items()}
        }

    def consensus(self) -> Consensus:
        """Weigh all evidence; computed once until more arrives.

        Raises
        ------
        NotEnoughData
            Without any evidence.
        """
        if self._found is None:
            self._found = self._weighed()
        return self._found

    def _weighed(self) -> Consensus:
        sources = sorted({name for name, _ in self._known})
        rows = [e for (name, _), e in self._known.items() if name not in self._clashes]
        if not self._known:
            raise NotEnoughData("consensus: no evidence was added. Add some first.")
        agents, agent = np.unique(
            np.array([e.agent_id for e in rows], dtype=np.str_), return_inverse=True
        )
        day = np.array([e.timestamp // _DAY for e in rows])
        columns = EvidenceColumns(
            agent=agent.astype(np.int64),
            source=np.searchsorted(sources, [e.source_node for e in rows]),
            kind=np.searchsorted(EVIDENCE_TYPES, [str(e.evidence_type) for e in rows]),
            hypothesis=np.zeros(len(rows), dtype=np.int64),
            night=np.unique(day, return_inverse=True)[1].astype(np.int64),
            log_ratio=np.array([e.log_odds for e in rows], dtype=np.float64),
            confidence=np.array([e.confidence for e in rows], dtype=np.float64),
            n_sources=len(sources), n_hypotheses=1, step=1,
        )  # fmt: skip
        blocks = [columns.take(part) for part in cut(len(rows), self._size)]
        summed, _ = totals(blocks or [columns])
        newest = {e.source_node: round(e.timestamp * 1e9) for e in rows}
        for e in rows:
            newest[e.source_node] = max(newest[e.source_node], round(e.timestamp * 1e9))
        facts = Facts(
            night="", snapshot="", nights=(), as_of=max(newest.values(), default=0),
            newest=newest, left_out=tuple(self._left_out()),
            authenticity=Authenticity((), tuple(sources)), repeated=self._repeated,
        )  # fmt: skip
        f = max(math.ceil(len(sources) * self._share) - 1, 0)
        options = ConsensusOptions(
            mode="robust", liars=f, prior=self._prior, tempering=self._tempering,
            one_voice=False,
        )  # fmt: skip
        named = Named(agents, tuple(sources), (), (HYPOTHESIS,), 1)
        return conclude(summed, named, facts, options)

    def _left_out(self) -> Iterator[LeftOut]:
        for name, ids in sorted(self._clashes.items()):
            n = sum(source == name for source, _ in self._known)
            what = f"{len(ids)} ids stand for two contents, the first {min(ids)}"
            yield LeftOut(name, "one number twice", what, n)
