"""Validate a manifest or a retraction in full, without touching the store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from storage.admitting import admitted
from storage.authenticity import Admission
from storage.errors import Rejected
from storage.evidence_records import EVIDENCE, refuse_monitor
from storage.records import ShardKey, ShardRow, Version
from storage.shards import Shard
from storage.sources import HEADER_FIELDS, Header, is_statement, read_header, unreadable
from storage.staging import Staged
from storage.stated import (
    check_clock,
    check_stated,
    check_unchanged,
    end_of_events,
    fingerprint,
)
from storage.statements import MANIFEST, Statement, manifest_of, retraction_of

__all__ = ["is_statement", "make_statement_shard", "stage_statement"]


def stage_statement(
    path: Path,
    dataset: str,
    *,
    now: int,
    options: Mapping[str, Any] | None = None,
    historical: bool = False,
    admission: Admission | None = None,
) -> Staged:
    """Read, validate and hash ``*.manifest.json`` or ``*.retraction.json``.

    Parameters
    ----------
    path : Path
        A JSON object: the fields of a header (site, night, part, epoch, seq, ...) and
        those of `manifest_of` or `retraction_of`.  ``<file>.shard.json`` beside it
        wins, as for any landing file; that is where a signature stands.
    dataset : str
        Of the store; statements about evidence name that dataset themselves.
    now : int
        The caller's clock, nanoseconds UTC; in a replay the replayed one.
    options : mapping, optional
        Header fields that win over what the files say.
    historical : bool
        The night may lie as far back as it does.
    admission : Admission, optional
        Keys, and whose files must be signed; None knows no keys.

    Returns
    -------
    Staged

    Raises
    ------
    Rejected
        With the reason code, file, field, value, expectation and remedy.
    """
    path = Path(path)
    where = str(path)
    before = fingerprint(path)
    fields = _document(path)
    header = read_header(path, None, options or {})
    check_unchanged(path, before)
    content = {k: v for k, v in fields.items() if k not in HEADER_FIELDS}
    read = manifest_of if path.name.endswith(".manifest.json") else retraction_of
    statement = read(content, where)
    key = _key(header, dataset, statement, where)
    end = end_of_events(header, key.night, where)
    check_clock(key.night, end, now, where, historical=historical)
    shard = make_statement_shard(
        key,
        header.version or Version(),
        statement,
        event_end=end,
        ingested_at=now,
        issuer="site" if header.version else "ingest",
        deps=header.deps,
    )
    check_stated(header, shard.row, where)
    row = admitted(shard.row, header, admission or Admission(), where)
    return Staged(path, replace(shard, row=row), header.version is not None)


def make_statement_shard(
    key: ShardKey,
    version: Version,
    statement: Statement,
    *,
    event_end: int,
    ingested_at: int,
    issuer: str = "site",
    deps: tuple[str, ...] = (),
) -> Shard:
    """Make the ledger row of a statement.

    Parameters
    ----------
    key : ShardKey
        Of a manifest, the part is `MANIFEST`.
    version : Version
    statement : Statement
        Validated by the caller.
    event_end, ingested_at : int
        Nanoseconds UTC.
    issuer : str
        Who gave the version.
    deps : tuple of str
    """
    row = ShardRow(
        key=key,
        version=version,
        sha256=statement.sha256,
        kind=statement.kind,
        n=0,
        observed=(),
        agents=0,
        event_end=event_end,
        ingested_at=ingested_at,
        issuer=issuer,
        schema=1,
        chunk_count=0,
        path="",
        deps=deps,
        said=statement.said,
    )
    return Shard(row, statement)


def _document(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise unreadable(
            str(path), str(error)[:200], "a JSON object", "Write the file again."
        ) from error
    if not isinstance(found, dict):
        raise unreadable(
            str(path), type(found).__name__, "a JSON object", "Write the file again."
        )
    return found


def _key(header: Header, dataset: str, statement: Statement, where: str) -> ShardKey:
    for name in ("site", "night"):
        if getattr(header, name) is None:
            raise Rejected(
                "missing-column",
                source=where,
                column=name,
                value=f"no {name}",
                expected=f"a field {name}",
                remedy=f"State the {name} it speaks of.",
            )
    named = header.dataset or dataset
    if named not in (dataset, EVIDENCE):
        raise Rejected(
            "wrong-dataset",
            source=where,
            column="dataset",
            value=repr(named),
            expected=f"{dataset!r} or {EVIDENCE!r}",
            remedy="Ingest it into the store of that dataset.",
        )
    if named == EVIDENCE:
        refuse_monitor(str(header.site), where)
    usual = MANIFEST if statement.kind == "manifest" else "0"
    part = header.part or usual
    if statement.kind == "manifest" and part != MANIFEST:
        raise Rejected(
            "range",
            source=where,
            column="part",
            value=repr(part),
            expected=f"{MANIFEST!r}, or no part",
            remedy="A manifest speaks of the whole night.",
        )
    try:
        return ShardKey(named, str(header.site), str(header.night), part)
    except Rejected as error:
        raise error.at(where) from None
