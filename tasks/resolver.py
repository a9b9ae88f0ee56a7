"""Updates that come one by one while parts of the network cannot hear each other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

from stats.availability import Availability
from stats.clock import VectorClock
from stats.staleness import ConsistencyModel, PartitionState
from stats.summary import InvalidInput
from tasks.online_sides import Sides
from tasks.resolver_answer import answer_of, heard
from tasks.resolver_rules import check_read, cut_off, metrics
from tasks.update_stamps import Stamps, StatisticalUpdate

__all__ = ["ConsistencyModel", "PartitionState", "StatisticalCAPResolver",
           "StatisticalUpdate"]  # fmt: skip


class StatisticalCAPResolver:
    """Count every update once, whatever is cut off, and say how old an answer is.

    `max_staleness_seconds` bounds the age of every source: beyond it BOUNDED_STALENESS
    refuses, others mark their answer.  `confidence_decay_rate` is taken so that older
    calls run; age never weighs a value.  `clock` gives seconds UTC.
    """

    def __init__(
        self, consistency_model: ConsistencyModel = ConsistencyModel.STATISTICAL,
        max_staleness_seconds: float = 60.0, confidence_decay_rate: float = 0.0, *,
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        if not max_staleness_seconds >= 0.0:
            what = f"max_staleness_seconds is {max_staleness_seconds}"
            raise InvalidInput(f"StatisticalCAPResolver: {what}. Give 0 or more.")
        self.consistency_model = ConsistencyModel(consistency_model)
        self.max_staleness_seconds = float(max_staleness_seconds)
        self.confidence_decay_rate = confidence_decay_rate
        self._clock, self._stamps, self._sides = clock, Stamps(), Sides()
        self._updates, self._views = Availability(), Availability()

    @property
    def partition_state(self) -> PartitionState:
        """Whether all sources hear each other, and whether that is being restored."""
        return self._sides.state

    def create_partition(self, partition_id: str) -> dict[str, Any]:
        """Expect a source, a region of the network: missing until it is heard."""
        self._sides.expect(partition_id)
        return {"partition_id": partition_id, "partition_state": self._sides.state}

    async def simulate_network_partition(self, groups: Iterable[Iterable[str]]) -> None:
        """Cut the groups off from each other; sources in none of them stay together."""
        self._sides.cut(groups)

    async def heal_network_partition(self) -> None:
        """Let every side know what the others know, by identity, side by side."""
        while self._sides.heal_one():
            await asyncio.sleep(0)

    async def handle_update(self, update: StatisticalUpdate) -> dict[str, Any]:
        """Take an update in on the side of its source, all of it or nothing.

        Returns
        -------
        dict
            ``status``: applied, duplicate, superseded, quarantined (two contents claim
            one number: neither counts), or blocked (STRONG while parts are cut off:
            nothing was taken in); ``applied_to``: sources that know it now;
            ``confidence_factor``: share of updates whose source is within the bound
            there; ``n`` updates that count there; ``vector_clock`` of the update.

        Raises
        ------
        InvalidInput
            As `tasks.update_stamps.Stamps.stamp`; nothing was taken in.
        """
        start, now = time.perf_counter(), self._clock()
        entry, vector = self._stamps.stamp(update, now)
        refusal = cut_off(self._sides, self.consistency_model, entry.site)
        status = "blocked"
        if refusal is None:
            status = self._sides.side(entry.site).apply(entry).value
            self._stamps.keep(entry, vector)
            self._sides.expect(entry.site)
        self._updates = self._updates.record(self.consistency_model, refusal)
        side, reach = self._sides.side(entry.site), self._sides.reach(entry.site)
        found = heard(side, self._sides.expected, now, self.max_staleness_seconds)
        return {
            "status": status, "update_id": update.update_id,
            "applied_to": [] if refusal else reach, "confidence_factor": found.share,
            "n": side.rows.total(), "vector_clock": {entry.site: entry.seq},
            "reason": None if refusal is None else str(refusal),
            "partition_state": self._sides.state.value,
            "consistency_model": self.consistency_model.value,
            "processing_time_ms": (time.perf_counter() - start) * 1e3,
        }  # fmt: skip

    def get_statistical_view(
        self, partition_id: str | None = None, *, seen: VectorClock | None = None
    ) -> dict[str, Any]:
        """Say what the updates known where a source is mean.

        Parameters
        ----------
        partition_id : str, optional
            None asks the side that knows most.
        seen : VectorClock, optional
            ``clock`` of an earlier answer: CAUSAL never shows less.

        Returns
        -------
        dict
            ``n`` updates that count; ``status``: current, stale or no data;
            ``mean_vector``, ``variance_vector``, ``confidence_bounds`` (95 %) per
            feature, None without data.  Under STATISTICAL the bounds hold for all
            sources: ``all_sources`` is the estimate they include, infinite when the
            past says too little.  ``confidence_factor``, ``degraded``, ``ages``,
            ``staleness_seconds`` of the oldest source, ``digest``, ``clock``.

        Raises
        ------
        Unavailable, StalenessExceeded, NotYet
            As the model demands.
        """
        now, model = self._clock(), self.consistency_model
        name, side = self._sides.asked(partition_id)
        bound, reach = self.max_staleness_seconds, self._sides.reach(name)
        found = heard(side, self._sides.expected, now, bound)
        refusal = check_read(self._sides, model, name, found, bound=bound, seen=seen)
        self._views = self._views.record(model, refusal, degraded=found.degraded)
        if refusal is not None:
            raise refusal
        vectors, clock = self._stamps.vectors, side.clock()
        answer = answer_of(side, vectors, found, model=model, bound=bound, now=now)
        return answer | {
            "partition_id": name, "partition_state": self._sides.state.value,
            "consistency_model": model.value, "reachable_partitions": len(reach),
            "clock": clock, "vector_clock": {s: clock[s].prefix for s in clock.sites},
        }  # fmt: skip

    def get_cap_metrics(self) -> dict[str, Any]:
        """Count what happened; see `tasks.resolver_rules.metrics`."""
        return metrics(self._sides, self._updates, self._views) | {
            "consistency_model": self.consistency_model.value,
            "max_staleness_seconds": self.max_staleness_seconds,
        }
