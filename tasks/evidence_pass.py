"""One pass over evidence: partitions become exact sums by agent, source and type."""

from __future__ import annotations

import math
from collections import Counter
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
from tasks.evidence_window import EvidenceWindow, LeftOut
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
Names = Mapping[str, NDArray[np.str_]]
Floats = NDArray[np.float64]
N_TYPES = len(EVIDENCE_TYPES)
OPPOSITE = "not"
# Rows and agents that are kept whole at most, about, to see what depends on what.
_KEPT_ROWS, _KEPT_AGENTS = 200_000, 5_000


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
        counted = np.ones(data.n, dtype=np.bool_) if self.mask is None else self.mask
        own = data.agent.astype(np.int64) * len(kinds) + data.kind
        pair = self.agent * self.n_sources + self.source
        numbers = (pair[:, None] * N_TYPES + kinds).ravel()
        kept = np.flatnonzero(counted & (self.agent % self.step == 0)[data.agent])
        hypothesis = self.hypothesis[data.hypothesis]
        unit = self.agent[data.agent[kept]] * self.n_hypotheses + hypothesis[kept]
        same = np.ones(len(kept), dtype=np.int64)
        return EvidenceTotals.from_rows(
            data.log_ratio, data.confidence, np.where(counted, own, -1),
            numbers=numbers, hypotheses=hypothesis, n_hypotheses=self.n_hypotheses,
            kept=kept,
            places=np.stack([unit, self.source * same, self.night * same], axis=1),
        )  # fmt: skip


def named(
    store: BehaviorStore, window: EvidenceWindow
) -> tuple[Named, EvidenceWindow, list[Names]]:
    """Read and number the names in all shards of a window.

    Returns
    -------
    Named
    EvidenceWindow
        Without the sources that speak of other hypotheses than most do: ratios of one
        and log-likelihoods of several cannot be added up, and one source must not keep
        the others from being heard.
    list of mapping
        Names of agents, types and hypotheses of each shard, in the order of its rows.

    Raises
    ------
    Incompatible
        When as many sources speak of some hypotheses as of others.
    NotFound, Corrupt
        When a shard cannot be read.
    """
    names = [open_table(store.reader, row).names for row in window.rows]
    hypotheses, window, heard = _agreeing(window, names)
    names = [found for found, kept in zip(names, heard, strict=True) if kept]
    every = np.sort(np.concatenate([f["agent_name"] for f in names]), kind="stable")
    agents = every[np.append(True, every[1:] != every[:-1])]
    step = max(1, -(-len(agents) // _KEPT_AGENTS), math.ceil(window.n / _KEPT_ROWS))
    about = Named(agents, window.sources, window.nights, hypotheses, step)
    return about, window, names


def _agreeing(
    window: EvidenceWindow, names: Sequence[Names]
) -> tuple[tuple[str, ...], EvidenceWindow, list[bool]]:
    """Hypotheses that most sources speak of, the window without others, rows kept."""
    spoken: dict[str, set[str]] = {}
    for row, found in zip(window.rows, names, strict=True):
        spoken.setdefault(row.key.site, set()).update(found["hypothesis_name"].tolist())
    count = Counter(tuple(sorted(said)) for said in spoken.values())
    (most, n), *others = count.most_common(2)
    if others and others[0][1] == n:
        raise Incompatible(
            f"consensus: {n} sources speak of {', '.join(most)}, as many of "
            f"{', '.join(others[0][0])}. Ratios of one hypothesis and log-likelihoods "
            "of several cannot be added up; ask for nights in which more agree."
        )
    odd = {name: said for name, said in spoken.items() if tuple(sorted(said)) != most}
    left_out = [
        LeftOut(
            name,
            "other hypotheses",
            f"speaks of {', '.join(sorted(said))}; {n} sources of {', '.join(most)}",
            sum(row.n for row in window.rows if row.key.site == name),
        )
        for name, said in odd.items()
    ]
    heard = [row.key.site not in odd for row in window.rows]
    return most, window.without(odd, left_out), heard


def stored_blocks(
    store: BehaviorStore,
    window: EvidenceWindow,
    about: Named,
    names: Sequence[Names],
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
