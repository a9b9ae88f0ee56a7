"""Open a landing file of evidence and give its rows batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from storage.errors import Rejected
from storage.evidence_records import EVIDENCE
from storage.sources import SUFFIXES, read_header, unreadable

__all__ = ["BATCH_ROWS", "MAX_ROWS", "evidence_batches", "file_schema", "is_evidence"]

BATCH_ROWS = 2**19
"""Rows that are decoded at a time."""
MAX_ROWS = 2**24
"""Rows that a shard may have: 38 bytes each are held while it is taken in."""
_TEXT = ("source", "agent", "type", "hypothesis", "night")
_DAMAGE = (pa.ArrowException, OSError, UnicodeError)


def is_evidence(path: Path, options: Mapping[str, Any]) -> bool:
    """Tell whether a file is to be read as evidence.

    So it is when options or its header name the dataset ``evidence``, and when they
    name none and it has a column ``source`` but none called ``team``.  What cannot be
    read is not: the reader of behaviour then says why.
    """
    try:
        schema = file_schema(path)
        dataset = read_header(path, schema.empty_table(), options).dataset
    except Rejected:
        return False
    if dataset is not None:
        return dataset == EVIDENCE
    return "source" in schema.names and "team" not in schema.names


def file_schema(path: Path) -> pa.Schema:
    """Names, types and metadata of the columns of a file; nothing else is read.

    Raises
    ------
    Rejected
        Reason ``unreadable`` or ``empty``.
    """
    try:
        if path.suffix in SUFFIXES and path.stat().st_size == 0:
            raise _empty(path)
        if path.suffix == ".parquet":
            return pa.parquet.read_schema(path)
        if path.suffix == ".csv":
            return _csv_schema(path)
        if path.suffix in SUFFIXES:
            with pa.memory_map(str(path)) as file:
                return pa.ipc.open_file(file).schema
    except _DAMAGE as error:
        raise _unreadable(path, error) from error
    raise unreadable(
        str(path), f"ending {path.suffix!r}", ", ".join(SUFFIXES), "Convert the file."
    )


def evidence_batches(path: Path) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file in batches of at most `BATCH_ROWS`, in their order.

    Columns of text come dictionary encoded from Parquet; those of CSV are all text.

    Raises
    ------
    Rejected
        ``unreadable``, ``empty``, or ``range`` beyond `MAX_ROWS` rows.
    """
    schema = file_schema(path)
    twice = sorted({c for c in schema.names if schema.names.count(c) > 1})
    if twice:
        raise unreadable(
            str(path), f"column {twice[0]!r} twice", "distinct columns", "Rename one."
        )
    n = 0
    try:
        for batch in _batches(path, schema):
            n += batch.num_rows
            if n > MAX_ROWS:
                raise _too_long(path)
            for start in range(0, batch.num_rows, BATCH_ROWS):
                yield batch.slice(start, BATCH_ROWS)
    except _DAMAGE as error:
        raise _unreadable(path, error) from error
    if n == 0:
        raise _empty(path)


def _batches(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    if path.suffix == ".parquet":
        text = [name for name in _TEXT if name in schema.names]
        # Buffered ahead, the compressed file would be held as a whole.
        with pa.parquet.ParquetFile(
            path, read_dictionary=text, pre_buffer=False, buffer_size=2**20
        ) as file:
            if file.metadata.num_rows > MAX_ROWS:
                raise _too_long(path)
            yield from file.iter_batches(BATCH_ROWS, use_threads=False)
    elif path.suffix == ".csv":
        yield from _csv_reader(path, schema.names)
    else:
        with pa.memory_map(str(path)) as file:
            reader = pa.ipc.open_file(file)
            for i in range(reader.num_record_batches):
                yield reader.get_batch(i)


def _csv_schema(path: Path) -> pa.Schema:
    """Every column of a CSV file is text until its own type is known."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline()
    names = pa.csv.read_csv(pa.BufferReader(first.encode())).column_names
    return pa.schema([(name, pa.string()) for name in names])


def _csv_reader(path: Path, names: list[str]) -> Iterator[pa.RecordBatch]:
    convert = pa.csv.ConvertOptions(
        column_types={name: pa.string() for name in names},
        strings_can_be_null=False,
        check_utf8=True,
    )
    read = pa.csv.ReadOptions(use_threads=False, block_size=2**24)
    with pa.csv.open_csv(path, read_options=read, convert_options=convert) as reader:
        yield from reader


def _unreadable(path: Path, error: Exception) -> Rejected:
    text = " ".join(str(error).split())[:200]
    whole = f"a whole {path.suffix[1:]} file in UTF-8"
    return unreadable(str(path), text, whole, "Send the file again.")


def _empty(path: Path) -> Rejected:
    return Rejected(
        "empty",
        source=str(path),
        value="no row",
        expected="at least one row",
        remedy="A source without evidence sends nothing.",
    )


def _too_long(path: Path) -> Rejected:
    return Rejected(
        "range",
        source=str(path),
        column="n",
        value=f"more than {MAX_ROWS} rows",
        expected=f"at most {MAX_ROWS} rows in a shard",
        remedy="Write the rows into several parts.",
    )
