"""One pass over evidence: partitions become exact sums by agent, source and type."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from distributed import Client
from numpy.typing import NDArray

from stats.evidence_totals import EvidenceTotals
from stats.summary import Incompatible
from storage.evidence_arrays import open_table
from storage.evidence_records import EVIDENCE_TYPES
from storage.layout import cut
from storage.records import ShardRow
from storage.store import BehaviorStore, StoreHandle
from tasks.evidence_window import EvidenceWindow
from tasks.reduce import ProgressCallback, tree_reduce
from tasks.replicate import Replicated, replicated_reduce

__all__ = [
    "EvidenceColumns",
    "Named",
    "StoredEvidence",
    "named",
    "stored_blocks",
    "totals",
]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
N_TYPES = len(EVIDENCE_TYPES)
OPPOSITE = "not"
# Rows and agents that are kept whole at most, about, to see what depends on what.
_KEPT_ROWS, _KEPT_AGENTS = 500_000, 5_000


@dataclass(frozen=True, slots=True)
class Named:
    """Names behind the numbers of a pass.

    Attributes
    ----------
    agents : str array, shape (g,)
        Sorted.
    sources, nights : tuple of str
    hypotheses : tuple of str
        One: rows are ratios of it against its opposite.
    step : int
        Every so manyth agent's rows are kept whole.
    """

    agents: NDArray[np.str_]
    sources: tuple[str, ...]
    nights: tuple[str, ...]
    hypotheses: tuple[str, ...]
    step: int

    @property
    def decided(self) -> tuple[str, ...]:
        """Hypotheses that exclude one another: two, where rows speak of one."""
        if len(self.hypotheses) > 1:
            return self.hypotheses
        return (*self.hypotheses, f"{OPPOSITE} {self.hypotheses[0]}")


@dataclass(frozen=True, slots=True, eq=False)
class EvidenceColumns:
    """Rows of evidence by number; a partition that is in memory.

    `agent` is negative for a row that does not count; `step` is as for `Named`.
    """

    agent: Ints
    source: Ints
    kind: Ints
    hypothesis: Ints
    night: Ints
    log_ratio: Floats
    confidence: Floats
    n_sources: int
    n_hypotheses: int
    step: int

    def totals(self) -> EvidenceTotals:
        """Add up."""
        pair = self.agent * self.n_sources + self.source
        cell = np.where(self.agent < 0, -1, pair * N_TYPES + self.kind)
        kept = np.flatnonzero((self.agent >= 0) & (self.agent % self.step == 0))
        unit = self.agent[kept] * self.n_hypotheses + self.hypothesis[kept]
        places = np.stack([unit, self.source[kept], self.night[kept]], axis=1)
        return EvidenceTotals.from_rows(
            self.log_ratio, self.confidence, cell, hypotheses=self.hypothesis,
            n_hypotheses=self.n_hypotheses, kept=kept, places=places,
        )  # fmt: skip

    def take(self, rows: slice) -> EvidenceColumns:
        """Some rows."""
        return EvidenceColumns(
            self.agent[rows], self.source[rows], self.kind[rows], self.hypothesis[rows],
            self.night[rows], self.log_ratio[rows], self.confidence[rows],
            self.n_sources, self.n_hypotheses, self.step,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class StoredEvidence:
    """A partition that a worker reads: rows `start` to `stop` of a shard.

    `mask` tells which of these rows count, None all; `agent` and `hypothesis` are the
    numbers of the shard's own names.
    """

    handle: StoreHandle
    row: ShardRow
    start: int
    stop: int
    mask: NDArray[np.bool_] | None
    agent: Ints
    hypothesis: Ints
    source: int
    night: int
    n_sources: int
    n_hypotheses: int
    step: int

    def totals(self) -> EvidenceTotals:
        """Read, and add up."""
        table = open_table(self.handle.open().reader, self.row)
        data = table.block(slice(self.start, self.stop))
        kinds = np.array([EVIDENCE_TYPES.index(k) for k in data.kind_names], np.int64)
        agent = self.agent[data.agent]
        if self.mask is not None:
            agent = np.where(self.mask, agent, -1)
        whole = np.full(data.n, 0, dtype=np.int64)
        return EvidenceColumns(
            agent, whole + self.source, kinds[data.kind],
            self.hypothesis[data.hypothesis], whole + self.night, data.log_ratio,
            data.confidence, self.n_sources, self.n_hypotheses, self.step,
        ).totals()  # fmt: skip


def named(
    store: BehaviorStore, window: EvidenceWindow
) -> tuple[Named, list[Mapping[str, NDArray[np.str_]]]]:
    """Read and number the names in all shards of a window.

    Returns
    -------
    Named
    list of mapping
        Names of agents, types and hypotheses of each shard, in the order of
        ``window.rows``.

    Raises
    ------
    Incompatible
        When some shards give ratios of one hypothesis and others log-likelihoods of
        several, or ratios of different ones.
    NotFound, Corrupt
        When a shard cannot be read.
    """
    names = [open_table(store.reader, row).names for row in window.rows]
    lists = {
        tuple(found["hypothesis_name"].tolist()): row
        for found, row in zip(names, window.rows, strict=True)
    }
    many = [found for found in lists if len(found) > 1]
    if len(lists) > 1 and len(many) < len(lists):
        one, other = list(lists)[:2]
        raise Incompatible(
            f"consensus: {lists[one].key} speaks of {', '.join(one)}, "
            f"{lists[other].key} of {', '.join(other)}. Ratios of one hypothesis and "
            "log-likelihoods of several cannot be added up; ask for nights or sources "
            "that agree."
        )
    hypotheses = tuple(sorted(set().union(*lists))) if lists else ("compromised",)
    agents = np.unique(
        np.concatenate(
            [found["agent_name"] for found in names] or [np.array([], np.str_)]
        )
    )
    step = max(1, -(-len(agents) // _KEPT_AGENTS), math.ceil(window.n / _KEPT_ROWS))
    return Named(agents, window.sources, window.nights, hypotheses, step), list(names)


def stored_blocks(
    store: BehaviorStore,
    window: EvidenceWindow,
    about: Named,
    names: Sequence[Mapping[str, NDArray[np.str_]]],
    partition_size: int,
) -> list[StoredEvidence]:
    """Cut all shards of a window into partitions of so many rows."""
    handle = store.handle()
    hypothesis = {name: k for k, name in enumerate(about.hypotheses)}
    out = []
    for row, found in zip(window.rows, names, strict=True):
        mask = window.counted.mask(row)
        agent = np.searchsorted(about.agents, found["agent_name"]).astype(np.int64)
        stated = [hypothesis[name] for name in found["hypothesis_name"].tolist()]
        out += [
            StoredEvidence(
                handle, row, part.start, part.stop,
                None if mask is None else mask[part], agent,
                np.array(stated, dtype=np.int64),
                about.sources.index(row.key.site), about.nights.index(row.key.night),
                len(about.sources), len(about.hypotheses), about.step,
            )
            for part in cut(row.n, partition_size)
        ]  # fmt: skip
    return out


class Partition(Protocol):
    """A part of the evidence that can be added up."""

    def totals(self) -> EvidenceTotals:
        """Add up."""
        ...


def _summarize(block: Partition) -> EvidenceTotals:
    return block.totals()


def totals(
    blocks: Sequence[Partition],
    *,
    client: Client | None = None,
    threads: int | None = None,
    worker_faults: int | None = None,
    progress: ProgressCallback | None = None,
) -> tuple[EvidenceTotals, Replicated[EvidenceTotals] | None]:
    """Reduce partitions over a tree.

    Parameters
    ----------
    blocks : sequence
        At least one.
    client, threads, progress
        As `tasks.reduce.tree_reduce`.
    worker_faults : int, optional
        Faulty workers to withstand, by `tasks.replicate.replicated_reduce`; needs a
        client.  None trusts every worker.

    Returns
    -------
    EvidenceTotals
    Replicated or None
        What replication found and cost.

    Raises
    ------
    InvalidInput, TooFewWorkers, NoQuorum
        As the reductions.
    """
    if worker_faults is None:
        merged = tree_reduce(
            list(blocks), _summarize, client=client, threads=threads, progress=progress
        )
        return merged, None
    if client is None:
        raise Incompatible(
            f"consensus: {worker_faults} faulty workers and no cluster. Withstanding "
            "them takes the same work on several; give a client."
        )
    found = replicated_reduce(
        list(blocks), _summarize, EvidenceTotals, client=client, f=worker_faults,
        progress=progress,
    )  # fmt: skip
    return found.summary, found
