"""Evidence arriving one by one: the consensus for code that awaits its answers."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from stats.evidence import EvidenceType
from stats.evidence_block import checked_ratio, quantised
from stats.summary import InvalidInput, NotEnoughData
from storage.evidence_records import EVIDENCE_TYPES
from tasks.arrived_evidence import BayesianEvidence, weigh_arrived
from tasks.consensus_answer import agent_answer
from tasks.consensus_conclude import ConsensusOptions
from tasks.consensus_night import consensus_of_night
from tasks.consensus_result import Consensus

__all__ = [
    "BayesianEvidence",
    "Consensus",
    "ConsensusOptions",
    "EvidenceType",
    "StableBayesianConsensus",
    "consensus_of_night",
]

# Ratios below it need no closer look before they are taken in.
_SURE = 1e300


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
        if not (abs(evidence.log_odds) < _SURE and 0 <= evidence.confidence <= 1):
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
        if not self._known:
            raise NotEnoughData("consensus: no evidence was added. Add some first.")
        sources = len({name for name, _ in self._known})
        options = ConsensusOptions(
            liars=max(math.ceil(sources * self._share) - 1, 0), prior=self._prior,
            tempering=self._tempering, one_voice=False,
        )  # fmt: skip
        return weigh_arrived(
            self._known.values(), self._clashes, options,
            partition_size=self._size, repeated=self._repeated,
        )  # fmt: skip
