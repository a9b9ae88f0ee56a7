"""Validate one landing file in full, without touching the store."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from storage.admitting import admitted
from storage.authenticity import Admission
from storage.errors import Rejected
from storage.records import ShardKey, Version
from storage.schema import Schema
from storage.shards import Shard, make_shard
from storage.sources import Header, read_header, read_table
from storage.stated import (
    check_clock,
    check_stated,
    check_unchanged,
    end_of_events,
    fingerprint,
)
from storage.statements import MANIFEST
from storage.tables import shard_from_table

__all__ = ["Staged", "stage", "with_version"]


@dataclass(frozen=True, slots=True)
class Staged:
    """A file that passed every check.

    Attributes
    ----------
    source : Path
    shard : Shard
        Without a version of the site, (0, 1) stands in until one is issued.
    versioned : bool
        The site gave the version.
    """

    source: Path
    shard: Shard
    versioned: bool


def stage(
    path: Path,
    schema: Schema,
    *,
    now: int,
    options: Mapping[str, Any] | None = None,
    admission: Admission | None = None,
) -> Staged:
    """Read, validate and hash a landing file.

    Parameters
    ----------
    path : Path
        Parquet, CSV, Feather or Arrow; its header lies in ``<file>.shard.json``, in
        Parquet metadata, or is given by `options`.
    schema : Schema
    now : int
        The caller's clock, nanoseconds UTC; in a replay the replayed one.
    options : mapping, optional
        Header fields that win over what the file says: dataset, site, night, part,
        epoch, seq, event_end, sha256, n.
    admission : Admission, optional
        Keys, and whose files must be signed; None knows no keys.

    Returns
    -------
    Staged

    Raises
    ------
    Rejected
        With the reason code, file, column, rows, value, expectation and remedy.
    """
    path = Path(path)
    source = str(path)
    before = fingerprint(path)
    table = read_table(path)
    header = read_header(path, table, options or {})
    key = _key(header, table, schema, source)
    event_end = end_of_events(header, key.night, source)
    check_clock(key.night, event_end, now, source, historical=schema.historical)
    data = shard_from_table(table, schema, source)
    check_unchanged(path, before)
    shard = make_shard(
        schema,
        key,
        header.version or Version(),
        data,
        event_end=event_end,
        ingested_at=now,
        issuer="site" if header.version else "ingest",
    )
    check_stated(header, shard.row, source)
    row = dataclasses.replace(shard.row, deps=header.deps)
    row = admitted(row, header, admission or Admission(), source)
    return Staged(path, Shard(row, shard.data), header.version is not None)


def _key(header: Header, table: pa.Table, schema: Schema, source: str) -> ShardKey:
    dataset = header.dataset or schema.dataset
    if dataset != schema.dataset:
        raise Rejected(
            "wrong-dataset",
            source=source,
            column="dataset",
            value=repr(dataset),
            expected=repr(schema.dataset),
            remedy="Ingest it into the store of that dataset.",
        )
    found = {
        name: _constant(table, name, getattr(header, name), source)
        for name in ("site", "night")
    }
    part = header.part or "0"
    if part == MANIFEST:
        raise Rejected(
            "unsafe-name",
            source=source,
            column="part",
            value=repr(part),
            expected="another name: this one is the manifest's",
            remedy="Rename the part.",
        )
    try:
        return ShardKey(dataset, found["site"], found["night"], part)
    except Rejected as error:
        raise error.at(source) from None


def _constant(table: pa.Table, name: str, stated: str | None, source: str) -> str:
    """Return what the header says, else the one value of the column of that name."""
    if name not in table.column_names:
        if stated is None:
            raise Rejected(
                "missing-column",
                source=source,
                column=name,
                value=f"no {name} in the header or the table",
                expected=f"a {name} in <file>.shard.json, or a column {name}",
                remedy=f"State the {name} the file belongs to.",
            )
        return stated
    values = sorted({str(value) for value in table[name].unique().to_pylist()})
    expected = values[0] if stated is None else stated
    wrong = [value for value in values if value != expected]
    if wrong:
        raise Rejected(
            "night-mismatch",
            source=source,
            column=name,
            value=", ".join(wrong[:5]),
            expected=f"{expected} in every row",
            remedy=f"Write one file per {name}, and state the same in its header.",
        )
    return expected


def with_version(staged: Staged, version: Version) -> Shard:
    """Give the shard of an unversioned file the version issued for it."""
    row = dataclasses.replace(staged.shard.row, version=version)
    return Shard(row, staged.shard.data)
