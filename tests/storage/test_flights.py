"""The public example reproduces figures that were found without this code."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from storage.examples import REFERENCE, flights_schema, load_flights, write_flights
from storage.ingest import ingest
from storage.schema import ShardData
from storage.sources import read_table
from storage.staging import stage
from storage.store import BehaviorStore
from storage.tables import shard_from_table

NOW = 1_800_000_000_000_000_000


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> list[ShardData]:
    """Return every shard of the year, read back from its landing file."""
    folder = tmp_path_factory.mktemp("flights") / "landing"
    manifest = write_flights(folder, "2013-01-01", "2013-12-31")
    assert (manifest.shards, manifest.rows, manifest.without_tail) == (
        1_095,
        336_776 - 2_512,
        2_512,
    )
    schema = flights_schema()
    return [shard_from_table(read_table(f), schema, f.name) for f in manifest.files]


def complete_rows(year: list[ShardData]) -> np.ndarray:
    rows = np.concatenate([data.values.reshape(-1, 5) for data in year])
    return rows[~np.isnan(rows).any(axis=1)]


def test_sums_of_the_year_are_exact(year: list[ShardData]) -> None:
    rows = complete_rows(year)
    whole = rows[:, :4].astype(np.int64)
    assert np.array_equal(whole, rows[:, :4])
    dep, arr, air, far = whole.T
    found = {
        "complete rows": len(whole),
        "sum dep_delay": dep.sum(),
        "sum arr_delay": arr.sum(),
        "sum air_time": air.sum(),
        "sum distance": far.sum(),
        "sum arr_delay^2": (arr * arr).sum(),
        "sum dep_delay*arr_delay": (dep * arr).sum(),
    }
    assert {name: str(value) for name, value in found.items()} == {
        name: REFERENCE[name] for name in found
    }


def test_means_and_spreads_of_the_year(year: list[ShardData]) -> None:
    rows = complete_rows(year)
    names = flights_schema().names
    n = len(rows)
    for j, name in enumerate(names):
        mean, sd = rows[:, j].mean(), rows[:, j].std(ddof=1)
        assert f"{mean:.6f}" == REFERENCE[f"mean {name}"]
        assert f"{sd:.6f}" == REFERENCE[f"sd {name}"]
    exact = Fraction(int(REFERENCE["sum arr_delay"]), n)
    assert f"{float(exact):.6f}" == REFERENCE["mean arr_delay"]
    r = np.corrcoef(rows.T)
    assert f"{r[0, 1]:.4f}" == REFERENCE["r dep_delay, arr_delay"]
    assert f"{r[2, 3]:.4f}" == REFERENCE["r air_time, distance"]


def test_agents_teams_and_sites_form_a_tree(year: list[ShardData]) -> None:
    team_of: dict[str, str] = {}
    for data in year:
        names = data.team_names[data.team]
        for agent, entity, team in zip(data.agents, data.entities, names, strict=True):
            tail, carrier, site = str(agent).split(":")
            assert (str(entity), str(team)) == (tail, f"{carrier}@{site}")
            assert team_of.setdefault(str(agent), str(team)) == team
    assert (len(team_of), len(set(team_of.values()))) == (7_945, 35)
    assert len({agent.split(":")[0] for agent in team_of}) == 4_043


def test_cancelled_flights_are_present_without_values(year: list[ShardData]) -> None:
    present = sum(data.n for data in year)
    seen = np.sum([data.observed() for data in year], axis=0)
    assert present == 336_776 - 2_512
    assert seen.tolist() == [327_346] * 5
    assert max(int(data.count.max()) for data in year) == 1


def test_the_storm_hit_the_airport_that_the_demonstration_holds_back(
    tmp_path: Path,
) -> None:
    held = tmp_path / "late"
    manifest = write_flights(
        tmp_path / "landing", "2013-03-08", "2013-03-08",
        hold_back=[("EWR", "2013-03-08")], held_back=held,
    )  # fmt: skip
    assert [f.name for f in manifest.files] == [
        "flights-JFK-2013-03-08.parquet",
        "flights-LGA-2013-03-08.parquet",
    ]
    assert [f.parent for f in manifest.held_back] == [held]
    schema = flights_schema()
    delays = {
        file.name: shard_from_table(read_table(file), schema, "").values[..., 1]
        for file in (*manifest.files, *manifest.held_back)
    }
    everyone = np.concatenate([d[~np.isnan(d)] for d in delays.values()])
    ewr = delays.pop("flights-EWR-2013-03-08.parquet")
    others = np.concatenate([d[~np.isnan(d)] for d in delays.values()])
    assert len(everyone) == 798
    means = [everyone.mean(), others.mean(), np.nanmean(ewr)]
    assert [f"{m:.3f}" for m in means] == ["85.862", "76.303", "104.981"]


def test_landing_files_go_through_the_ordinary_ingest(tmp_path: Path) -> None:
    manifest = write_flights(tmp_path / "landing", "2013-07-04", "2013-07-05")
    written = json.loads((tmp_path / "landing" / "manifest.json").read_text())
    assert written["rows_without_tail_number"] == manifest.without_tail
    store = BehaviorStore.create(str(tmp_path / "store"), flights_schema())
    report = ingest(
        [tmp_path / "landing"], store, quarantine=tmp_path / "quarantine", now=NOW
    )
    assert (report.exit_code, len(report.receipts)) == (0, 6)
    raw = load_flights()
    night = raw[(raw["night"] == "2013-07-04") & raw["tailnum"].notna()]
    rows = store.shards(night="2013-07-04")
    assert [(r.key.site, r.n) for r in rows] == sorted(
        (str(site), int(n)) for site, n in night["origin"].value_counts().items()
    )
    assert all(store.read(row, verify=True).n == row.n for row in store.shards())


def test_writing_the_flights_again_changes_no_byte(tmp_path: Path) -> None:
    first = write_flights(tmp_path / "a", "2013-05-01", "2013-05-01")
    second = write_flights(tmp_path / "b", "2013-05-01", "2013-05-01")
    write_flights(tmp_path / "a", "2013-05-01", "2013-05-01")
    for one, two in zip(first.files, second.files, strict=True):
        assert one.read_bytes() == two.read_bytes()
    hashes = [stage(f, flights_schema(), now=NOW).shard.row.sha256 for f in first.files]
    assert len(set(hashes)) == 3
