"""Bind the synthetic population to the store: landing files, as sites deliver them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stats.simulate import Block, Population
from stats.simulate_anomalies import Anomaly
from stats.simulate_params import PopulationParams
from storage.results import write_table
from storage.schema import Feature, Schema
from storage.sources import sidecar_of
from tasks.example import Prepared
from tasks.ingest import open_store

__all__ = ["LAST_NIGHT", "population_schema", "prepare_population"]

NIGHTS = 28
LAST_NIGHT = dt.date(2026, 2, 1)
_SITES, _TEAMS_PER_SITE = 4, 10
# What is wrong with the last night: one agent in a hundred moves by eight noise sd.
_SHARE, _SIZE = 0.01, 8.0


def population_schema(features: int) -> Schema:
    """Features without unit and range, one time step a night."""
    names = [f"f{k:02d}" for k in range(features)]
    return Schema(
        dataset="population",
        features=tuple(Feature(n, "1", f"Feature {n[1:]}") for n in names),
        times=(0,),
        complete_rows=False,
    )


def prepare_population(
    home: Path,
    agents: int,
    *,
    seed: int = 0,
    progress: Callable[[str, int, int], None],
) -> Prepared:
    """Write the landing files of a seeded population with known anomalies.

    Parameters
    ----------
    home : Path
        Home folder; its store is created when there is none.
    agents : int
    seed : int
    progress : callable
        Told the step, how many files are done, and how many there are.

    Returns
    -------
    Prepared
        Its note says how many agents were moved on the last night.
    """
    params = PopulationParams(
        agents=agents, nights=NIGHTS, sites=_SITES,
        teams_per_site=_TEAMS_PER_SITE, seed=seed,
    )  # fmt: skip
    moved = Anomaly("mean shift", start=NIGHTS - 1, size=_SIZE, share=_SHARE)
    population = Population(params, (moved,))
    blocks = [population.block(b) for b in range(population.blocks)]
    rows = done = anomalous = 0
    for block in blocks:
        anomalous += int(block.truth.anomalous[:, -1].sum())
    for night in range(NIGHTS):
        for site in range(_SITES):
            rows += _write(home / "landing", blocks, night, site, params.features)
            done += 1
            progress("prepare", done, NIGHTS * _SITES)
    open_store(str(home / "store"), population_schema(params.features))
    note = f"{anomalous} of {agents:,} agents are moved on {LAST_NIGHT.isoformat()}."
    return Prepared(done, rows, note)


def _write(
    landing: Path, blocks: list[Block], night: int, site: int, features: int
) -> int:
    when = (LAST_NIGHT - dt.timedelta(days=NIGHTS - 1 - night)).isoformat()
    parts = [(b, (b.site == site) & b.present[:, night]) for b in blocks]
    agents = np.concatenate([b.agents[here] for b, here in parts])
    teams = np.concatenate([b.team[here] for b, here in parts])
    values = np.concatenate([b.values[here, night] for b, here in parts])
    columns: dict[str, NDArray[np.generic] | list[str]] = {
        "agent": [f"a{agent:07d}" for agent in agents],
        "team": [f"t{team:05d}" for team in teams],
        "time": np.zeros(len(agents), dtype=np.int64),
        **{f"f{k:02d}": values[:, k] for k in range(features)},
    }
    landing.mkdir(parents=True, exist_ok=True)
    path = landing / f"s{site:02d}_{when}.parquet"
    write_table(path, columns)
    header = {"site": f"s{site:02d}", "night": when, "seq": night + 1}
    sidecar_of(path).write_text(json.dumps(header))
    return len(agents)
