"""Evidence that lies in no store: numbered, added up and weighed like stored rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stats.evidence import EvidenceType
from storage.authenticity import Authenticity
from storage.evidence_records import EVIDENCE_TYPES, HYPOTHESIS
from storage.layout import cut
from tasks.consensus_conclude import ConsensusOptions, conclude
from tasks.consensus_facts import Facts
from tasks.consensus_result import Consensus
from tasks.evidence_pass import EvidenceColumns, Named, totals
from tasks.evidence_window import LeftOut

__all__ = ["BayesianEvidence", "weigh_arrived"]

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


def weigh_arrived(
    evidence: Collection[BayesianEvidence],
    clashes: Mapping[str, Collection[str]],
    options: ConsensusOptions,
    *,
    partition_size: int,
    repeated: int = 0,
) -> Consensus:
    """Weigh evidence that was checked already, each row once.

    Parameters
    ----------
    evidence : collection of BayesianEvidence
    clashes : mapping of source to ids
        Sources that gave two contents to one id; nothing of them counts.
    options : ConsensusOptions
    partition_size : int
        Rows of a partition.
    repeated : int
        Rows that came again.

    Returns
    -------
    Consensus
        Ages are taken at the newest evidence; a day is what a night is in the store.
    """
    sources = tuple(sorted({e.source_node for e in evidence}))
    rows = [e for e in evidence if e.source_node not in clashes]
    agents, agent = np.unique(
        np.array([e.agent_id for e in rows], dtype=np.str_), return_inverse=True
    )
    columns = _columns(rows, agent.astype(np.int64), sources)
    blocks = [columns.take(part) for part in cut(len(rows), partition_size)]
    summed, _ = totals(blocks or [columns])
    newest: dict[str, int] = {}
    for e in evidence:
        when = round(e.timestamp * 1e9)
        newest[e.source_node] = max(newest.get(e.source_node, when), when)
    facts = Facts(
        night="", snapshot="", nights=(), as_of=max(newest.values(), default=0),
        newest=newest, last_night={}, left_out=tuple(_left_out(evidence, clashes)),
        authenticity=Authenticity((), sources), repeated=repeated,
    )  # fmt: skip
    named = Named(agents, sources, (), (HYPOTHESIS,), 1)
    return conclude(summed, named, facts, options)


def _columns(
    rows: Sequence[BayesianEvidence],
    agent: np.ndarray[tuple[int], np.dtype[np.int64]],
    sources: tuple[str, ...],
) -> EvidenceColumns:
    day = np.array([e.timestamp // _DAY for e in rows])
    kind = np.searchsorted(EVIDENCE_TYPES, [str(e.evidence_type) for e in rows])
    source = np.searchsorted(sources, [e.source_node for e in rows])
    return EvidenceColumns(
        agent=agent,
        source=source.astype(np.int64),
        kind=kind.astype(np.int64),
        hypothesis=np.zeros(len(rows), dtype=np.int64),
        night=np.unique(day, return_inverse=True)[1].astype(np.int64),
        log_ratio=np.array([e.log_odds for e in rows], dtype=np.float64),
        confidence=np.array([e.confidence for e in rows], dtype=np.float64),
        n_sources=len(sources),
        n_hypotheses=1,
        step=1,
    )


def _left_out(
    evidence: Collection[BayesianEvidence], clashes: Mapping[str, Collection[str]]
) -> Iterator[LeftOut]:
    """Sources that gave two contents to one id."""
    for name, ids in sorted(clashes.items()):
        n = sum(e.source_node == name for e in evidence)
        what = f"{len(ids)} ids stand for two contents, the first {min(ids)}"
        yield LeftOut(name, "one number twice", what, n)
