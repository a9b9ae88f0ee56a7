"""Take delivered files into the store, as a Prefect task."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from storage.authenticity import SignaturePolicy
from storage.evidence_records import EVIDENCE
from storage.ingest import IngestReport, ingest
from storage.schema import Schema
from storage.store import BehaviorStore
from tasks.progress import report_progress

__all__ = ["ingest_step", "open_store"]


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


@task(name="ingest", cache_policy=NO_CACHE)
def ingest_step(
    store: str,
    paths: Sequence[Path],
    quarantine: Path,
    *,
    strict: bool = False,
    dry_run: bool = False,
    keep: bool = False,
    batch: int = 64,
    now: int | None = None,
    evidence: bool = False,
    signatures: SignaturePolicy = SignaturePolicy.REGISTERED,
) -> IngestReport:
    """Ingest every delivered file; known ones are no-ops, bad ones are quarantined.

    Files of evidence are known by their header or columns; `evidence` takes all for it.
    """
    report = ingest(
        paths,
        open_store(store),
        strict=strict,
        dry_run=dry_run,
        keep=keep,
        skip_known=True,
        batch=batch,
        quarantine=quarantine,
        options={"dataset": EVIDENCE} if evidence else None,
        now=now,
        signatures=signatures,
        progress=lambda done, total: report_progress("ingest", done, total),
    )
    get_run_logger().info("%r", report)
    return report
