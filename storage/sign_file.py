"""Sign a landing file: check it as ingest would, and write its header beside it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storage.errors import KeyRefused
from storage.evidence_files import is_evidence
from storage.evidence_staging import stage_evidence
from storage.keys import Ed25519PrivateKey, key_id_of, public_text
from storage.records import ShardRow
from storage.schema import Schema
from storage.signatures import SignedHeader, refuse, sign
from storage.sources import is_statement, read_header, sidecar_of
from storage.staging import Staged, stage
from storage.statement_staging import stage_statement

__all__ = ["sign_file"]


def sign_file(
    path: Path,
    private_key: Ed25519PrivateKey,
    *,
    now: int,
    schema: Schema | None = None,
    options: Mapping[str, Any] | None = None,
) -> ShardRow:
    """Validate a landing file, sign it, and write ``<file>.shard.json``.

    Parameters
    ----------
    path : Path
        Of behaviour or of evidence, with its site, night and version in a header or
        in `options`.
    private_key : Ed25519PrivateKey
    now : int
        Clock, nanoseconds UTC.
    schema : Schema, optional
        Of the behaviour; evidence needs none.
    options : mapping, optional
        Header fields that win over what the file says.

    Returns
    -------
    ShardRow
        As the ledger will have it, with signature and signer.

    Raises
    ------
    Rejected
        When ingest would refuse the file, or it states no version.
    KeyRefused
        For behaviour without a schema, or when the header cannot be written.

    Notes
    -----
    Fields of a header that is there are kept; a hash or number of rows in it that the
    content does not have is refused, not replaced.  An old signature is replaced.
    """
    given = dict(options or {}) | {"signature": "", "signer": ""}
    staged = _staged(Path(path), now, schema, given)
    if not staged.versioned:
        raise refuse(
            str(path), "no version", "epoch and seq in the header",
            "Number what you send: a later version needs a higher seq.", column="seq",
        )  # fmt: skip
    row = staged.shard.row
    row = dataclasses.replace(
        row,
        signature=sign(private_key, SignedHeader.of_row(row), row.sha256),
        signer=key_id_of(public_text(private_key)),
    )
    _write_header(Path(path), row)
    return row


def _staged(
    path: Path, now: int, schema: Schema | None, options: dict[str, Any]
) -> Staged:
    if is_statement(path):
        dataset = options.get("dataset") or ("" if schema is None else schema.dataset)
        named = read_header(path, None, options).dataset or dataset
        return stage_statement(path, named, now=now, options=options, historical=True)
    if is_evidence(path, options):
        return stage_evidence(path, now=now, options=options, historical=True)
    if schema is None:
        raise KeyRefused(
            f"{path}: a file of behaviour, and no schema to read it with. "
            "Give the schema or the home of a store that has it."
        )
    return stage(path, schema, now=now, options=options)


def _write_header(path: Path, row: ShardRow) -> None:
    sidecar = sidecar_of(path)
    said: dict[str, Any] = {}
    if sidecar.exists():
        said = json.loads(sidecar.read_bytes())
    said |= {
        "dataset": row.key.dataset,
        "site": row.key.site,
        "night": row.key.night,
        "part": row.key.part,
        "epoch": row.version.epoch,
        "seq": row.version.seq,
        "event_end": row.event_end,
        "n": row.n,
        "sha256": row.sha256,
        "signer": row.signer,
        "signature": row.signature,
    }
    new = sidecar.with_name(f"{sidecar.name}.new")
    try:
        new.write_text(json.dumps(said, indent=1) + "\n")
        new.replace(sidecar)
    except OSError as error:
        raise KeyRefused(
            f"{sidecar}: cannot be written: {error.strerror}. Check the folder."
        ) from error
