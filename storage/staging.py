"""Validate one landing file in full, without touching the store."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from storage.errors import Rejected
from storage.records import ShardKey, Version
from storage.schema import Schema
from storage.shards import Shard, make_shard
from storage.sources import Header, read_header, read_table
from storage.tables import shard_from_table

__all__ = ["Staged", "stage"]

_HOUR = 3_600_000_000_000
_DAY = 24 * _HOUR
_AHEAD = 25 * _HOUR
_NIGHTS = 400


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
    before = _fingerprint(path)
    table = read_table(path)
    header = read_header(path, table, options or {})
    key = _key(header, table, schema, source)
    event_end = _event_end(header, key, source)
    check_clock(key.night, event_end, now, source, historical=schema.historical)
    data = shard_from_table(table, schema, source)
    if _fingerprint(path) != before:
        raise Rejected(
            "changed-while-reading",
            source=source,
            value=f"size and time {_fingerprint(path)[:2]}",
            expected=f"{before[:2]}, as when reading began",
            remedy="Write files under another name and rename them when complete.",
        )
    shard = make_shard(
        schema,
        key,
        header.version or Version(),
        data,
        event_end=event_end,
        ingested_at=now,
        issuer="site" if header.version else "ingest",
    )
    _check_stated(header, shard, source)
    return Staged(path, shard, header.version is not None)


def _fingerprint(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise Rejected(
            "unreadable",
            source=str(path),
            value=str(error),
            expected="a file",
            remedy="Check the path and its permissions.",
        ) from error
    return found.st_size, found.st_mtime_ns, found.st_ino


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
    try:
        return ShardKey(dataset, found["site"], found["night"], header.part or "0")
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


def _midnight(night: str) -> int:
    """Nanoseconds UTC of the first moment of a night's date."""
    day = dt.date.fromisoformat(night) - dt.date(1970, 1, 1)
    return day.days * _DAY


def _event_end(header: Header, key: ShardKey, source: str) -> int:
    """End of the events: as stated, else midnight after the night's date in UTC."""
    start = _midnight(key.night)
    if header.event_end is None:
        return start + _DAY
    if not start - _DAY <= header.event_end <= start + 3 * _DAY:
        raise Rejected(
            "night-mismatch",
            source=source,
            column="event_end",
            value=str(header.event_end),
            expected=f"{start - _DAY} to {start + 3 * _DAY} for {key.night}",
            remedy="State when the events of the night ended, in nanoseconds UTC.",
        )
    return header.event_end


def check_clock(
    night: str, event_end: int, now: int, source: str, *, historical: bool = False
) -> None:
    """Refuse events that end in the future, and nights far from now.

    Nights of a historical dataset may be as old as they are.

    Raises
    ------
    Rejected
        Reason ``clock-skew``.
    """
    if event_end > now + _AHEAD:
        raise Rejected(
            "clock-skew",
            source=source,
            column="event_end",
            value=f"{(event_end - now) / _HOUR:.1f} h after now",
            expected="at most 25 h after now",
            remedy="Check the clocks of the site and of this machine.",
        )
    away = (now - _midnight(night)) // _DAY
    if abs(away) > _NIGHTS and not (historical and away > 0):
        raise Rejected(
            "clock-skew",
            source=source,
            column="night",
            value=f"{night}, {away} days before now",
            expected=f"within {_NIGHTS} days of now",
            remedy="In a replay give the replayed time as now; for an archive declare "
            "the dataset historical in its schema.",
        )


def _check_stated(header: Header, shard: Shard, source: str) -> None:
    for column, stated, found in (
        ("sha256", header.sha256, shard.row.sha256),
        ("n", header.n, shard.row.n),
    ):
        if stated is not None and stated != found:
            raise Rejected(
                "hash-mismatch",
                source=source,
                column=column,
                value=str(found),
                expected=f"{stated}, as its header states",
                remedy="Send file and header again, together.",
            )


def with_version(staged: Staged, version: Version) -> Shard:
    """Give the shard of an unversioned file the version issued for it."""
    row = dataclasses.replace(staged.shard.row, version=version)
    return Shard(row, staged.shard.data)
