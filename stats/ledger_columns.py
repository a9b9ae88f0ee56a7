"""Sorted columns of a ledger: one order, one set of bytes, no object per row."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stats.summary import InvalidInput

__all__ = ["COLUMNS", "Columns", "decode", "encode", "sort_unique", "text_column"]

Columns = dict[str, NDArray[Any]]

TEXT = ("dataset", "site", "night", "part", "kind", "note")
INTEGERS = ("epoch", "seq", "n", "event_end")
# Sort order, most significant first; also the order of the fields of an entry.
COLUMNS = (
    "dataset", "site", "night", "part", "epoch", "seq", "sha256", "kind", "n",
    "event_end", "note",
)  # fmt: skip
# One long note must not widen every row: notes are references, other text is inline.
_REFERENCES = ("note",)


def sort_unique(columns: Columns) -> Columns:
    """Sort rows by all columns, most significant first, and drop repeated rows."""
    n = len(columns["seq"])
    hashes = np.ascontiguousarray(columns["sha256"])
    words = hashes.view(">u8").astype(np.uint64).reshape(n, 4)
    keys: list[NDArray[Any]] = []
    for name in COLUMNS:
        if name == "sha256":
            keys.extend(words.T)
        elif name in _REFERENCES:
            keys.append(np.unique(columns[name], return_inverse=True)[1])
        else:
            keys.append(columns[name])
    order = np.lexsort(keys[::-1])
    fresh = np.zeros(n, dtype=bool)
    fresh[:1] = True
    for key in keys:
        ordered = key[order]
        fresh[1:] |= ordered[1:] != ordered[:-1]
    return {name: columns[name][order][fresh] for name in COLUMNS}


def text_column(name: str, values: Sequence[str]) -> NDArray[Any]:
    """Return a column of text, as that column is held."""
    return np.array(values, dtype=object if name in _REFERENCES else np.str_)


def encode(columns: Columns) -> dict[str, NDArray[Any]]:
    """Columns as numbers: text becomes codes into sorted labels (JSON)."""
    out: dict[str, NDArray[Any]] = {"sha256": columns["sha256"]}
    for name in INTEGERS:
        out[name] = columns[name]
    for name in TEXT:
        labels, codes = np.unique(columns[name], return_inverse=True)
        text = json.dumps(labels.tolist(), separators=(",", ":"))
        out[f"{name}.labels"] = np.frombuffer(text.encode(), dtype=np.uint8)
        out[name] = codes.astype(np.int64)
    return out


def decode(arrays: Mapping[str, NDArray[Any]]) -> Columns:
    """Restore what `encode` gave.

    Raises
    ------
    InvalidInput
        When arrays are missing, of unequal length, or codes have no label.
    """
    try:
        n = len(arrays["seq"])
        out: Columns = {"sha256": np.asarray(arrays["sha256"], dtype=np.uint8)}
        for name in INTEGERS:
            out[name] = np.asarray(arrays[name], dtype=np.int64)
        for name in TEXT:
            labels = json.loads(np.asarray(arrays[f"{name}.labels"]).tobytes().decode())
            table = text_column(name, [str(label) for label in labels])
            codes = np.asarray(arrays[name], dtype=np.int64)
            out[name] = table[np.where(codes < 0, len(table), codes)]
    except (KeyError, ValueError, IndexError) as error:
        raise InvalidInput(
            f"ShardLedger.from_arrays: not the state of a ledger ({error}). "
            "Build the ledger again from the store."
        ) from error
    shapes = {out[name].shape for name in COLUMNS if name != "sha256"}
    if shapes != {(n,)} or out["sha256"].shape != (n, 32):
        raise InvalidInput(
            f"ShardLedger.from_arrays: columns of shapes {sorted(shapes)} and hashes "
            f"{out['sha256'].shape} for {n} rows. Build the ledger again."
        )
    return out
