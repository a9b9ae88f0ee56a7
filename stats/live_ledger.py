"""A ledger that grows version by version: constant cost each, and the same set."""

from __future__ import annotations

from collections.abc import Iterable

from stats.ledger import COUNTED, LedgerEntry, Outcome, ShardLedger

__all__ = ["LiveLedger"]

Key = tuple[str, str, str, str]


class LiveLedger:
    """What one process knows while versions arrive one by one.

    `ShardLedger` is the value that is compared, stored and sent; this is how to get
    there without copying it for every arrival.

    Parameters
    ----------
    entries : iterable of LedgerEntry, optional
        Known from the beginning.

    Examples
    --------
    >>> ledger = LiveLedger()
    >>> one = LedgerEntry("d", "s", "2013-03-08", "0", 0, 1, "0" * 64, "data", 5)
    >>> str(ledger.apply(one)), str(ledger.apply(one))
    ('applied', 'duplicate')
    """

    def __init__(self, entries: Iterable[LedgerEntry] = ()) -> None:
        self._known: dict[Key, dict[tuple[int, int], set[LedgerEntry]]] = {}
        self._top: dict[Key, tuple[int, int]] = {}
        self._n = 0
        for entry in entries:
            self.apply(entry)

    def apply(self, entry: LedgerEntry) -> Outcome:
        """Know an entry, and say what became of it."""
        versions = self._known.setdefault(entry.key, {})
        contents = versions.setdefault(entry.version, set())
        if entry in contents:
            return Outcome.DUPLICATE
        contents.add(entry)
        self._n += 1
        top = max(self._top.get(entry.key, entry.version), entry.version)
        self._top[entry.key] = top
        if entry.version != top:
            return Outcome.SUPERSEDED
        if len(contents) > 1:
            return Outcome.QUARANTINED
        gone = entry.kind == "retraction"
        return Outcome.RETRACTED if gone else Outcome.APPLIED

    def winner(self, key: Key) -> LedgerEntry | None:
        """Return what counts of a key, if anything does."""
        if key not in self._top:
            return None
        contents = self._known[key][self._top[key]]
        (first, *others) = contents
        return None if others or first.kind not in COUNTED else first

    def freeze(self) -> ShardLedger:
        """Return everything known as a value."""
        return ShardLedger.from_entries(
            entry
            for versions in self._known.values()
            for contents in versions.values()
            for entry in contents
        )

    def __len__(self) -> int:
        return self._n

    def __repr__(self) -> str:
        return f"LiveLedger: n={self._n:_} | keys={len(self._top):_}"
