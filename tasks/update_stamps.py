"""Updates that come one by one: checked, numbered by their source, and identified."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.ledger import LedgerEntry
from stats.manifest import note_text
from stats.summary import InvalidInput

__all__ = ["AHEAD", "BEHIND", "Stamps", "StatisticalUpdate"]

AHEAD, BEHIND = 25 * 3600.0, 400 * 86_400.0
"""Seconds that the time of an update may lie after and before now."""
_DATASET, _NIGHT = "updates", "online"


@dataclass(frozen=True, slots=True)
class StatisticalUpdate:
    """What a source reports of an agent; the time is in seconds UTC.

    `update_id` names it at its source.  `vector_clock` says what the update was made
    from: the entry of its own source is its number, counted from 1, and those of others
    are numbers that have to be known before it counts under CAUSAL.  Without a number
    of its own it gets the next one.  The same id with a higher number is a correction.
    """

    update_id: str
    agent_id: str
    timestamp: float
    feature_vector: ArrayLike
    anomaly_score: float
    source_partition: str
    vector_clock: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Stamps:
    """Versions given so far, and the values behind each.

    Attributes
    ----------
    vectors : dict of str to float64 array, shape (d,)
        By SHA-256 of the content.
    features : int or None
        Length of every vector; None before the first.
    """

    vectors: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    features: int | None = None
    _of_id: dict[tuple[str, str], list[LedgerEntry]] = field(default_factory=dict)
    _of_number: dict[tuple[str, int], str] = field(default_factory=dict)
    _highest: dict[str, int] = field(default_factory=dict)

    def stamp(
        self, update: StatisticalUpdate, now: float
    ) -> tuple[LedgerEntry, NDArray[np.float64]]:
        """Check an update and say which version it is; changes nothing.

        Raises
        ------
        InvalidInput
            For a name that is empty, a time that is no number or implausible, values of
            another length or infinite, or a number that another update has.
        """
        vector = self._vector(update, now)
        source, name = update.source_partition, update.update_id
        sha = _content(update, vector)
        known = self._of_id.get((source, name), [])
        number = update.vector_clock.get(source)
        again = [one for one in known if one.sha256 == sha]
        if number is None and again:
            return again[-1], vector
        if number is None and known:
            number = known[-1].seq
        if number is None:
            number = self._highest.get(source, 0) + 1
        taken = self._of_number.get((source, number), name)
        if number < 1 or taken != name:
            raise InvalidInput(
                f"update {name!r}: number {number} of source {source!r} "
                f"{'is below 1' if number < 1 else f'belongs to update {taken!r}'}. "
                "Count up from 1 with every update, or leave the source's own entry "
                "out of vector_clock."
            )
        entry = LedgerEntry(
            _DATASET, source, _NIGHT, name, 0, number, sha, "data", 1,
            event_end=max(round(update.timestamp * 1e9), 0), note=_depends(update),
        )  # fmt: skip
        return entry, vector

    def keep(self, entry: LedgerEntry, vector: NDArray[np.float64]) -> None:
        """Remember a version that was taken in."""
        known = self._of_id.setdefault((entry.site, entry.part), [])
        if entry not in known:
            known.append(entry)
        self._of_number[entry.site, entry.seq] = entry.part
        highest = self._highest.get(entry.site, 0)
        self._highest[entry.site] = max(highest, entry.seq)
        self.vectors[entry.sha256] = vector
        self.features = len(vector)

    def _vector(self, update: StatisticalUpdate, now: float) -> NDArray[np.float64]:
        names = (update.update_id, update.agent_id, update.source_partition)
        if not all(
            isinstance(name, str) and name and "/" not in name for name in names
        ):
            raise _refused(update, f"names {names}", "Give texts without a slash")
        when = update.timestamp
        if not now - BEHIND <= when <= now + AHEAD:
            raise _refused(
                update, f"time {when} against a clock at {now:.0f}",
                "Give seconds UTC of the last 400 days, at most 25 hours ahead",
            )  # fmt: skip
        vector = np.array(update.feature_vector, dtype=np.float64)
        length = self.features or vector.size
        if vector.shape != (length,) or not length or np.isinf(vector).any():
            raise _refused(
                update, f"features of shape {vector.shape}, infinite: "
                f"{int(np.isinf(vector).sum())}",
                f"Give {length or 'some'} numbers, NaN where one is missing",
            )  # fmt: skip
        return vector


def _refused(update: StatisticalUpdate, what: str, remedy: str) -> InvalidInput:
    return InvalidInput(
        f"update {update.update_id!r} of {update.source_partition!r}: {what}. {remedy}."
    )


def _content(update: StatisticalUpdate, vector: NDArray[np.float64]) -> str:
    """SHA-256 of what an update says, whichever bits a NaN has."""
    said: list[Any] = [update.agent_id, float(update.timestamp).hex()]
    said += [float(update.anomaly_score).hex(), *(float(x).hex() for x in vector)]
    return hashlib.sha256("\0".join(said).encode()).hexdigest()


def _depends(update: StatisticalUpdate) -> str:
    others = sorted(set(update.vector_clock) - {update.source_partition})
    return note_text(
        deps=[f"{name}/0-{update.vector_clock[name]}" for name in others
              if update.vector_clock[name] > 0]
    )  # fmt: skip
