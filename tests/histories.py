"""A small home in which it is known what happened to whom, for investigations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from storage.store import BehaviorStore
from tasks.plan import decide
from tasks.publish import Published, publish
from tests.homes import LAST, MISSING_SITE, SCHEMA, SITES, nights, shard, take_in
from tests.nights import compute, settings

DAYS = nights()
ODD, ODD_NIGHT = "north-007", DAYS[-3]
ABSENT_NIGHT, WITHOUT_VOLUME, SILENT_NIGHT = DAYS[-5], DAYS[-4], DAYS[-6]
CORRECTED_NIGHT, CORRECTED = DAYS[-8], "west-010"
ROVER, ROVER_AGENTS = "rover", {"north": "north-000", "west": "west-000"}
CHUNK = 16


def rows(site: str, night: str) -> pd.DataFrame:
    """Rows of one shard, with everything planted in them."""
    found = shard(site, night)
    found["entity"] = found["agent"]
    rover = found["agent"] == ROVER_AGENTS.get(site, "")
    found.loc[rover, "entity"] = ROVER
    odd = found["agent"] == ODD
    if night == ODD_NIGHT:
        found.loc[odd, "latency"] += 200.0
    if night == WITHOUT_VOLUME:
        found.loc[odd, "volume"] = np.nan
    return found[~odd] if night == ABSENT_NIGHT else found


def deliver(folder: Path, site: str, night: str, found: pd.DataFrame, seq: int) -> Path:
    """Write one landing file; its version is in its name."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{site}_{night}_v{seq}.parquet"
    found.to_parquet(path, index=False)
    header = f'{{"site": "{site}", "night": "{night}", "seq": {seq}}}'
    path.with_name(f"{path.name}.shard.json").write_text(header)
    return path


def build_history_home(home: Path) -> Path:
    """Deliver every night; one site is silent twice, one shard is corrected."""
    BehaviorStore.create(str(home / "store"), SCHEMA, rows_per_chunk=CHUNK)
    for night in DAYS:
        for site in SITES:
            if site == MISSING_SITE and night in (SILENT_NIGHT, LAST):
                continue
            deliver(home / "landing", site, night, rows(site, night), 1)
    assert take_in(home, home / "landing").exit_code == 0
    better = rows("west", CORRECTED_NIGHT)
    better.loc[better["agent"] == CORRECTED, "latency"] += 30.0
    file = deliver(home / "later", "west", CORRECTED_NIGHT, better, 2)
    assert take_in(home, file).exit_code == 0
    return home


def publish_last_night(home: Path) -> Published:
    """Publish the last night as the nightly run does, without its report."""
    _, night, scores = compute(home)
    plan = decide(settings(home))
    record = Published(
        LAST, 1, plan.run, plan.identity, plan.snapshot, night.digest,
        {"title": "", "value": None}, {},
    )  # fmt: skip
    publish(BehaviorStore.open(str(home / "store"), mode="a"), night, scores, record)
    return record
