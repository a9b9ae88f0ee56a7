"""A replica of a simulated network: a ledger, exact sums, and a log that survives."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from stats.ledger import LedgerEntry, ShardLedger
from stats.live_ledger import Key, LiveLedger
from stats.moments import GroupMoments
from stats.simulate_versions import Message

__all__ = ["SimulatedReplica", "Totals"]


class Totals:
    """Exact moments of what counts, one group per site; changed by what changes.

    Parameters
    ----------
    sites : int
        Groups; site ``s3`` is group 3.
    features : int
    """

    def __init__(self, sites: int, features: int) -> None:
        self._sites = sites
        self._moments = self._of([], features)
        self._features = features

    def change(self, removed: Iterable[Message], added: Iterable[Message]) -> None:
        """Take out what no longer counts, and add what counts now."""
        gone, new = list(removed), list(added)
        if new:
            self._moments = self._moments.merge(self._of(new, self._features))
        if gone:
            self._moments = self._moments.subtract(self._of(gone, self._features))

    def digest(self) -> str:
        """SHA-256 over counts, means and covariances, whose bits sums decide."""
        moments = self._moments
        arrays = moments.count, moments.mean(), moments.covariance()
        data = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)
        return hashlib.sha256(data).hexdigest()

    def _of(self, messages: list[Message], features: int) -> GroupMoments:
        values = [m.values for m in messages if len(m.values)]
        groups = [int(m.entry.site[1:]) for m in messages for _ in m.values]
        rows = np.concatenate(values) if values else np.empty((0, features))
        return GroupMoments.from_block(
            rows, np.array(groups, dtype=np.int64), self._sites
        )


class SimulatedReplica:
    """Takes versions in as they come; a crash loses what was not committed.

    Parameters
    ----------
    sites, features : int
    """

    def __init__(self, sites: int, features: int) -> None:
        self._shape = sites, features
        self._log: list[Message] = []
        self._begin()

    def _begin(self) -> None:
        """Forget everything that lives in memory only."""
        self.known: dict[LedgerEntry, Message] = {}
        self.ledger = LiveLedger()
        self.totals = self._totals()
        self._pending: list[Message] = []
        self._counted: dict[Key, Message] = {}
        self._changed: dict[Key, None] = {}

    def _totals(self) -> Totals:
        return Totals(*self._shape)

    def receive(self, message: Message) -> None:
        """Know a version; one that is known changes nothing."""
        if message.entry in self.known:
            return
        self.known[message.entry] = message
        self._pending.append(message)
        self.ledger.apply(message.entry)
        self._changed[message.entry.key] = None

    def winner(self, key: Key) -> LedgerEntry | None:
        """What counts of a key."""
        return self.ledger.winner(key)

    def commit(self) -> None:
        """Make what was received last: ledger and sums together."""
        removed, added = [], []
        for key in self._changed:
            before, after = self._counted.get(key), self.winner(key)
            if before is not None and before.entry == after:
                continue
            if before is not None:
                removed.append(self._counted.pop(key))
            if after is not None:
                self._counted[key] = self.known[after]
                added.append(self.known[after])
        self.totals.change(removed, added)
        self._log += self._pending
        self._pending, self._changed = [], {}

    def acknowledged(self, message: Message) -> bool:
        """Tell whether a version is safe here: its site need not send it again."""
        return message.entry in self.known and message not in self._pending

    def crash(self, rng: np.random.Generator) -> None:
        """Lose what was not committed, and start again from the log in any order."""
        log, self._log = self._log, []
        self._begin()
        for i in rng.permutation(len(log)):
            self.receive(log[i])
        self.commit()

    def value(self) -> ShardLedger:
        """Return the ledger as a value."""
        return self.ledger.freeze()

    def digests(self) -> tuple[str, str]:
        """Digest of everything known, and of the figures over what counts."""
        return self.value().digest(), self.totals.digest()
