"""Take delivered files into the store, as a Prefect task."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from storage.ingest import IngestReport, ingest
from storage.schema import Schema
from storage.store import BehaviorStore
from tasks.progress import report_progress

__all__ = ["ingest_step", "open_store"]

_ENDINGS = frozenset({".parquet", ".csv", ".feather", ".arrow"})


def open_store(url: str, schema: Schema | None = None) -> BehaviorStore:
    """Open a store for writing; create it when there is none and a schema is given.

    Raises
    ------
    storage.schema.NotFound
        When there is no store and no schema to create one with.
    """
    if schema is not None and not BehaviorStore.exists(url):
        return BehaviorStore.create(url, schema)
    return BehaviorStore.open(url, mode="a")


def delivered(paths: Sequence[Path]) -> list[Path]:
    """Files among `paths` and directly or deeper inside the folders among them."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += [p for p in path.rglob("*") if p.suffix in _ENDINGS]
        else:
            found.append(path)
    return sorted(set(found))


@task(name="ingest", cache_policy=NO_CACHE)
def ingest_step(
    store: str,
    paths: Sequence[Path],
    quarantine: Path,
    *,
    strict: bool = False,
    dry_run: bool = False,
    move: bool = False,
    batch: int = 64,
) -> IngestReport:
    """Ingest every delivered file; known ones are no-ops, bad ones are quarantined."""
    report = ingest(
        delivered(paths),
        open_store(store),
        strict=strict,
        dry_run=dry_run,
        keep=not move,
        batch=batch,
        quarantine=quarantine,
        now=time.time_ns(),
        progress=lambda done, total: report_progress("ingest", done, total),
    )
    states = [receipt.state for receipt in report.receipts]
    get_run_logger().info(
        "%d applied, %d known, %d equivocating, %d refused",
        states.count("applied"), states.count("duplicate"),
        states.count("equivocation"), len(report.rejected),
    )  # fmt: skip
    return report
