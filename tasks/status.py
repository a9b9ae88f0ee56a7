"""What a home folder holds, read without a workflow server."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from storage.evidence import evidence_rows
from storage.quarantine import quarantine_list
from storage.records import ShardRow
from storage.store import BehaviorStore
from tasks.publish import latest, published_nights

__all__ = ["home_status"]


def home_status(home: Path) -> dict[str, Any]:
    """Summarise a home folder in plain values.

    Raises
    ------
    storage.schema.NotFound
        When there is no store in it.
    """
    store = BehaviorStore.open(str(home / "store"))
    rows = store.shards()
    runs = [latest(store, night) for night in published_nights(store)]
    return {
        "store": str(home / "store"),
        "dataset": store.schema.dataset,
        "snapshot": store.snapshot,
        "shards": len(rows),
        "sites": _by_site(rows),
        "sources": _by_site(evidence_rows(store)),
        "nights": [
            {
                "night": run.night,
                "revision": run.revision,
                "title": run.summary["title"],
                "page": str(home / "reports" / run.summary["page"]),
                "result_digest": run.result_digest,
            }
            for run in runs
            if run is not None
        ],
        "quarantine": [
            {"file": str(e.file), "reason": e.reason, "what": e.message}
            for e in quarantine_list(home / "quarantine")
        ],
    }


def _by_site(rows: Iterable[ShardRow]) -> dict[str, dict[str, Any]]:
    """Shards, rows, first and last night of each site or source."""
    sites: dict[str, dict[str, Any]] = {}
    for row in rows:
        found = sites.setdefault(
            row.key.site, {"shards": 0, "rows": 0, "first": "", "last": ""}
        )
        found["shards"] += 1
        found["rows"] += row.n
        found["first"] = min(found["first"] or row.key.night, row.key.night)
        found["last"] = max(found["last"], row.key.night)
    return dict(sorted(sites.items()))
