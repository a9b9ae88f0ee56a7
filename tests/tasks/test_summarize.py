"""Summaries of any array: labels from anywhere, figures of pandas, files that open."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xarray as xr
import zarr
from scipy import stats as distributions

from stats.clustered import ClusteredMoments
from stats.summary import InvalidInput
from storage.errors import Corrupt, NotFound, StoreFormat
from storage.store import BehaviorStore
from tasks.progress import watch_progress
from tasks.summarize import (
    OutputExists,
    summarize_array,
    summary_rows,
    write_summary,
)
from tasks.summary_tables import QUANTILES
from tests.storage.landing import SCHEMA, table, take_in, write

AGENTS, TIMES, FEATURES = 40, 6, ("latency", "errors")


def numbers() -> np.ndarray:
    rng = np.random.default_rng(2)
    x = rng.normal(5, 2, (AGENTS, TIMES, 2)).astype(np.float32)
    x[rng.random(x.shape) < 0.1] = np.nan
    return x


def teams() -> np.ndarray:
    return np.repeat([4, 7, 9, -1], 10)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a zarr group as xarray writes it, with labels of several kinds."""
    folder = tmp_path_factory.mktemp("data")
    group = zarr.open_group(str(folder / "d.zarr"), mode="w")
    array = group.create_array(
        "values",
        shape=numbers().shape,
        chunks=(7, TIMES, 2),
        dtype="float32",
        dimension_names=("agent", "time", "feature"),
    )
    array[...] = numbers()
    names = np.repeat(np.array(["a", "b", "b", ""], dtype=object), 10)
    features = np.array(FEATURES, dtype=object)
    for name, values, dtype in (
        ("team", teams(), "int32"),
        ("site", names, str),
        ("feature", features, str),
        ("level", np.ones(AGENTS), "float64"),
    ):
        beside = group.create_array(name, shape=values.shape, dtype=dtype)
        beside[...] = values
    np.save(folder / "teams.npy", teams())
    np.save(folder / "short.npy", teams()[:-1])
    whom = [None if team < 0 else f"t{team}" for team in teams()]
    pq.write_table(pa.table({"who": whom}), folder / "agents.parquet")
    pd.DataFrame({"who": teams()}).to_csv(folder / "agents.csv", index=False)
    return folder


def run(data: Path, **options: Any) -> Any:
    return summarize_array(str(data / "d.zarr"), "values", **options)


def expected() -> pd.DataFrame:
    rows = pd.DataFrame(numbers().reshape(-1, 2).astype(np.float64), columns=FEATURES)
    return rows.groupby(np.repeat(teams(), TIMES)).agg(
        ["count", "mean", "std", "min", "max"]
    )


def test_figures_are_those_of_pandas(data: Path) -> None:
    found = run(data, groups="team", threads=2).table
    assert found["group"].values.tolist() == ["4", "7", "9"]
    assert found["feature"].values.tolist() == list(FEATURES)
    for j, name in enumerate(FEATURES):
        whole = expected().loc[[4, 7, 9], name]
        for ours, theirs in (
            ("n", "count"), ("mean", "mean"), ("sd", "std"),
            ("minimum", "min"), ("maximum", "max"),
        ):  # fmt: skip
            np.testing.assert_allclose(
                found[ours][:, j], whole[theirs], rtol=1e-12, err_msg=ours
            )
        np.testing.assert_allclose(found["coverage"][:, j], whole["count"] / 60)
    assert found["agents"].values.tolist() == [10, 10, 10]
    codes = np.searchsorted([4, 7, 9], teams()) - 4 * (teams() < 0)
    whole_array = ClusteredMoments.from_block(numbers(), np.maximum(codes, -1), 3)
    _, lower, upper = whole_array.mean_interval()
    np.testing.assert_array_equal(found["lower"], lower)
    np.testing.assert_array_equal(found["upper"], upper)
    np.testing.assert_array_equal(found["covariance"], whole_array.rows.covariance())
    assert found.attrs["digest"] == whole_array.digest()


@pytest.mark.parametrize(
    ("place", "names"),
    [
        ("team", ["4", "7", "9"]),
        ("site", ["a", "b"]),
        ("teams.npy", ["4", "7", "9"]),
        ("agents.parquet:who", ["t4", "t7", "t9"]),
        ("agents.csv:who", ["4", "7", "9"]),
        ("d.zarr/team", ["4", "7", "9"]),
        (None, ["all"]),
    ],
)
def test_labels_come_from_anywhere(
    data: Path, place: str | None, names: list[str]
) -> None:
    given = str(data / place) if place and ("." in place or "/" in place) else place
    found = run(data, groups=given, statistic="spread")
    assert found.table["group"].values.tolist() == names
    agents = 40 if place is None else 30
    assert int(found.table["agents"].sum()) == agents
    assert "covariance" not in found.table
    if names == ["4", "7", "9"]:
        same = run(data, groups="team", statistic="spread")
        assert found.facts["digest"] == same.facts["digest"]


def test_labels_that_cannot_be_used_are_refused(data: Path) -> None:
    cases: list[tuple[str, type[Exception], str]] = [
        ("nonesuch", NotFound, "no such array"),
        (str(data / "none.npy"), NotFound, "no such file"),
        (str(data / "none.parquet:who"), NotFound, "no such file"),
        (str(data / "agents.parquet:age"), NotFound, "no column 'age', there are who"),
        ("level", StoreFormat, "expected one axis of integers or text"),
        ("values", StoreFormat, "expected one axis"),
        (str(data / "short.npy"), InvalidInput, "do not fit 40 agents"),
    ]
    for place, kind, text in cases:
        with pytest.raises(kind, match=text):
            run(data, groups=place)
    (data / "bad.npy").write_bytes(b"no array")
    with pytest.raises(Corrupt, match="cannot be read"):
        run(data, groups=str(data / "bad.npy"))


def test_quantiles_are_within_their_error(data: Path) -> None:
    found = run(data, groups="team", statistic="quantiles").table
    error = found["value"].attrs["relative_error"]
    assert 0 < error <= 0.005
    for g, team in enumerate((4, 7, 9)):
        for j in range(2):
            rows = numbers()[teams() == team][:, :, j].ravel()
            rows = rows[~np.isnan(rows)].astype(np.float64)
            true = np.quantile(rows, QUANTILES, method="inverted_cdf")
            np.testing.assert_allclose(found["value"][g, j], true, rtol=error)


def test_the_shape_is_that_of_the_numbers_and_says_that_it_is_not_exact(
    data: Path,
) -> None:
    found = run(data, groups="team", statistic="shape")
    assert found.facts["exact"] is False
    for g, team in enumerate((4, 7, 9)):
        for j in range(2):
            rows = numbers()[teams() == team][:, :, j].ravel()
            rows = rows[~np.isnan(rows)].astype(np.float64)
            cell = found.table.isel(group=g, feature=j)
            assert cell["n"] == len(rows)
            for name, expected in (
                ("mean", rows.mean()),
                ("sd", rows.std(ddof=1)),
                ("skewness", distributions.skew(rows, bias=False)),
                ("kurtosis", distributions.kurtosis(rows, bias=False)),
            ):
                np.testing.assert_allclose(
                    cell[name], expected, rtol=1e-9, err_msg=name
                )


def test_facts_say_what_the_pass_took(data: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    with watch_progress(lambda *step: steps.append(step)):
        facts = run(data, groups="team").facts
    assert steps == [("chunks", done, 6) for done in range(1, 7)]
    assert facts["codec"] == "bytes + zstd(0)"
    assert (facts["agents"], facts["times"], facts["features"]) == (40, 6, 2)
    assert facts["nanoseconds_per_row"] > 0
    assert sum(facts["memory_predicted_parts"].values()) == facts["memory_predicted"]
    assert facts["memory_predicted"] < facts["memory_allowed"]
    assert facts["memory_peak"] > 0


def test_what_is_written_opens_and_nothing_is_overwritten(
    data: Path, tmp_path: Path
) -> None:
    for statistic in ("moments", "quantiles"):
        found = run(data, groups="team", statistic=statistic)
        folder = tmp_path / statistic
        table_path, facts_path = write_summary(found, folder)
        with xr.open_zarr(table_path, consolidated=False) as opened:
            for name, values in found.table.data_vars.items():
                np.testing.assert_array_equal(opened[name].values, values.values)
            assert opened["group"].values.tolist() == ["4", "7", "9"]
            assert opened.attrs["digest"] == found.facts["digest"]
        assert json.loads(facts_path.read_text()) == found.facts
        with pytest.raises(OutputExists, match="not empty"):
            write_summary(found, folder)


def test_rows_are_plain_values_and_no_more_than_asked(data: Path) -> None:
    found = run(data, groups="team")
    rows = summary_rows(found, 5)
    assert [(row["group"], row["feature"]) for row in rows] == [
        ("4", "latency"), ("4", "errors"), ("7", "latency"), ("7", "errors"),
        ("9", "latency"),
    ]  # fmt: skip
    assert rows[2]["n"] == int(found.table["n"][1, 0])
    assert rows[2]["mean"] == float(found.table["mean"][1, 0])
    assert "covariance" not in rows[0]
    json.dumps(rows, allow_nan=False)
    quantiles = summary_rows(run(data, groups="team", statistic="quantiles"), 1)
    assert list(quantiles[0])[-5:] == ["q0.05", "q0.25", "q0.5", "q0.75", "q0.95"]


def test_a_shard_of_a_store_is_an_array_like_any_other(tmp_path: Path) -> None:
    store = BehaviorStore.create(str(tmp_path / "store"), SCHEMA, rows_per_chunk=4)
    take_in(store, write(tmp_path / "landing" / "a.parquet", table(1)))
    (row,) = store.shards()
    shard = store.read(row)
    found = summarize_array(store.url, f"{row.path}/values", groups="team")
    n = ~np.isnan(shard.values)
    for code in range(len(shard.team_names)):
        own = n[shard.team == code].sum(axis=(0, 1))
        assert found.table["n"][code].values.tolist() == own.tolist()
    assert found.table["group"].values.tolist() == shard.team_names.tolist()
    assert found.facts["snapshot"] == store.snapshot
