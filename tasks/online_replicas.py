"""Replicas of online updates: a ledger, and exact figures over what counts in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stats.clock import VectorClock
from stats.ledger import LedgerEntry, Outcome, ShardLedger
from stats.live_ledger import LiveLedger
from stats.moments import GroupMoments

__all__ = ["Replica"]

Vectors = Mapping[str, NDArray[np.float64]]


@dataclass(slots=True)
class Replica:
    """What one side of a partition knows.

    Attributes
    ----------
    ledger : LiveLedger
    newest : dict of source to seconds
        Time of the newest update of each source, UTC.
    rows : Counter of source
        Updates that count.
    """

    ledger: LiveLedger = field(default_factory=LiveLedger)
    newest: dict[str, float] = field(default_factory=dict)
    rows: Counter[str] = field(default_factory=Counter)
    _entries: dict[LedgerEntry, None] = field(default_factory=dict)
    _new: list[str] = field(default_factory=list)
    _figures: GroupMoments | None = None

    @property
    def entries(self) -> tuple[LedgerEntry, ...]:
        """Every known version, in order of arrival."""
        return tuple(self._entries)

    def apply(self, entry: LedgerEntry) -> Outcome:
        """Know an update."""
        before = self.ledger.winner(entry.key)
        outcome = self.ledger.apply(entry)
        if outcome is Outcome.DUPLICATE:
            return outcome
        self._entries[entry] = None
        when = entry.event_end / 1e9
        self.newest[entry.site] = max(self.newest.get(entry.site, when), when)
        after = self.ledger.winner(entry.key)
        if after is not None:
            self._new.append(after.sha256)
        if before is not None and before != after:
            self._figures = None  # extremes cannot be taken out: fold again
        self.rows[entry.site] += (after is not None) - (before is not None)
        return outcome

    def join(self, other: Replica) -> None:
        """Know what the other knows, by identity."""
        for entry in other.entries:
            self.apply(entry)

    def value(self) -> ShardLedger:
        """Return the ledger as a value."""
        return self.ledger.freeze()

    def clock(self) -> VectorClock:
        """Numbers known of every source."""
        return VectorClock.from_dots((e.site, e.epoch, e.seq) for e in self._entries)

    def winners(self) -> tuple[LedgerEntry, ...]:
        """Return what counts, sorted by source and id."""
        keys = sorted({entry.key for entry in self._entries})
        found = (self.ledger.winner(key) for key in keys)
        return tuple(one for one in found if one is not None)

    def contradicted(self) -> int:
        """Updates of which two contents claim the highest number."""
        keys = {entry.key for entry in self._entries}
        return len(keys) - sum(self.rows.values())

    def figures(self, vectors: Vectors, d: int) -> GroupMoments:
        """Exact sums over the updates that count, as one group of `d` features.

        Costs what is new since the last call, and all after a correction.
        """
        if self._figures is None:
            self._figures = _moments([], vectors, d)
            self._new = [entry.sha256 for entry in self.winners()]
        if self._new:
            self._figures = self._figures.merge(_moments(self._new, vectors, d))
            self._new = []
        return self._figures


def _moments(contents: list[str], vectors: Vectors, d: int) -> GroupMoments:
    values = np.array([vectors[sha] for sha in contents], dtype=np.float64)
    groups = np.zeros(len(contents), dtype=np.int64)
    block = values.reshape(len(contents), d)
    return GroupMoments.from_block(block, groups, 1, pairs=False)
