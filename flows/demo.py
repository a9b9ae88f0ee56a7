"""The demonstration: prepare an example, ingest it like any delivery, run its night."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from pydantic import BaseModel

from flows.ingest import ingest
from flows.nightly import NightOutcome, nightly
from flows.parameters import IngestParameters, NightParameters
from tasks.example import (
    Aggregate,
    prepare_flights,
    year_aggregates,
)
from tasks.population import LAST_NIGHT, prepare_population
from tasks.progress import report_progress

__all__ = ["DemoOutcome", "storm", "synthetic", "year"]

STORM = "2013-03-08"
FIRST = "2013-01-01"
LAST = "2013-12-31"
# EWR, the worst hit airport, goes silent on the eve of the storm.
HELD_BACK = (("EWR", "2013-03-07"), ("EWR", "2013-03-08"))


class DemoOutcome(BaseModel):
    """What a demonstration answers."""

    lines: tuple[str, ...]
    night: NightOutcome | None = None
    aggregates: tuple[Aggregate, ...] = ()
    next: str = ""


def storm(home: Path, *, cluster: str = "local") -> DemoOutcome:
    """Run the night of 8 March 2013 with one airport missing."""
    prepared = prepare_flights(
        home, FIRST, STORM, held_back=HELD_BACK, progress=report_progress
    )
    ingest(IngestParameters(home=home))
    night = nightly(
        NightParameters(home=home, night=STORM, cluster=cluster, ingest=False)
    )
    held = home / "held-back"
    again = f"consilience nightly --night {STORM} --home {home}"
    return DemoOutcome(
        lines=(
            f"{prepared.shards} shards of {prepared.rows:,} flights, "
            f"{FIRST} to {STORM}; EWR is held back since 7 March.",
        ),
        night=night,
        next=f"Let EWR arrive, and run the night again:\n"
        f"  consilience ingest {held} --home {home}\n  {again}",
    )


def year(home: Path, *, cluster: str = "local") -> DemoOutcome:
    """Ingest the whole year and reproduce its reference aggregates."""
    prepared = prepare_flights(home, FIRST, LAST, progress=report_progress)
    landed = (home / "landing", home / "held-back")
    ingest(IngestParameters(home=home, paths=landed))
    night = nightly(
        NightParameters(
            home=home, night=LAST, window=364, cluster=cluster, ingest=False
        )
    )
    found = year_aggregates(home)
    width = max(len(a.name) for a in found)
    return DemoOutcome(
        lines=(
            f"{prepared.shards} shards of {prepared.rows:,} flights, "
            f"{FIRST} to {LAST}.",
            *(
                f"  {a.name:<{width}}  {a.found}  "
                f"{'equal' if a.equal else f'expected {a.expected}'}"
                for a in found
            ),
        ),
        night=night,
        aggregates=found,
    )


def synthetic(home: Path, agents: int, *, cluster: str = "local") -> DemoOutcome:
    """Run the last of 28 nights of a seeded population with known anomalies."""
    prepared = prepare_population(home, agents, progress=report_progress)
    morning = dt.datetime.combine(
        LAST_NIGHT + dt.timedelta(days=1), dt.time(7), tzinfo=dt.UTC
    )
    ingest(IngestParameters(home=home, now=morning))
    night = nightly(
        NightParameters(home=home, cluster=cluster, ingest=False, now=morning)
    )
    lines = (
        f"{prepared.shards} shards of {prepared.rows:,} agent nights.",
        prepared.note,
    )
    return DemoOutcome(lines=lines, night=night)
