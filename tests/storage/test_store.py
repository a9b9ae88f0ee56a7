import pickle
from pathlib import Path

import icechunk
import numpy as np
import pytest
import xarray as xr
import zarr

from storage import layout, ledger
from storage.errors import Conflict, NotFound, StorageError, StoreFormat
from storage.ledger import scan
from storage.schema import ShardData
from storage.store import BehaviorStore
from tests.storage.landing import NIGHT, SCHEMA, table, take_in, write


def same(a: ShardData, b: ShardData) -> None:
    for name in (
        "values", "count", "agents", "entities", "team", "team_names", "times",
    ):  # fmt: skip
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        assert getattr(a, name).dtype.kind == getattr(b, name).dtype.kind


def test_a_store_remembers_its_schema_and_chunks(store: BehaviorStore) -> None:
    again = BehaviorStore.open(store.url)
    assert (again.schema, again.rows_per_chunk) == (SCHEMA, 4)
    assert BehaviorStore.exists(store.url)
    assert again.shards() == ()
    with pytest.raises(StorageError, match="exists already"):
        BehaviorStore.create(store.url, SCHEMA)


def test_what_is_no_store_is_said_so(tmp_path: Path) -> None:
    assert not BehaviorStore.exists(str(tmp_path / "none"))
    with pytest.raises(NotFound, match="does not exist"):
        BehaviorStore.open(str(tmp_path / "none"))
    foreign = icechunk.local_filesystem_storage(str(tmp_path / "foreign"))
    icechunk.Repository.create(foreign)
    with pytest.raises(StoreFormat, match="not one of consilience"):
        BehaviorStore.open(str(tmp_path / "foreign"))
    with pytest.raises(StoreFormat, match="unknown scheme"):
        BehaviorStore.open("ftp://host/store")
    assert not (tmp_path / "none").exists()


def test_a_newer_layout_is_refused(
    store: BehaviorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "LAYOUT", 0)
    with pytest.raises(StoreFormat, match="layout 1, this code reads up to 0"):
        BehaviorStore.open(store.url)


def test_shards_are_sorted_and_selected(filled: BehaviorStore) -> None:
    keys = [(r.key.site, r.key.night) for r in filled.shards()]
    assert keys == [("north", "2026-03-07"), ("north", NIGHT), ("south", NIGHT)]
    assert [r.key.site for r in filled.shards(site="south")] == ["south"]
    assert len(filled.shards(night=NIGHT)) == 2
    assert len(filled.shards(since=NIGHT)) == 2
    assert len(filled.shards(until="2026-03-07")) == 1


@pytest.mark.parametrize("rows", [None, 1, 3, 4, 5, 1000])
def test_blocks_make_up_the_shard(filled: BehaviorStore, rows: int | None) -> None:
    for row in filled.shards():
        whole = filled.read(row, verify=True)
        slices = filled.blocks(row, rows)
        assert [s.start for s in slices[1:]] == [s.stop for s in slices[:-1]]
        assert (slices[0].start, slices[-1].stop) == (0, row.agents)
        blocks = [filled.read_block(row, s) for s in slices]
        joined = ShardData(
            *(
                np.concatenate([getattr(b, name) for b in blocks])
                for name in ("values", "count", "agents", "entities", "team")
            ),
            blocks[0].team_names,
            blocks[0].times,
        )
        same(joined, whole)
        nameless = filled.read_block(row, slices[-1], ids=False)
        assert (len(nameless.agents), len(nameless.entities)) == (0, 0)
        for name in ("values", "count", "team"):
            there = getattr(blocks[-1], name)
            np.testing.assert_array_equal(getattr(nameless, name), there)
        for block in blocks:
            same_names = block.team_names.tolist() == whole.team_names.tolist()
            assert same_names
    with pytest.raises(StorageError, match="Give 1 or more"):
        filled.blocks(row, 0)


def test_a_handle_is_small_and_opened_once(filled: BehaviorStore) -> None:
    handle = filled.handle()
    sent = pickle.dumps(handle)
    assert len(sent) < 500
    opened = pickle.loads(sent).open()
    assert opened is handle.open()
    assert opened.shards() == filled.shards()
    assert Path(handle.url).is_absolute()
    with pytest.raises(StorageError, match="mode 'a'"):
        opened.commit(lambda _: None, "no")


def test_a_reader_stays_at_its_snapshot(filled: BehaviorStore, tmp_path: Path) -> None:
    reader = BehaviorStore.open(filled.url)
    before = filled.snapshot
    take_in(filled, write(tmp_path / "late.parquet", table(4), site="west"))
    assert len(filled.shards()) == 4
    assert len(reader.shards()) == 3
    assert reader.snapshot == before
    assert len(filled.at(before).shards()) == 3
    assert len(reader.refresh().shards()) == 4
    late = filled.shards(site="west")[0]
    with pytest.raises(NotFound):
        filled.at(before).read(late)


def test_tags_pin_snapshots(filled: BehaviorStore, tmp_path: Path) -> None:
    filled.tag("before")
    take_in(filled, write(tmp_path / "late.parquet", table(4), site="west"))
    assert filled.tags() == ("before",)
    assert len(filled.at("before").shards()) == 3
    with pytest.raises(StorageError, match="never used"):
        filled.tag("before")
    with pytest.raises(NotFound, match="no snapshot or tag"):
        filled.at("nonsense")


def test_the_ledger_by_history_is_the_ledger_by_listing(
    filled: BehaviorStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(filled, write(tmp_path / "late.parquet", table(4), site="west"))
    expected = scan(filled.reader)
    assert len(expected) == 4
    assert filled.shards() == expected
    monkeypatch.setattr(ledger, "_KNOWN", {})
    assert filled.shards() == expected

    def expired(*_: object, **__: object) -> None:
        raise icechunk.IcechunkError("gone")

    monkeypatch.setattr(ledger, "_KNOWN", {})
    monkeypatch.setattr(icechunk.Repository, "diff", expired)
    assert BehaviorStore.open(filled.url).shards() == expected


def test_a_transaction_is_all_or_nothing(store: BehaviorStore) -> None:
    def half_way() -> None:
        with store.transaction("bad") as bad:
            zarr.create_group(bad.store, path="runs/x")
            raise RuntimeError("half way")

    before = store.snapshot
    with pytest.raises(RuntimeError, match="half way"):
        half_way()
    assert store.refresh().snapshot == before
    with store.transaction("good", {"run": "7"}) as good:
        zarr.create_group(good.store, path="runs/x", attributes={"a": 1})
    assert store.snapshot == good.snapshot != before
    newest = store.history()[0]
    found = newest.snapshot, newest.message, newest.metadata
    assert found == (store.snapshot, "good", {"run": "7"})


def test_of_two_transactions_on_one_place_the_later_is_told(
    store: BehaviorStore,
) -> None:
    def both() -> None:
        with store.transaction("late") as late:
            with store.transaction("first") as first:
                zarr.create_group(first.store, path="runs/y")
            zarr.create_group(late.store, path="runs/y")

    with pytest.raises(Conflict, match="collided"):
        both()
    assert store.refresh().history()[0].message == "first"


def test_shards_are_plain_zarr_with_names(filled: BehaviorStore) -> None:
    row = filled.shards()[0]
    group = zarr.open_group(filled.reader, path=row.path, mode="r")
    values = group["values"]
    assert np.isnan(values.fill_value)
    assert values.metadata.dimension_names == ("agent", "time", "feature")
    assert group.attrs["sha256"] == row.sha256
    for name, array in group.arrays():
        codecs = [codec["name"] for codec in array.metadata.to_dict()["codecs"]]
        assert codecs[1:] == ["blosc", "crc32c"], name
        assert array.nchunks_initialized == array.nchunks, name
    labelled = xr.open_zarr(filled.reader, group=row.path, consolidated=False)
    np.testing.assert_array_equal(labelled["values"].values, filled.read(row).values)
