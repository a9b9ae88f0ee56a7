"""What each consistency model refuses of online updates, and how often it did."""

from __future__ import annotations

from typing import Any

from stats.availability import Availability, Rate
from stats.clock import VectorClock
from stats.refusals import NotYet, Refused, StalenessExceeded, Unavailable
from stats.staleness import ConsistencyModel, PartitionState
from tasks.online_replicas import Replica
from tasks.online_sides import Sides
from tasks.resolver_answer import Heard

__all__ = ["check_read", "cut_off", "metrics"]


def cut_off(
    sides: Sides, model: ConsistencyModel, source: str | None
) -> Refused | None:
    """STRONG while sources are cut off: the refusal, else None."""
    if model is not ConsistencyModel.STRONG:
        return None
    if sides.state is PartitionState.CONNECTED:
        return None
    return Unavailable("now", None, sides.beyond(source))


def check_read(
    sides: Sides,
    model: ConsistencyModel,
    source: str | None,
    found: Heard,
    *,
    bound: float,
    seen: VectorClock | None,
) -> Refused | None:
    """Return the refusal that a model demands of a read, or None.

    Parameters
    ----------
    sides : Sides
    model : ConsistencyModel
    source : str, optional
        Whose side answers.
    found : Heard
        Ages there.
    bound : float
        Seconds.
    seen : VectorClock, optional
        What the reader saw before.
    """
    if model is ConsistencyModel.CAUSAL:
        return _causal(sides.asked(source)[1], seen)
    if model is ConsistencyModel.BOUNDED_STALENESS and found.stale:
        site = max(found.stale, key=lambda name: (found.ages[name], name))
        return StalenessExceeded(
            site, 0, found.ages[site], limits=(None, bound), sites=found.stale
        )
    return cut_off(sides, model, source)


def _causal(side: Replica, seen: VectorClock | None) -> NotYet | None:
    clock = side.clock()
    used = {dot for entry in side.winners() for dot in entry.stated.deps}
    missing = sorted(dot for dot in used if dot not in clock)
    if seen is not None:
        missing += clock.lacks(seen)
    return NotYet(missing[0], len(missing)) if missing else None


def metrics(sides: Sides, updates: Availability, views: Availability) -> dict[str, Any]:
    """Count what happened; nothing here is assumed.

    Returns
    -------
    dict
        ``total_updates`` asked for; ``availability_score``: share that was taken in,
        with ``availability_interval`` (Wilson, 95 %); ``read_availability`` and its
        interval; ``refusals`` by kind; ``consistency_score``: share of all known
        versions that every side knows; ``pending_updates``: those that some side does
        not know; ``conflict_count``: updates with two contents; ``partition_events``,
        ``concurrent_joins``, ``partition_state``.  A share of nothing is None.
    """
    known = [set(replica.entries) for replica in sides.replicas]
    union, common = set.union(*known), set.intersection(*known)
    taken, read = updates.rate(), views.rate()
    everything = Replica()
    for replica in sides.replicas:
        everything.join(replica)
    return {
        "total_updates": taken.asked,
        "availability_score": _share(taken),
        "availability_interval": _interval(taken),
        "read_availability": _share(read),
        "read_availability_interval": _interval(read),
        "refusals": updates.merge(views).refusals(),
        "consistency_score": len(common) / len(union) if union else 1.0,
        "pending_updates": len(union) - len(common),
        "conflict_count": everything.contradicted(),
        "partition_events": sides.events,
        "partition_tolerance": sides.events > 0,
        "concurrent_joins": sides.concurrent,
        "partition_state": sides.state.value,
    }


def _share(rate: Rate) -> float | None:
    return rate.share if rate.asked else None


def _interval(rate: Rate) -> tuple[float, float] | None:
    return (rate.lower, rate.upper) if rate.asked else None
