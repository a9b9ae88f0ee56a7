"""Which shard versions are known: a lattice, so arrival order cannot matter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from stats.ledger_columns import (
    COLUMNS,
    INTEGERS,
    Columns,
    decode,
    encode,
    sort_unique,
    text_column,
)
from stats.ledger_entry import KINDS, LedgerEntry
from stats.summary import digest

__all__ = ["COUNTED", "KINDS", "LedgerEntry", "Outcome", "ShardLedger"]

COUNTED = ("data", "table")
"""Kinds that can count."""
_KEY = ("dataset", "site", "night", "part")
_VERSION = ("epoch", "seq")
_row = attrgetter(*COLUMNS)


class Outcome(StrEnum):
    """What became of a version that arrived.

    Attributes
    ----------
    APPLIED
        It is the highest of its key, and counts (a manifest: is believed).
    DUPLICATE
        It was known.
    SUPERSEDED
        A higher version of its key is known.
    RETRACTED
        It is the highest of its key, and says that the key counts for nothing.
    QUARANTINED
        Another content claims the same highest version: neither counts.
    """

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"
    RETRACTED = "retracted"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True, eq=False)
class ShardLedger:
    """Set of shard versions; merging is set union.

    Attributes
    ----------
    columns : mapping of str to array, each of length n
        The fields of `LedgerEntry`, sorted by key, version, hash, kind, n, end and
        note; no row twice.  Text is fixed-width unicode, notes are references, hashes
        are 32 bytes a row.

    Notes
    -----
    Union is associative, commutative and idempotent: duplicates, reordering, stale
    versions and partial exchanges between replicas leave the same bytes.  What counts
    is derived, never stored: the winner of a key is its highest version, if exactly one
    content claims it and it is data or a table.  Nothing orders by arrival or by a
    clock, and nothing is ever deleted.

    Examples
    --------
    >>> one = LedgerEntry("d", "s", "2013-03-08", "0", 0, 1, "0" * 64, "data", 5)
    >>> ledger = ShardLedger.from_entries([one, one])
    >>> ledger, len(ledger.merge(ledger).entries())
    (ShardLedger: n=1 | keys=1 | quarantined=0, 1)
    """

    columns: Columns

    exact: ClassVar[bool] = True
    state_version: ClassVar[int] = 2

    @classmethod
    def from_entries(cls, entries: Iterable[LedgerEntry] = ()) -> Self:
        """Collect entries, in any order, any of them more than once."""
        rows = [_row(entry) for entry in entries]
        lists = dict(zip(COLUMNS, zip(*rows, strict=True), strict=True)) if rows else {}
        return cls(
            sort_unique({name: _column(name, lists.get(name, ())) for name in COLUMNS})
        )

    def __len__(self) -> int:
        return len(self.columns["seq"])

    def __repr__(self) -> str:
        keys = int(self._starts(_KEY).sum())
        spoilt = len({entry.key for entry in self.quarantined()})
        return f"ShardLedger: n={len(self):_} | keys={keys:_} | quarantined={spoilt:_}"

    def empty(self) -> Self:
        """Nothing known."""
        return type(self).from_entries()

    def merge(self, other: Self) -> Self:
        """Know what either knows."""
        return self._merge_many([self, other])

    @classmethod
    def _merge_many(cls, items: Iterable[Self]) -> Self:
        many = list(items)
        joined = {c: np.concatenate([m.columns[c] for m in many]) for c in COLUMNS}
        return cls(sort_unique(joined))

    def apply(self, entry: LedgerEntry) -> tuple[Self, Outcome]:
        """Return the ledger that also knows an entry, and what became of the entry.

        For many entries one by one use `stats.live_ledger.LiveLedger`: this copies.
        """
        after = self.merge(self.from_entries([entry]))
        if len(after) == len(self):
            return after, Outcome.DUPLICATE
        same = np.ones(len(after), dtype=bool)
        for name in (*_KEY, *_VERSION):
            same &= after.columns[name] == getattr(entry, name)
        if not (same & after._at_top()).any():
            return after, Outcome.SUPERSEDED
        if same.sum() > 1:
            return after, Outcome.QUARANTINED
        gone = entry.kind == "retraction"
        return after, Outcome.RETRACTED if gone else Outcome.APPLIED

    def entries(self) -> tuple[LedgerEntry, ...]:
        """Every known version, sorted by key, version and content."""
        return self._take(np.ones(len(self), dtype=bool))

    def states(self) -> NDArray[np.str_]:
        """What each row is now, shape (n,): the value of an `Outcome`, no duplicate."""
        top, alone = self._at_top(), self._contents() == 1
        gone = self.columns["kind"] == "retraction"
        names = [Outcome.SUPERSEDED, Outcome.QUARANTINED, Outcome.RETRACTED]
        found: NDArray[np.str_] = np.select(
            [~top, ~alone, gone], [str(name) for name in names], str(Outcome.APPLIED)
        )
        return found

    def winners(self) -> tuple[LedgerEntry, ...]:
        """Return what counts, sorted by key: at most one entry a key.

        The highest version, if exactly one content claims it and it is data or a table.
        A retraction or a manifest at the top means that the key contributes nothing.
        """
        counted = np.isin(self.columns["kind"], COUNTED)
        return self._take(self._at_top() & (self._contents() == 1) & counted)

    def settled(self) -> tuple[LedgerEntry, ...]:
        """Highest version of each key that one content claims, of any kind."""
        return self._take(self._at_top() & (self._contents() == 1))

    def noted(self, *, settled: bool = False) -> tuple[LedgerEntry, ...]:
        """Entries whose header says something beside their identity; all, or settled.

        A manifest says so, and a version that was computed from others.
        """
        keep = self.columns["note"] != ""
        if settled:
            keep &= self._at_top() & (self._contents() == 1)
        return self._take(np.asarray(keep, dtype=bool))

    def quarantined(self) -> tuple[LedgerEntry, ...]:
        """Entries of keys whose highest version has two or more contents.

        Choosing one would let arrival order decide, so none counts until the site
        issues a higher version.
        """
        return self._take(self._at_top() & (self._contents() > 1))

    def superseded(self) -> tuple[LedgerEntry, ...]:
        """Entries below the highest version of their key."""
        return self._take(~self._at_top())

    def equivocations(self) -> tuple[LedgerEntry, ...]:
        """Every entry that shares its version with another content, also below the top.

        Proof against the site, whether or not it changes what counts.
        """
        return self._take(self._contents() > 1)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Numbers only: integer columns, hashes (n, 32), text as codes and labels."""
        return encode(self.columns)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Restore what `to_arrays` gave.

        Raises
        ------
        InvalidInput
            When arrays are missing, of unequal length or hold what no entry may hold.
        """
        ledger = cls(sort_unique(decode(arrays)))
        ledger.entries()  # every row is checked as an entry
        return ledger

    def digest(self) -> str:
        """SHA-256 of everything known, hexadecimal."""
        return digest(self)

    def _starts(self, names: tuple[str, ...]) -> NDArray[np.bool_]:
        """Rows at which any of the columns differs from the row before."""
        start = np.zeros(len(self), dtype=bool)
        start[:1] = True
        for name in names:
            column = self.columns[name]
            start[1:] |= column[1:] != column[:-1]
        return start

    def _contents(self) -> NDArray[np.int64]:
        """How many contents claim the version of each row."""
        version = np.cumsum(self._starts((*_KEY, *_VERSION))) - 1
        found: NDArray[np.int64] = np.bincount(version)[version]
        return found

    def _at_top(self) -> NDArray[np.bool_]:
        """Rows at the highest version of their key."""
        key = np.cumsum(self._starts(_KEY)) - 1
        version = np.cumsum(self._starts((*_KEY, *_VERSION))) - 1
        highest = np.zeros(len(self), dtype=np.int64)
        np.maximum.at(highest, key, version)
        top: NDArray[np.bool_] = highest[key] == version
        return top

    def _take(self, keep: NDArray[np.bool_]) -> tuple[LedgerEntry, ...]:
        kept = {name: column[keep] for name, column in self.columns.items()}
        kept["sha256"] = np.array(
            [row.tobytes().hex() for row in kept["sha256"]], dtype=np.str_
        )
        rows = zip(*(kept[name].tolist() for name in COLUMNS), strict=True)
        return tuple(LedgerEntry(*row) for row in rows)


def _column(name: str, values: tuple[Any, ...]) -> NDArray[Any]:
    if name == "sha256":
        data = b"".join(bytes.fromhex(value) for value in values)
        return np.frombuffer(data, dtype=np.uint8).reshape(len(values), 32)
    if name in INTEGERS:
        return np.array(values, dtype=np.int64)
    return text_column(name, values)
