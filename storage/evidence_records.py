"""What a shard of evidence holds: what one source says of agents, row by row."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from storage.errors import Rejected

__all__ = [
    "COLUMNS",
    "EVIDENCE",
    "EVIDENCE_TYPES",
    "HYPOTHESIS",
    "MONITOR",
    "EvidenceData",
    "refuse_monitor",
]

EVIDENCE = "evidence"
"""Dataset of all evidence shards; the site of their keys is the source."""
EVIDENCE_TYPES = (
    "api pattern",
    "consensus violation",
    "network behavior",
    "peer validation",
    "resource usage",
    "timing anomaly",
)
"""Types that a row may have: those of `stats.evidence.EvidenceType`."""
HYPOTHESIS = "compromised"
"""What ratios speak of where a source names no hypothesis."""
MONITOR = "monitor-"
"""Begins the names of sources that the nightly run itself is, one per site."""
COLUMNS = ("seq", "agent", "kind", "hypothesis", "time", "log_ratio", "confidence")
"""Fields with an entry per row."""


@dataclass(frozen=True, slots=True, eq=False)
class EvidenceData:
    """Columns of an evidence shard, sorted by `seq`.

    Attributes
    ----------
    source : str
        Who says it; safe as a path.
    epoch : int
        Of the source's counter.  (source, epoch, seq) is the identity of a row.
    seq : int64 array, shape (n,)
        Number the source gave to the row, strictly increasing.
    agent : int32 array, shape (n,)
        Place in `agent_names`.
    agent_names : str array, shape (a,)
        Sorted, each used.
    kind : uint8 array, shape (n,)
        Place in `kind_names`.
    kind_names : tuple of str
        Types of evidence, as `stats.evidence.EvidenceType` names them.
    hypothesis : uint8 array, shape (n,)
        Place in `hypotheses`.
    hypotheses : tuple of str
        One: ratios of it against its opposite.  Several: log-likelihoods of each.
    time : int64 array, shape (n,)
        Nanoseconds UTC of what was seen.
    log_ratio : float64 array, shape (n,)
        Natural logarithm, finite.
    confidence : float64 array, shape (n,)
        In [0, 1].
    """

    source: str
    epoch: int
    seq: NDArray[np.int64]
    agent: NDArray[np.int32]
    agent_names: NDArray[np.str_]
    kind: NDArray[np.uint8]
    kind_names: tuple[str, ...]
    hypothesis: NDArray[np.uint8]
    hypotheses: tuple[str, ...]
    time: NDArray[np.int64]
    log_ratio: NDArray[np.float64]
    confidence: NDArray[np.float64]

    @property
    def n(self) -> int:
        """Rows."""
        return len(self.seq)

    @property
    def nbytes(self) -> int:
        """Bytes of the columns."""
        return sum(getattr(self, name).nbytes for name in COLUMNS)

    def take(self, rows: NDArray[np.int64] | slice) -> EvidenceData:
        """Return some rows; names stay those of the whole shard."""
        return replace(self, **{name: getattr(self, name)[rows] for name in COLUMNS})

    def __repr__(self) -> str:
        return (
            f"EvidenceData: n={self.n:_} | source={self.source} | epoch={self.epoch} | "
            f"agents={len(self.agent_names):_} | types={len(self.kind_names)} | "
            f"hypotheses={len(self.hypotheses)}"
        )


def refuse_monitor(source: str, where: str) -> None:
    """Refuse a delivered file that claims to be what the nightly run says.

    Raises
    ------
    Rejected
        Reason ``unsafe-name``.
    """
    if source.startswith(MONITOR):
        raise Rejected(
            "unsafe-name",
            source=where,
            column="source",
            value=repr(source),
            expected=f"a name that does not begin with {MONITOR!r}",
            remedy="Rename the source: the nightly run writes under these names.",
        )
