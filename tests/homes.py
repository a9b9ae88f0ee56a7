"""A small home folder with known data: three sites, twenty-four nights, one store."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pandas as pd

from storage.ingest import IngestReport, ingest
from storage.schema import Feature, Schema
from storage.store import BehaviorStore

FIRST = dt.date(2026, 3, 1)
NIGHTS = 24
LAST = (FIRST + dt.timedelta(days=NIGHTS - 1)).isoformat()
MISSING_SITE = "south"
SITES = ("north", "south", "west")
TEAMS, AGENTS, TIMES = 4, 20, (0, 8, 16)
NOW = int(dt.datetime(2026, 3, 25, 7, tzinfo=dt.UTC).timestamp() * 1_000_000_000)
CLOCK = "2026-03-25T07:00:00"
SCHEMA = Schema(
    dataset="calls",
    features=(
        Feature(
            "latency", "ms", "Latency", 0.0, 5_000.0, above="answered {value} late"
        ),
        Feature("errors", "1", "Errors", -50.0, 50.0),
        Feature("volume", "MB", "Volume", 0.0, 1e6, transform="log1p", scale=10.0),
    ),
    times=TIMES,
    complete_rows=False,
)


def shard(site: str, night: str, *, shift: float = 0.0) -> pd.DataFrame:
    """Rows of one shard; agents differ in level, a few cells and values are absent."""
    rng = np.random.default_rng([SITES.index(site), int(night.replace("-", ""))])
    level = np.random.default_rng(SITES.index(site)).normal(size=(TEAMS * AGENTS, 3))
    rows = []
    for agent in range(TEAMS * AGENTS):
        for time in TIMES:
            if rng.random() < 0.1:
                continue
            x = level[agent] + rng.normal(size=3)
            rows.append(
                {
                    "agent": f"{site}-{agent:03d}",
                    "team": f"team-{agent % TEAMS}",
                    "time": time,
                    "latency": 500.0 + 5.0 * x[0] + 20.0 * x[1] + shift,
                    "errors": 2.0 * x[1],
                    "volume": np.nan
                    if rng.random() < 0.05
                    else float(np.exp(3 + x[2])),
                }
            )
    return pd.DataFrame(rows)


def write_shard(
    folder: Path, site: str, night: str, *, seq: int = 1, shift: float = 0.0
) -> Path:
    """Write one landing file with its sidecar."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{site}_{night}_v{seq}.parquet"
    shard(site, night, shift=shift).to_parquet(path, index=False)
    header = {"site": site, "night": night, "seq": seq}
    path.with_name(f"{path.name}.shard.json").write_text(json.dumps(header))
    return path


def nights(count: int = NIGHTS) -> list[str]:
    """The last `count` nights, oldest first."""
    every = [(FIRST + dt.timedelta(days=k)).isoformat() for k in range(NIGHTS)]
    return every[-count:]


def take_in(home: Path, *paths: Path) -> IngestReport:
    """Ingest at the clock of the morning after the last night."""
    store = BehaviorStore.open(str(home / "store"), mode="a")
    return ingest(paths, store, quarantine=home / "quarantine", now=NOW)


def build_home(
    home: Path, *, rows_per_chunk: int | None = None, nights_kept: int = NIGHTS
) -> Path:
    """Make a home whose store holds every shard but `MISSING_SITE`'s of last night."""
    BehaviorStore.create(str(home / "store"), SCHEMA, rows_per_chunk=rows_per_chunk)
    for night in nights(nights_kept):
        for site in SITES:
            if (site, night) != (MISSING_SITE, LAST):
                write_shard(home / "landing", site, night)
    report = take_in(home, home / "landing")
    assert report.exit_code == 0, report.rejected
    return home
