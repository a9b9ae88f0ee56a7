"""Checkpoints, results and tables, and what `verify` says of a store."""

from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import xarray as xr

from storage import integrity
from storage.checkpoints import CheckpointKey, Checkpoints
from storage.errors import NotFound, Rejected, StorageError
from storage.integrity import verify
from storage.results import read_attributes, read_results, write_results, write_table
from storage.store import BehaviorStore

KEYS = [
    CheckpointKey("moments", "north", "2026-03-08", "0", f"{i:064x}") for i in range(4)
]
GROUP = "runs/2026-03-08/r1/scores"
ARRAYS = {
    "agent": (("agent",), np.array(["a", "é", "c"]), {}),
    "p": (("agent",), np.array([0.5, np.nan, -0.0]), {"level": 0.95}),
    "found": (("agent",), np.array([True, False, True]), {}),
    "n": (("agent", "feature"), np.arange(6, dtype=np.int64).reshape(3, 2), {}),
    "none": (("entity",), np.zeros(0, dtype=np.str_), {}),
}


def test_checkpoints_come_back_bit_by_bit_in_one_commit(store: BehaviorStore) -> None:
    kept = {key: bytes([i]) * (i * 1000) for i, key in enumerate(KEYS[:3])}
    before = len(store.history())
    Checkpoints(store).put(kept)
    assert len(store.history()) == before + 1
    found = Checkpoints(BehaviorStore.open(store.url)).get(KEYS)
    assert found == kept
    snapshot = store.snapshot
    Checkpoints(store).put(kept)
    assert store.snapshot == snapshot
    Checkpoints(store).put(kept | {KEYS[3]: b"more"})
    assert Checkpoints(store).get(KEYS[3:]) == {KEYS[3]: b"more"}
    assert Checkpoints(store).get([]) == {}


def test_two_writers_of_the_same_checkpoint_agree(store: BehaviorStore) -> None:
    other = BehaviorStore.open(store.url, "a")
    Checkpoints(store).put({KEYS[0]: b"same"})
    Checkpoints(other).put({KEYS[0]: b"same", KEYS[1]: b"new"})
    assert Checkpoints(other).get(KEYS) == {KEYS[0]: b"same", KEYS[1]: b"new"}


def test_a_checkpoint_key_is_a_path() -> None:
    assert KEYS[1].path == f"summaries/moments/north/2026-03-08/0/{1:064x}"
    with pytest.raises(Rejected, match="unsafe-name"):
        CheckpointKey("../x", "north", "2026-03-08", "0", "00")


def test_results_come_back_with_names_and_attributes(store: BehaviorStore) -> None:
    snapshot = write_results(
        store, {GROUP: ARRAYS}, attributes={"runs/2026-03-08/r1": {"run": "x"}},
        message="night", metadata={"night": "2026-03-08"}, tag="nightly-20260308-r1",
    )  # fmt: skip
    assert snapshot == store.snapshot == store.history()[0].snapshot
    reader = BehaviorStore.open(store.url).at("nightly-20260308-r1")
    assert reader.snapshot == snapshot
    found = read_results(reader, GROUP)
    assert list(found) == sorted(ARRAYS)
    for name, (_, values, _) in ARRAYS.items():
        np.testing.assert_array_equal(found[name], values)
        assert found[name].dtype.kind == values.dtype.kind
    assert np.signbit(found["p"][2])
    assert list(read_results(reader, GROUP, ("p",))) == ["p"]
    assert read_attributes(reader, "runs/2026-03-08/r1") == {"run": "x"}
    labelled = xr.open_zarr(reader.reader, group=GROUP, consolidated=False)
    assert labelled["n"].dims == ("agent", "feature")
    assert labelled["p"].attrs["level"] == 0.95
    with pytest.raises(NotFound, match="no such group"):
        read_results(reader, "runs/none")
    with pytest.raises(NotFound, match="no such array"):
        read_results(reader, GROUP, ("q",))


def test_a_run_that_died_before_its_tag_is_replaced_whole(store: BehaviorStore) -> None:
    root = "runs/2026-03-08/r1"
    write_results(store, {GROUP: ARRAYS}, attributes={root: {"run": "dead"}})
    few = {"p": ARRAYS["p"]}
    write_results(store, {GROUP: few}, attributes={root: {"run": "x"}}, tag="t")
    assert list(read_results(store, GROUP)) == ["p"]
    assert read_attributes(store, root) == {"run": "x"}
    before = store.snapshot
    with pytest.raises(StorageError, match="next revision"):
        write_results(store, {GROUP: ARRAYS}, tag="t")
    assert store.refresh().snapshot == before


@pytest.mark.parametrize(
    ("arrays", "attributes", "message"),
    [
        ({"x": (("a", "b"), np.zeros(3), {})}, {}, "one name per axis"),
        (
            {"x": (("a",), np.zeros(3), {}), "y": (("a",), np.zeros(2), {})},
            {},
            "length",
        ),
        ({"x": (("a",), np.zeros(3), {"bad": float("nan")})}, {}, "plain JSON"),
        ({"x": (("a",), np.zeros(3, dtype="M8[s]"), {})}, {}, "cannot be stored"),
        ({}, {"runs/x": {"bad": np.zeros(2)}}, "plain JSON"),
    ],
)
def test_results_that_cannot_be_kept_are_refused_before_anything_is_written(
    store: BehaviorStore, arrays: dict, attributes: dict, message: str
) -> None:
    before = store.snapshot
    with pytest.raises(StorageError, match=message):
        write_results(store, {"runs/x": arrays}, attributes=attributes)
    assert store.refresh().snapshot == before


def test_large_results_are_cut_into_chunks(
    store: BehaviorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.results._CHUNK_BYTES", 800)
    values = np.arange(1_000.0).reshape(500, 2)
    write_results(store, {"runs/x": {"v": (("a", "b"), values, {})}})
    np.testing.assert_array_equal(read_results(store, "runs/x")["v"], values)
    import zarr

    group = zarr.open_group(store.reader, path="runs/x", mode="r")
    assert group["v"].chunks == (50, 2)


def test_tables_are_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "agents.parquet"
    columns = {"agent": np.array(["a", "b"]), "p": [0.5, None], "found": [True, False]}
    write_table(path, columns)
    assert pyarrow.parquet.read_table(path).to_pydict() == {
        "agent": ["a", "b"],
        "p": [0.5, None],
        "found": [True, False],
    }
    with pytest.raises(StorageError, match="one length"):
        write_table(tmp_path / "bad.parquet", {"a": [1], "b": [1, 2]})
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["agents.parquet"]


def test_verify_is_silent_on_a_sound_store_and_reads_all(filled: BehaviorStore) -> None:
    filled.tag("t")
    assert verify(filled) == ()
    assert verify(filled, full=True) == ()
    assert verify(filled, filled.shards()[:1], full=True) == ()


def test_verify_finds_rows_that_contradict_the_arrays(filled: BehaviorStore) -> None:
    import dataclasses

    row = filled.shards()[0]
    for change in (
        {"n": row.n + 1},
        {"observed": (row.n, 0)},
        {"chunk_count": row.chunk_count + 1},
        {"agents": row.agents - 1},
    ):
        found = verify(filled, [dataclasses.replace(row, **change)])
        assert [f.check for f in found] == ["arrays"], change
    wrong = dataclasses.replace(row, sha256="0" * 64)
    assert verify(filled, [wrong]) == ()
    assert [f.check for f in verify(filled, [wrong], full=True)] == ["arrays"]
    odd = dataclasses.replace(row, sha256="zz", kind="mood", observed=(row.n + 1, 0))
    checks = [f.check for f in verify(filled, [odd])]
    assert checks == ["row", "row", "row", "arrays"]
    moved = dataclasses.replace(row, path=filled.shards()[1].path)
    assert "row" in [f.check for f in verify(filled, [moved])]


def test_verify_compares_the_ledger_with_a_listing(
    filled: BehaviorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = filled.shards()
    monkeypatch.setattr(integrity, "scan", lambda _: rows[1:])
    found = verify(filled)
    assert [(f.object, f.check) for f in found] == [(rows[0].path, "ledger")]
