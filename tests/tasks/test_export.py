"""An export is read by plain zarr, xarray and pyarrow, and gives back every digest."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest
import xarray as xr
import zarr

from storage import export_zarr
from storage.errors import Corrupt, ExportRefused
from storage.evidence import evidence_rows
from storage.export_folder import read_manifest
from storage.results import write_results
from storage.store import BehaviorStore
from tasks.export import export_store
from tasks.ledgers import ledger_of
from tests.damaged import RESULT, build_store
from tests.storage.landing import NIGHT, take_in

GROUP = f"runs/{NIGHT}/r1/scores"
AGENTS = np.array(["a", "é", "c"])
FLAGS = np.array([[True, False], [False, False], [True, True]])
P = np.array([[0.5, np.nan], [-0.0, 1e-300], [np.inf, 0.1]])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> BehaviorStore:
    found = build_store(tmp_path_factory.mktemp("export"), sites=2)
    arrays = {
        "agent": (("agent",), AGENTS, {}),
        "feature": (("feature",), np.array(["x", "y"]), {}),
        "p": (("agent", "feature"), P, {"level": 0.95}),
        "found": (("agent", "feature"), FLAGS, {}),
        "n": ((), np.int64(6), {}),
    }
    write_results(found, {GROUP: arrays}, attributes={f"runs/{NIGHT}/r1": {"run": "x"}})
    return found


def test_plain_zarr_and_xarray_read_an_export(
    store: BehaviorStore, tmp_path: Path
) -> None:
    done = export_store(store.url, tmp_path / "plain", "zarr")
    assert (done.shards, done.results, done.archived) == (3, 2, 0)
    assert done.ledger_digest == ledger_of(store.rows()).digest()
    root = zarr.open_group(tmp_path / "plain", mode="r")
    for row in store.shards():
        values = root[f"{row.path}/values"][:]
        assert values.tobytes() == store.read(row).values.tobytes()
        assert root[row.path].attrs["sha256"] == row.sha256
    opened = xr.open_zarr(tmp_path / "plain", group=GROUP, consolidated=False)
    assert opened["p"].values.tobytes() == P.tobytes()
    assert opened["agent"].values.tolist() == AGENTS.tolist()
    assert opened["p"].attrs["level"] == 0.95
    said = read_manifest(tmp_path / "plain")
    assert (said["snapshot"], said["shards"]) == (store.snapshot, 3)
    with pytest.raises(ExportRefused, match="exists"):
        export_store(store.url, tmp_path / "plain", "zarr")
    victim = tmp_path / "plain" / GROUP / "p" / "c" / "0" / "0"
    victim.write_bytes(victim.read_bytes()[:-1])
    with pytest.raises(ExportRefused, match="scores/p/c/0/0"):
        read_manifest(tmp_path / "plain")


def test_parquet_is_read_by_pyarrow_and_taken_in_again(
    store: BehaviorStore, tmp_path: Path
) -> None:
    out = tmp_path / "tables"
    done = export_store(store.url, out, "parquet")
    assert (done.shards, done.results) == (3, 2)
    behavior = pads.dataset(out / "behavior").to_table()
    assert behavior.num_rows == sum(row.n for row in store.shards())
    ledger = pq.read_table(out / "ledger.parquet").to_pydict()
    assert ledger["sha256"] == [row.sha256 for row in store.rows()]
    assert ledger["counts"] == [True] * 3
    table = pq.read_table(out / GROUP / "agent-feature.parquet").to_pydict()
    assert table["agent"] == np.repeat(AGENTS, 2).tolist()
    assert table["feature"] == ["x", "y"] * 3
    assert np.array(table["p"]).tobytes() == P.reshape(-1).tobytes()
    assert table["found"] == FLAGS.reshape(-1).tolist()
    mean = pq.read_table(out / "runs" / "a" / "agent.parquet").to_pydict()
    assert mean == {"agent": list(range(len(RESULT))), "mean": RESULT.tolist()}

    again = BehaviorStore.create(str(tmp_path / "again"), store.schema)
    report = take_in(again, out / "behavior", out / "evidence", keep=True)
    assert report.rejected == ()
    one, two = (
        {(r.key, r.version, r.sha256) for r in s.rows()} for s in (store, again)
    )
    assert one == two
    assert [r.n for r in evidence_rows(again)] == [r.n for r in evidence_rows(store)]


def test_some_nights_and_none_of_an_export_that_does_not_read_back(
    store: BehaviorStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = export_store(store.url, tmp_path / "none", "zarr", until="2026-03-07")
    assert (done.shards, done.results) == (0, 1)
    assert json.loads((tmp_path / "none" / "export.json").read_text())["nights"] == []
    real = export_zarr._get

    def lossy(reader, key):
        data = real(reader, key)
        return data[:-1] if key.endswith("values/c/0/0/0") else data

    monkeypatch.setattr(export_zarr, "_get", lossy)
    with pytest.raises(Corrupt, match="does not decode"):
        export_store(store.url, tmp_path / "bad", "zarr")
    assert not (tmp_path / "bad").exists()
    monkeypatch.undo()
    assert export_store(store.url, tmp_path / "bad", "zarr").shards == 3
