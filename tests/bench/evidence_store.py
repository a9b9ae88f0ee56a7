"""Evidence of the benchmark: seeded shards of a store, and the same rows as Parquet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stats.evidence import EvidenceSums
from stats.summary import merge_all
from storage.evidence import (
    evidence_rows,
    make_evidence_shard,
    read_evidence_chunks,
    write_evidence,
)
from storage.evidence_records import EVIDENCE_TYPES, HYPOTHESIS, EvidenceData
from storage.identity import Version
from storage.records import ShardRow
from storage.schema import Feature, Schema
from storage.store import BehaviorStore
from tasks.reduce import tree_reduce

__all__ = ["EvidenceFiles"]

_NIGHT, _DAY = "2026-03-08", 86_400_000_000_000
_START = 20_520 * _DAY


@dataclass(frozen=True)
class EvidenceFiles:
    """Shards of `rows` rows each, one of every source, about `agents` agents.

    Attributes
    ----------
    folder : Path
        Kept between runs; the name tells the sizes.
    rows, agents, sources : int
    """

    folder: Path
    rows: int = 2**20
    agents: int = 100_000
    sources: int = 4

    def shard(self, number: int) -> EvidenceData:
        """Rows of one source: they depend on its number and the sizes alone."""
        rng = np.random.default_rng([20261126, number])
        n = self.rows
        used, agent = np.unique(rng.integers(self.agents, size=n), return_inverse=True)
        return EvidenceData(
            source=f"source-{number}",
            epoch=1,
            seq=np.arange(n),
            agent=agent.astype(np.int32),
            agent_names=self.names()[used],
            kind=rng.integers(6, size=n).astype(np.uint8),
            kind_names=EVIDENCE_TYPES,
            hypothesis=np.zeros(n, np.uint8),
            hypotheses=(HYPOTHESIS,),
            time=_START + rng.integers(_DAY, size=n),
            log_ratio=rng.normal(0.05, 1.0, n),
            confidence=rng.random(n),
        )

    def names(self) -> NDArray[np.str_]:
        """Names of all agents, sorted."""
        return np.array([f"agent-{k:07d}" for k in range(self.agents)])

    @property
    def _stem(self) -> Path:
        return self.folder / f"evidence-{self.sources}x{self.rows}-{self.agents}"

    def parquet(self) -> Path:
        """Agent, ratio and confidence of all shards, uncompressed."""
        path = self._stem.with_suffix(".parquet")
        if not path.is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            columns = ("agent", "log_ratio", "confidence")
            schema = pa.schema([("agent", pa.int32()), *[
                (name, pa.float64()) for name in columns[1:]
            ]])  # fmt: skip
            with pq.ParquetWriter(part, schema, compression="none") as writer:
                for number in range(self.sources):
                    writer.write_table(pa.table(self.columns(number), schema))
            part.rename(path)
        return path

    def columns(self, number: int) -> dict[str, NDArray[np.generic]]:
        """Columns of one shard that sums need; agents in the numbers of all agents."""
        data = self.shard(number)
        return {
            "agent": self.places(data).astype(np.int32)[data.agent],
            "log_ratio": data.log_ratio,
            "confidence": data.confidence,
        }

    def places(self, data: EvidenceData) -> NDArray[np.int64]:
        """Number of every name of a shard among all agents."""
        return np.searchsorted(self.names(), data.agent_names)

    def store(self) -> BehaviorStore:
        """Return a store of all shards, written if it is not there."""
        path = self._stem.with_suffix(".store")
        ready = path.with_suffix(".ready")
        if not ready.is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            schema = Schema("bench", (Feature("x", "1", "x"),))
            store = BehaviorStore.create(str(path), schema)
            for number in range(self.sources):
                shard = make_evidence_shard(
                    _NIGHT,
                    Version(0, 1),
                    self.shard(number),
                    event_end=_START + _DAY,
                    ingested_at=_START + _DAY,
                )
                write_evidence(store, [shard])
            ready.touch()
        return BehaviorStore.open(str(path))

    def sums(self, threads: int, times: int = 1) -> EvidenceSums:
        """Read every shard `times` times and add up by agent: what is measured."""
        store = self.store()
        names = self.names()

        def summarize(row: ShardRow) -> EvidenceSums:
            found: list[EvidenceSums] = []
            place: NDArray[np.int64] | None = None
            for data in read_evidence_chunks(store, row):
                if place is None:
                    place = np.searchsorted(names, data.agent_names)
                found.append(
                    EvidenceSums.from_block(
                        data.log_ratio, data.confidence, place[data.agent], len(names)
                    )
                )
            return merge_all(found)

        shards = list(evidence_rows(store)) * times
        return tree_reduce(shards, summarize, threads=threads)
