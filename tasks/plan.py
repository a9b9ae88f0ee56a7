"""What a run is told, and what it decides before it computes anything."""

from __future__ import annotations

import importlib.metadata
import platform
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from stats.summary import NotEnoughData
from storage.quarantine import quarantine_list
from storage.schema import ShardRow
from storage.store import BehaviorStore
from tasks.publish import Published, identity, latest
from tasks.reconcile import default_as_of, reconcile, window
from tasks.weigh import WeighOptions, evidence_of_others

__all__ = [
    "Plan",
    "Settings",
    "VerdictFailed",
    "decide",
    "quarantined_files",
    "versions",
    "window_rows",
]


class VerdictFailed(RuntimeError):
    """At least one check of the run did not pass; nothing was published."""

    kind: ClassVar[str] = "verdict_failed"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the steps of a night need to know.

    `results` holds the parameters that can change a result; everything else only
    changes how and where it is computed.
    """

    store: str
    reports: Path
    night: str
    window: int
    false_discovery: float
    sites: tuple[str, ...] = ()
    rows_per_block: int | None = None
    fan_in: int = 16
    shuffle: bool = False
    force: bool = False
    results: dict[str, Any] = field(default_factory=dict)
    quarantined: dict[str, int] = field(default_factory=dict)
    now: int | None = None
    weigh: WeighOptions | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """One run, decided: which night at which snapshot, as which revision.

    `standing` is the publication that already answers; the run is then a no-op.
    """

    night: str
    snapshot: str
    as_of: int
    identity: str
    revision: int
    standing: Published | None
    previous: Published | None

    @property
    def run(self) -> str:
        """Name of the run."""
        return f"{self.night}-r{self.revision}-{self.identity[:8]}"


def versions() -> dict[str, str]:
    """Versions of what decides a result's bits or its look."""
    names = ("consilience", "numpy", "scipy", "numba", "zarr", "icechunk", "dask")
    found = {name: importlib.metadata.version(name) for name in names}
    return found | {"python": platform.python_version()}


def decide(settings: Settings) -> Plan:
    """Pin a snapshot, find the night, and see whether it already stands.

    Raises
    ------
    stats.summary.NotEnoughData
        When the store holds no shard at all.
    """
    store = BehaviorStore.open(settings.store)
    night = settings.night
    if night == "latest":
        night = max((row.key.night for row in store.shards()), default="")
        if not night:
            raise NotEnoughData(
                f"nightly: the store {settings.store} holds no shard. "
                "Ingest data first: consilience ingest FILES."
            )
    clock = settings.now
    as_of = default_as_of(night, time.time_ns()) if clock is None else clock
    view = reconcile(
        store, night, nights=settings.window, roster=settings.sites, as_of=as_of
    )
    decisive = dict(settings.results)
    if settings.weigh is not None:
        nights = settings.weigh.nights
        decisive["evidence"] = evidence_of_others(store, night, nights)
    name = identity(view, decisive, versions()["consilience"])
    previous = latest(store, night)
    same = previous is not None and previous.identity == name and not settings.force
    revision = 1 if previous is None else previous.revision + (0 if same else 1)
    standing = previous if same else None
    return Plan(night, store.snapshot, as_of, name, revision, standing, previous)


def window_rows(store: BehaviorStore, settings: Settings, plan: Plan) -> list[ShardRow]:
    """Every delivered shard of the window, also versions that will not count."""
    first = window(plan.night, settings.window)[0]
    return list(store.shards(since=first, until=plan.night))


def quarantined_files(folder: Path) -> dict[str, int]:
    """How many files lie in the quarantine, by the site that sent them."""
    found: dict[str, int] = {}
    for entry in quarantine_list(folder):
        found[entry.site] = found.get(entry.site, 0) + 1
    return found
