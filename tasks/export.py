"""Export a store: nights, ledger and results, to plain zarr or to Parquet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from zarr.storage import LocalStore

from storage.dropped import dropped_paths
from storage.errors import Archived, Corrupt
from storage.export_folder import Export, export_folder
from storage.export_parquet import export_ledger, export_shard
from storage.export_results import export_results, result_groups
from storage.export_zarr import check_zarr, copy_zarr
from storage.ledger import scan
from storage.records import ShardRow
from storage.statements import STATEMENTS
from storage.store import BehaviorStore
from tasks.keys import Answer
from tasks.ledgers import ledger_of
from tasks.progress import report_progress

__all__ = ["Exported", "describe_exported", "export_store"]

Form = Literal["zarr", "parquet"]


@dataclass(frozen=True, slots=True)
class Exported:
    """What was exported, and that it was read back.

    Attributes
    ----------
    target : Path
    form : {"zarr", "parquet"}
    snapshot : str
    ledger_digest : str
        Of the shards in it, recomputed from the folder for zarr.
    shards, results : int
        Shards whose SHA-256 was compared after writing; groups of results.
    archived : int
        Shards whose values were dropped before: their ledger row is all there is.
    """

    target: Path
    form: Form
    snapshot: str
    ledger_digest: str
    shards: int
    results: int
    archived: int


def export_store(
    url: str,
    target: Path,
    form: Form,
    *,
    at: str | None = None,
    since: str = "",
    until: str = "9999-12-31",
) -> Exported:
    """Write a snapshot of a store as a folder that needs nothing of ours to be read.

    Parameters
    ----------
    url : str
    target : Path
        Must not exist; appears when all of it is written and compared.
    form : {"zarr", "parquet"}
    at : str, optional
        Snapshot or tag; the newest by default.
    since, until : str
        First and last night of shards and of published nights.

    Raises
    ------
    ExportRefused
        When `target` exists.
    Corrupt
        When the store is damaged, or the export did not read back.
    """
    store = BehaviorStore.open(url, snapshot=at)
    rows = [row for row in store.rows() if since <= row.key.night <= until]
    facts = {
        "form": form,
        "store": url,
        "snapshot": store.snapshot,
        "dataset": store.schema.dataset,
        "ledger_digest": ledger_of(rows).digest(),
        "nights": sorted({row.key.night for row in rows}),
    }

    def inside(path: str) -> bool:
        """Whether results are of a night in the range, or of no night."""
        name = path.split("/")[1] if "/" in path else ""
        night = name[:10]
        return not _is_night(night) or since <= night <= until

    write = _zarr if form == "zarr" else _parquet
    with export_folder(target, facts) as export:
        counts = write(store, export, rows, inside)
        names = ("shards", "results", "archived")
        export.facts |= dict(zip(names, counts, strict=True))
    return Exported(target, form, store.snapshot, str(facts["ledger_digest"]), *counts)


def _is_night(text: str) -> bool:
    return len(text) == len("2026-03-08") and text[4] == text[7] == "-"


def _zarr(
    store: BehaviorStore,
    export: Export,
    rows: list[ShardRow],
    inside: Callable[[str], bool],
) -> tuple[int, int, int]:
    held = {row.path for row in rows}

    def wanted(key: str) -> bool:
        parts = key.split("/")
        if parts[0] == "shards":
            return "/".join(parts[:6]) in held
        return parts[0] in ("schema", "keys") or (parts[0] == "runs" and inside(key))

    copy_zarr(
        store, export.root, wanted, lambda n, of: report_progress("export", n, of)
    )
    gone = dropped_paths(store.reader, rows)
    whole = [row for row in rows if row.path not in gone]
    n = check_zarr(store, export.root, whole)
    found = ledger_of(scan(LocalStore(export.root, read_only=True))).digest()
    if found != export.facts["ledger_digest"]:
        raise Corrupt(
            f"export {export.root}: ledger digest {found[:12]}, expected "
            f"{export.facts['ledger_digest'][:12]}. Export again."
        )
    results = sum(inside(path) for path in result_groups(store))
    return n, results, len(rows) - len(whole)


def _parquet(
    store: BehaviorStore,
    export: Export,
    rows: list[ShardRow],
    inside: Callable[[str], bool],
) -> tuple[int, int, int]:
    n = archived = 0
    for done, row in enumerate(rows, 1):
        if row.kind not in STATEMENTS:
            try:
                export_shard(store, row, export.root)
                n += 1
            except Archived:
                archived += 1
        report_progress("export", done, len(rows))
    counting = {
        (e.dataset, e.site, e.night, e.part, e.sha256)
        for e in ledger_of(rows).winners()
    }
    counts = {row.path for row in rows if (*_key(row), row.sha256) in counting}
    export_ledger(rows, counts, export.root / "ledger.parquet")
    groups = [path for path in result_groups(store) if inside(path)]
    for group in groups:
        export_results(store, group, export.root)
    return n, len(groups), archived


def _key(row: ShardRow) -> tuple[str, str, str, str]:
    return row.key.dataset, row.key.site, row.key.night, row.key.part


def describe_exported(done: Exported) -> Answer:
    """Say what was written where, and what was compared."""
    found = {
        "target": str(done.target), "form": done.form, "snapshot": done.snapshot,
        "ledger_digest": done.ledger_digest, "shards": done.shards,
        "results": done.results, "archived": done.archived,
    }  # fmt: skip
    lines = [
        f"Exported snapshot {done.snapshot} to {done.target}: {done.shards:,} shards, "
        f"each hashed again after writing, {done.results:,} groups of results, ledger "
        f"{done.ledger_digest[:12]}"
    ]
    if done.archived:
        lines.append(
            f"Of {done.archived:,} shards only the ledger row is left: retention "
            "dropped their values."
        )
    return Answer(found, tuple(lines))
