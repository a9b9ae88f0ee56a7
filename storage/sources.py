"""Read landing files and the headers that say what they are."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet

from storage.errors import Rejected
from storage.identity import SAFE_NAME
from storage.records import Version

__all__ = [
    "HEADER_FIELDS",
    "METADATA_KEY",
    "SUFFIXES",
    "Header",
    "is_statement",
    "read_header",
    "read_table",
    "sidecar_of",
    "stated_site",
]

SUFFIXES = (".parquet", ".csv", ".feather", ".arrow")
"""Endings of landing files."""
METADATA_KEY = b"consilience.shard"
"""Where Parquet metadata hold the header."""
_TEXT_FIELDS = (
    "dataset", "site", "night", "part", "sha256", "signature", "signer",
)  # fmt: skip
_NUMBER_FIELDS = ("epoch", "seq", "n")
HEADER_FIELDS = (*_TEXT_FIELDS, *_NUMBER_FIELDS, "event_end", "hypotheses", "deps")
"""What a header may say; a statement carries them beside its own fields."""
_STATEMENTS = (".manifest.json", ".retraction.json")
_DEPENDENCY = re.compile(SAFE_NAME.pattern + r"/\d{1,10}-\d{1,16}")
_MAX_DEPS = 64


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says about itself; None where it says nothing.

    Attributes
    ----------
    dataset, site, night, part, sha256, signature, signer : str, optional
    version : Version, optional
    n : int, optional
        Rows present.
    event_end : int, optional
        Nanoseconds UTC.
    hypotheses : tuple of str
        Of evidence, when it names more than its rows do.
    deps : tuple of str
        Versions it was computed from, ``site/epoch-seq`` each, sorted.
    """

    dataset: str | None = None
    site: str | None = None
    night: str | None = None
    part: str | None = None
    sha256: str | None = None
    version: Version | None = None
    n: int | None = None
    event_end: int | None = None
    signature: str | None = None
    signer: str | None = None
    hypotheses: tuple[str, ...] = ()
    deps: tuple[str, ...] = ()


def sidecar_of(path: Path) -> Path:
    """Where the header of a landing file lies: ``<file>.shard.json``."""
    return path.with_name(f"{path.name}.shard.json")


def is_statement(path: Path) -> bool:
    """Tell whether a file is a manifest or a retraction, by its ending."""
    return path.name.endswith(_STATEMENTS)


def unreadable(source: str, value: str, expected: str, remedy: str) -> Rejected:
    """Make the refusal of a file that does not parse."""
    return Rejected(
        "unreadable", source=source, value=value, expected=expected, remedy=remedy
    )


def read_table(path: Path) -> pa.Table:
    """Read a Parquet, CSV, Feather or Arrow file; CSV columns stay text.

    Parameters
    ----------
    path : Path

    Raises
    ------
    Rejected
        Reason ``unreadable`` or ``empty``.
    """
    source = str(path)
    if path.suffix not in SUFFIXES:
        raise unreadable(
            source, f"ending {path.suffix!r}", ", ".join(SUFFIXES), "Convert the file."
        )
    try:
        size = path.stat().st_size
        table = _parse(path) if size else None
    except (pa.ArrowException, OSError, UnicodeError) as error:
        text = " ".join(str(error).split())[:200]
        whole = f"a whole {path.suffix[1:]} file in UTF-8"
        raise unreadable(source, text, whole, "Send the file again.") from error
    if table is None or table.num_rows == 0:
        raise Rejected(
            "empty",
            source=source,
            value=f"{size} bytes without a row",
            expected="at least one row",
            remedy="Send the file again; a night without data is not sent as a file.",
        )
    twice = sorted({c for c in table.column_names if table.column_names.count(c) > 1})
    if twice:
        raise unreadable(
            source, f"column {twice[0]!r} twice", "distinct columns", "Rename one."
        )
    return table


def _parse(path: Path) -> pa.Table:
    if path.suffix == ".parquet":
        return pa.parquet.read_table(path, partitioning=None)
    if path.suffix == ".csv":
        return _parse_csv(path)
    return pa.feather.read_table(path)


def _parse_csv(path: Path) -> pa.Table:
    """Read every column as text: types come from the schema, "007" stays an id."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline()
    names = pa.csv.read_csv(
        pa.BufferReader(first.encode()),
        parse_options=pa.csv.ParseOptions(),
        convert_options=pa.csv.ConvertOptions(strings_can_be_null=False),
    ).column_names
    types = {name: pa.string() for name in names}
    return pa.csv.read_csv(
        path,
        read_options=pa.csv.ReadOptions(use_threads=False),
        convert_options=pa.csv.ConvertOptions(
            column_types=types, strings_can_be_null=False, check_utf8=True
        ),
    )


def read_header(
    path: Path, table: pa.Table | None, options: Mapping[str, Any]
) -> Header:
    """Join what options, the sidecar and Parquet metadata say, in this order.

    Parameters
    ----------
    path : Path
        The landing file.
    table : pyarrow.Table, optional
        Its content, for the metadata of Parquet.
    options : mapping
        Fields given by the caller; None counts as not given.

    Raises
    ------
    Rejected
        Reason ``unreadable`` when a header is malformed, ``range`` for a version out
        of bounds.
    """
    fields: dict[str, Any] = {}
    metadata = (table.schema.metadata or {}) if table is not None else {}
    if METADATA_KEY in metadata:
        fields |= _json(metadata[METADATA_KEY], str(path))
    sidecar = sidecar_of(path)
    if is_statement(path) and path.is_file():
        said = _json(path.read_bytes(), str(path))
        fields |= {name: said[name] for name in HEADER_FIELDS if name in said}
    if sidecar.exists():
        fields |= _json(sidecar.read_bytes(), str(sidecar))
    fields |= {name: value for name, value in options.items() if value is not None}
    return _header(fields, str(sidecar if sidecar.exists() else path))


def stated_site(path: Path, options: Mapping[str, Any]) -> str:
    """Site that options or the sidecar name; empty when neither can be read."""
    try:
        return read_header(path, None, options).site or ""
    except Rejected:
        return ""


def _json(data: bytes, source: str) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except ValueError as error:
        raise unreadable(
            source, str(error), "a JSON object", "Write the header again."
        ) from error
    if not isinstance(found, dict):
        raise unreadable(
            source, type(found).__name__, "a JSON object", "Write the header again."
        )
    return found


def _header(fields: dict[str, Any], source: str) -> Header:
    for name in (*_TEXT_FIELDS, *_NUMBER_FIELDS):
        kind = str if name in _TEXT_FIELDS else int
        value = fields.get(name)
        if value is not None and (not isinstance(value, kind) or value is True):
            raise Rejected(
                "dtype",
                source=source,
                column=name,
                value=repr(value),
                expected="text" if kind is str else "a whole number",
                remedy="Correct the header.",
            )
    version = None
    if fields.get("seq") is not None:
        try:
            version = Version(int(fields.get("epoch") or 0), int(fields["seq"]))
        except Rejected as error:
            raise error.at(source) from None
    return Header(
        version=version,
        n=fields.get("n"),
        event_end=_nanoseconds(fields.get("event_end"), source),
        hypotheses=_texts(fields.get("hypotheses"), "hypotheses", source),
        deps=_dependencies(fields.get("deps"), source),
        **{name: fields.get(name) for name in _TEXT_FIELDS},
    )


def _dependencies(value: object, source: str) -> tuple[str, ...]:
    found = sorted(set(_texts(value, "deps", source)))
    wrong = [one for one in found if _DEPENDENCY.fullmatch(one) is None]
    if wrong or len(found) > _MAX_DEPS:
        raise Rejected(
            "range",
            source=source,
            column="deps",
            value=repr(wrong[0])[:80] if wrong else f"{len(found)} versions",
            expected=f"at most {_MAX_DEPS} versions like north/0-17",
            remedy="Correct the header.",
        )
    return tuple(found)


def _texts(value: object, column: str, source: str) -> tuple[str, ...]:
    given = [] if value is None else value
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise Rejected(
            "dtype",
            source=source,
            column=column,
            value=repr(value)[:80],
            expected="a list of names",
            remedy="Correct the header.",
        )
    return tuple(given)


def _nanoseconds(value: object, source: str) -> int | None:
    """Nanoseconds UTC from a number or from ISO-8601 text with its offset."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    try:
        moment = dt.datetime.fromisoformat(str(value))
        return int(_since_epoch(moment).total_seconds()) * 1_000_000_000
    except (ValueError, TypeError) as error:
        raise Rejected(
            "dtype",
            source=source,
            column="event_end",
            value=repr(value),
            expected="nanoseconds UTC, or a time like 2013-03-09T05:00:00+00:00",
            remedy="Correct the header.",
        ) from error


def _since_epoch(moment: dt.datetime) -> dt.timedelta:
    """Time since 1970 UTC; TypeError for a moment without its offset."""
    return moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
