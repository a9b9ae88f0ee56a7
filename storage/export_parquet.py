"""Write shards as Parquet: landing files again, compared with the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from storage.errors import Corrupt
from storage.evidence import read_evidence
from storage.evidence_records import EvidenceData
from storage.evidence_staging import stage_evidence
from storage.records import ShardData, ShardRow
from storage.results import write_table
from storage.schema import Schema
from storage.sources import METADATA_KEY
from storage.staging import stage
from storage.store import BehaviorStore

__all__ = ["export_ledger", "export_shard", "shard_file"]

Columns = dict[str, Any]


def shard_file(row: ShardRow) -> str:
    """Path of a shard version inside an export."""
    folder = "evidence" if row.kind == "table" else "behavior"
    key = row.key
    return f"{folder}/{key.night}/{key.site}/{key.part}-{row.version}.parquet"


def export_shard(store: BehaviorStore, row: ShardRow, root: Path) -> Path:
    """Write a shard as a landing file, read it back and compare its SHA-256.

    Returns
    -------
    Path

    Raises
    ------
    Corrupt
        When the file does not give the content that the ledger names.
    NotFound
        When the shard is not there, or its values were dropped.

    Notes
    -----
    The header lies in the metadata of the file, so `consilience ingest` takes it in as
    the same version; a signature is in ``ledger.parquet``.
    """
    table = row.kind == "table"
    header = _header(row)
    if table:
        said = read_evidence(store, row, verify=True)
        header["hypotheses"] = list(said.hypotheses)
        columns = _evidence(said)
    else:
        columns = _behavior(store.schema, store.read(row, verify=True))
    path = root / shard_file(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    written = pa.table(columns).replace_schema_metadata(
        {METADATA_KEY: json.dumps(header).encode()}
    )
    pq.write_table(written, path, compression="zstd")
    staged = (
        stage_evidence(path, now=row.ingested_at, historical=True)
        if table
        else stage(path, store.schema, now=row.ingested_at)
    )
    found = staged.shard.row.sha256
    if found != row.sha256:
        raise Corrupt(
            f"export {path}: content {found[:12]}, the store has {row.sha256[:12]}. "
            "Run `consilience verify`."
        )
    return path


def _header(row: ShardRow) -> dict[str, Any]:
    return {
        "dataset": row.key.dataset,
        "site": row.key.site,
        "night": row.key.night,
        "part": row.key.part,
        "epoch": row.version.epoch,
        "seq": row.version.seq,
        "n": row.n,
        "sha256": row.sha256,
        "event_end": row.event_end,
        "deps": list(row.deps),
    }


def _behavior(schema: Schema, data: ShardData) -> Columns:
    """One row per agent and time step that was delivered."""
    agent, time = np.nonzero(data.count)
    values = data.values[agent, time]
    return {
        "agent": data.agents[agent],
        "entity": data.entities[agent],
        "team": data.team_names[data.team][agent],
        "time": data.times[time],
        **{name: values[:, k] for k, name in enumerate(schema.names)},
    }


def _evidence(data: EvidenceData) -> Columns:
    return {
        "source": np.full(data.n, data.source),
        "epoch": np.full(data.n, data.epoch, dtype=np.int64),
        "seq": data.seq,
        "agent": data.agent_names[data.agent],
        "type": np.array(data.kind_names)[data.kind],
        "hypothesis": np.array(data.hypotheses)[data.hypothesis],
        "time": data.time,
        "log_ratio": data.log_ratio,
        "confidence": data.confidence,
    }


def export_ledger(rows: Iterable[ShardRow], counts: set[str], path: Path) -> None:
    """Write every ledger row, and whether it counts.

    Parameters
    ----------
    rows : iterable of ShardRow
    counts : set of str
        Paths of rows that count.
    path : Path
    """
    held = list(rows)
    names = (
        "sha256", "kind", "n", "agents", "event_end", "ingested_at", "issuer",
        "schema", "path", "signature", "signer", "said",
    )  # fmt: skip
    write_table(
        path,
        {
            **{
                name: [getattr(row.key, name) for row in held]
                for name in ("dataset", "site", "night", "part")
            },
            "epoch": [row.version.epoch for row in held],
            "seq": [row.version.seq for row in held],
            "counts": [row.path in counts for row in held],
            **{name: [getattr(row, name) for row in held] for name in names},
        },
    )
