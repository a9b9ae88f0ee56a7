"""Seeded evidence about agents in a small store, and the same rows as plain lists."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from storage.evidence import make_evidence_shard, write_evidence
from storage.evidence_records import EVIDENCE_TYPES, HYPOTHESIS, EvidenceData
from storage.identity import Version
from storage.shards import Shard
from storage.store import BehaviorStore
from tests.storage.landing import DAY, SCHEMA

NIGHTS = ("2026-03-07", "2026-03-08")
ENDS = {NIGHTS[0]: 20_520 * DAY, NIGHTS[1]: 20_521 * DAY}
AS_OF = 20_521 * DAY + 7 * 3_600 * 10**9


@dataclass(frozen=True)
class Row:
    """One row of evidence, readable."""

    source: str
    agent: str
    kind: str
    ratio: float
    confidence: float = 1.0
    night: str = NIGHTS[1]
    hypothesis: str = HYPOTHESIS


def shards(rows: list[Row], *, seq: int = 1, first: int = 0) -> list[Shard]:
    """One shard per source and night; numbers of a source go on over its nights."""
    out, used = [], {}
    for source, night in sorted({(row.source, row.night) for row in rows}):
        mine = [r for r in rows if (r.source, r.night) == (source, night)]
        start = used.get(source, first)
        used[source] = start + len(mine)
        names, agent = np.unique([r.agent for r in mine], return_inverse=True)
        kinds, kind = np.unique([r.kind for r in mine], return_inverse=True)
        about, which = np.unique([r.hypothesis for r in mine], return_inverse=True)
        data = EvidenceData(
            source=source,
            epoch=0,
            seq=np.arange(start, start + len(mine)),
            agent=agent.astype(np.int32),
            agent_names=names,
            kind=kind.astype(np.uint8),
            kind_names=tuple(kinds.tolist()),
            hypothesis=which.astype(np.uint8),
            hypotheses=tuple(about.tolist()),
            time=np.full(len(mine), ENDS[night] - DAY // 2),
            log_ratio=np.array([r.ratio for r in mine], dtype=np.float64),
            confidence=np.array([r.confidence for r in mine], dtype=np.float64),
        )
        out.append(
            make_evidence_shard(
                night, Version(0, seq), data, event_end=ENDS[night],
                ingested_at=ENDS[night],
            )
        )  # fmt: skip
    return out


def store_of(folder: Path, rows: list[Row]) -> BehaviorStore:
    """A new store that holds these rows."""
    store = BehaviorStore.create(str(folder / "store"), SCHEMA)
    write_evidence(store, shards(rows))
    return store


def drawn(
    seed: int, *, agents: int = 20, sources: int = 7, each: int = 1, size: float = 2.0,
    hard: bool = False, nights: tuple[str, ...] = NIGHTS,
) -> tuple[list[Row], np.ndarray]:  # fmt: skip
    """Every source speaks `each` times a night of every agent; truth beside it.

    `hard` adds pairs of 1e16 that cancel.
    """
    rng = np.random.default_rng(seed)
    truth = np.arange(agents) % 3 == 0
    rows = []
    for source in range(sources):
        for agent in range(agents):
            for night in nights:
                for _ in range(each):
                    middle = size if truth[agent] else -size
                    value = middle + np.sqrt(2 * size) * rng.standard_normal()
                    kind = EVIDENCE_TYPES[int(rng.integers(6))]
                    weight = float(rng.choice([1.0, 0.5, 0.25]))
                    place = (f"s{source:02d}", f"a{agent:03d}", kind)
                    rows.append(Row(*place, float(value), weight, night))
                    if hard:
                        rows.append(Row(*place, 1e16, 1.0, night))
                        rows.append(Row(*place, -1e16, 1.0, night))
    return rows, truth


def by_hand(rows: list[Row], agent: str) -> float:
    """Sum of w l in rational arithmetic, rounded once."""
    return float(
        sum(
            (
                Fraction(r.ratio) * Fraction(r.confidence)
                for r in rows
                if r.agent == agent
            ),
            Fraction(0),
        )
    )
