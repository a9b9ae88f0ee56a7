"""Validate one landing file of evidence in full, without touching the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from storage.admitting import admitted
from storage.authenticity import Admission
from storage.columns import row_numbers
from storage.errors import Rejected
from storage.evidence import make_evidence_shard
from storage.evidence_content import used_names
from storage.evidence_files import evidence_batches, file_schema
from storage.evidence_reader import ColumnReader
from storage.evidence_records import (
    EVIDENCE,
    HYPOTHESIS,
    EvidenceData,
    refuse_monitor,
)
from storage.records import Version
from storage.sources import Header, read_header
from storage.staging import Staged
from storage.stated import (
    DAY,
    check_clock,
    check_stated,
    check_unchanged,
    end_of_events,
    fingerprint,
    midnight,
)

__all__ = ["stage_evidence"]

_REQUIRED = (
    "source", "epoch", "seq", "agent", "type", "time", "log_ratio", "confidence",
)  # fmt: skip
_OPTIONAL = ("hypothesis", "night")


def stage_evidence(
    path: Path,
    *,
    now: int,
    options: Mapping[str, Any] | None = None,
    historical: bool = False,
    admission: Admission | None = None,
) -> Staged:
    """Read, validate and hash a landing file of evidence.

    Parameters
    ----------
    path : Path
        Parquet, CSV, Feather or Arrow with the columns ``source``, ``epoch``, ``seq``,
        ``agent``, ``type``, ``time``, ``log_ratio`` and ``confidence``, optionally
        ``hypothesis`` and ``night``, in any order, rows in any order.
    now : int
        The caller's clock, nanoseconds UTC; in a replay the replayed one.
    options : mapping, optional
        Header fields that win over what the file says.  ``epoch`` and ``seq`` of a
        header are the version of the shard; those of the columns number its rows.
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
        With the reason code, file, column, rows, value, expectation and remedy.

    Notes
    -----
    The file is read in batches; columns are held at 38 bytes a row, twice at most, and
    a shard has at most `storage.evidence_files.MAX_ROWS` rows.
    """
    path = Path(path)
    where = str(path)
    before = fingerprint(path)
    schema = file_schema(path)
    header = read_header(path, schema.empty_table(), options or {})
    _check_header(header, schema, where)
    reader = ColumnReader(where)
    for batch in evidence_batches(path):
        reader.add(batch)
    night = _only(reader.constant("night"), header.night, "night", where)
    source = _only(reader.constant("source"), header.site, "source", where)
    refuse_monitor(source, where)
    data = _evidence(reader, header, source, where)
    check_unchanged(path, before)
    del reader
    end = _event_end(data, header, night, where)
    check_clock(night, end, now, where, historical=historical)
    try:
        shard = make_evidence_shard(
            night,
            header.version or Version(),
            data,
            part=header.part or "0",
            event_end=end,
            ingested_at=now,
            issuer="site" if header.version else "ingest",
            where=where,
        )
    except Rejected as error:
        raise error.at(where) from None
    check_stated(header, shard.row, where)
    row = replace(shard.row, deps=header.deps)
    row = admitted(row, header, admission or Admission(), where)
    return Staged(path, replace(shard, row=row), header.version is not None)


def _check_header(header: Header, schema: pa.Schema, where: str) -> None:
    if header.dataset not in (None, EVIDENCE):
        raise Rejected(
            "wrong-dataset",
            source=where,
            column="dataset",
            value=repr(header.dataset),
            expected=repr(EVIDENCE),
            remedy="Ingest it as behaviour, or correct the header.",
        )
    present = set(schema.names)
    missing = [name for name in _REQUIRED if name not in present]
    if missing:
        raise Rejected(
            "missing-column",
            source=where,
            column=missing[0],
            value=f"columns {', '.join(sorted(present))}",
            expected=f"also {', '.join(missing)}",
            remedy="Add the column.",
        )
    unknown = sorted(present - {*_REQUIRED, *_OPTIONAL})
    if unknown:
        raise Rejected(
            "unknown-feature",
            source=where,
            column=unknown[0],
            value=f"column {unknown[0]!r}",
            expected=", ".join((*_REQUIRED, *_OPTIONAL)),
            remedy="Drop the column.",
        )


def _only(found: list[str], stated: str | None, name: str, where: str) -> str:
    """Return the one value of a column, which must be what the header says."""
    if not found and stated is None:
        raise Rejected(
            "missing-column",
            source=where,
            column=name,
            value=f"no {name} in the header or the table",
            expected=f"a {name} in <file>.shard.json, or a column {name}",
            remedy=f"State the {name} the file belongs to.",
        )
    expected = found[0] if stated is None else stated
    wrong = [value for value in found if value != expected]
    if wrong:
        raise Rejected(
            "night-mismatch",
            source=where,
            column=name,
            value=", ".join(wrong[:5]),
            expected=f"{expected} in every row",
            remedy=f"Write one file per {name}, and state the same in its header.",
        )
    return expected


def _evidence(
    reader: ColumnReader, header: Header, source: str, where: str
) -> EvidenceData:
    """Columns as they came, with the names that their codes mean."""
    epoch = _only(reader.constant("epoch"), None, "epoch", where)
    kinds, kind = reader.texts("type")
    agents, agent = reader.texts("agent")
    names, hypothesis = used_names(*reader.texts("hypothesis", HYPOTHESIS))
    stated = header.hypotheses
    unknown = ~np.isin(names, stated)
    if stated and unknown.any():
        bad = unknown[hypothesis]
        raise Rejected(
            "range",
            source=where,
            column="hypothesis",
            rows=row_numbers(bad),
            value=", ".join(map(repr, names[unknown][:5])),
            expected=f"one of {', '.join(stated)}, as the header states",
            remedy="Name every hypothesis in the header.",
        )
    more = [name for name in stated if name not in names]
    return EvidenceData(
        source=source,
        epoch=int(epoch),
        seq=reader.numbers("seq"),
        agent=agent,
        agent_names=agents,
        kind=_narrow(kind, "type", "unknown-type", where),
        kind_names=tuple(kinds.tolist()),
        hypothesis=_narrow(hypothesis, "hypothesis", "range", where),
        hypotheses=(*names.tolist(), *more),
        time=reader.numbers("time"),
        log_ratio=reader.numbers("log_ratio"),
        confidence=reader.numbers("confidence"),
    )


def _narrow(
    codes: NDArray[np.integer[Any]], column: str, reason: str, where: str
) -> NDArray[np.uint8]:
    bad = codes > np.iinfo(np.uint8).max
    if bad.any():
        raise Rejected(
            reason,
            source=where,
            column=column,
            rows=row_numbers(bad),
            value=f"{int(codes.max()) + 1} names",
            expected="at most 256 names",
            remedy="Use the names that are known.",
        )
    return codes.astype(np.uint8)


def _event_end(data: EvidenceData, header: Header, night: str, where: str) -> int:
    """End of the events as stated, else the midnight or the last row; rows near it."""
    end = end_of_events(header, night, where)
    start = midnight(night)
    bad = (data.time < start - DAY) | (data.time >= start + 3 * DAY)
    if bad.any():
        raise Rejected(
            "night-mismatch",
            source=where,
            column="time",
            rows=row_numbers(bad),
            value=", ".join(str(t) for t in data.time[bad][:5]),
            expected=f"{start - DAY} to {start + 3 * DAY - 1} for {night}",
            remedy="Send what was seen in a night as evidence of that night.",
        )
    return end if header.event_end is not None else max(end, int(data.time.max()) + 1)
