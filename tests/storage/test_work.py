"""Speed, counted in reads, writes and commits: clocks depend on the machine."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from icechunk import IcechunkStore

from storage import ledger
from storage.checkpoints import CheckpointKey, Checkpoints
from storage.results import write_results
from storage.schema import Corrupt
from storage.store import BehaviorStore
from tests.storage.landing import table, take_in, write

CHUNKED = ("values", "count", "agent_id", "entity", "team")


class Reads(list[str]):
    """Keys that were fetched from a store, in order."""

    def chunks(self) -> Counter[str]:
        found = [key.split("/c/")[0].rpartition("/")[2] for key in self if "/c/" in key]
        return Counter(found)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reads]:
    found = Reads()
    get = IcechunkStore.get

    async def counted(self: IcechunkStore, key: str, *rest: Any, **named: Any) -> Any:
        found.append(key)
        return await get(self, key, *rest, **named)

    monkeypatch.setattr(IcechunkStore, "get", counted)
    return found


def test_a_block_fetches_its_own_chunks_and_no_other(
    filled: BehaviorStore, reads: Reads
) -> None:
    row = max(filled.shards(), key=lambda row: row.agents)
    assert row.agents > 3 * filled.rows_per_chunk
    reads.clear()
    filled.read_block(row, slice(4, 8))
    assert reads.chunks() == dict.fromkeys((*CHUNKED, "team_name"), 1)
    reads.clear()
    filled.read_block(row, slice(3, 5))
    assert reads.chunks() == {**dict.fromkeys(CHUNKED, 2), "team_name": 1}


def test_a_small_shard_is_a_dozen_reads(
    store: BehaviorStore, tmp_path: Path, reads: Reads
) -> None:
    take_in(store, write(tmp_path / "a.parquet", table(1, agents=4)))
    (row,) = store.shards()
    reads.clear()
    store.read(row)
    assert len(reads) == 2 * len((*CHUNKED, "team_name"))


def test_the_ledger_reads_each_row_once(
    filled: BehaviorStore, tmp_path: Path, reads: Reads
) -> None:
    ledger._KNOWN.clear()
    fresh = BehaviorStore.open(filled.url, "a")
    reads.clear()
    assert len(fresh.shards()) == len(reads) == 3
    for _ in range(3):
        fresh.shards(site="north")
    assert len(reads) == 3
    take_in(fresh, write(tmp_path / "d.parquet", table(4), night="2026-03-06", seq=3))
    reads.clear()
    assert len(BehaviorStore.open(filled.url).shards()) == 4
    new = [key for key in reads if key.startswith("shards/")]
    assert new == ["shards/demo/north/2026-03-06/0/0-3/zarr.json"]


def test_a_ledger_that_the_logs_do_not_give_is_listed(
    filled: BehaviorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A damaged transaction log hid a shard; commits state how many they added."""
    expected, scan = filled.shards(), ledger.scan
    ledger._KNOWN.clear()
    listed = []

    def counted(reader: Any) -> Any:
        listed.append(reader)
        return scan(reader)

    monkeypatch.setattr(ledger, "scan", counted)
    monkeypatch.setattr(ledger, "_is_shard", lambda path: path == expected[0].path)
    with pytest.raises(Corrupt, match="lists 1 shards, its commits added 3"):
        BehaviorStore.open(filled.url).shards()
    monkeypatch.undo()
    monkeypatch.setattr(ledger, "scan", counted)
    monkeypatch.setattr(ledger, "_added", lambda *_: None)
    assert BehaviorStore.open(filled.url).shards() == expected
    assert len(listed) == 2


def test_replacing_results_does_not_make_the_ledger_list_everything(
    filled: BehaviorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = filled.shards()
    for value in (1.0, 2.0):
        group = {"x": (("a",), np.array([value]), {})}
        write_results(filled, {"runs/2026-03-08/r1": group})
    ledger._KNOWN.clear()
    monkeypatch.setattr(ledger, "scan", lambda _: pytest.fail("listed everything"))
    assert BehaviorStore.open(filled.url).shards() == expected


def test_a_batch_of_files_is_one_commit_beside_that_of_its_groups(
    store: BehaviorStore, tmp_path: Path
) -> None:
    files = [
        write(tmp_path / f"{day}.parquet", table(day, 4), night=f"2026-03-0{day}")
        for day in range(1, 7)
    ]
    before = len(store.history())
    take_in(store, *files, batch=6)
    messages = [commit.message for commit in store.history()]
    assert messages[: len(messages) - before] == [
        "ingest 6 shards",
        "groups for shards",
    ]


def test_two_hundred_checkpoints_are_one_commit_and_known_ones_none(
    store: BehaviorStore,
) -> None:
    states = {
        CheckpointKey("moments", "north", f"2026-03-0{i % 7 + 1}", "0", f"{i:064x}"):
        i.to_bytes(2, "little") * 500
        for i in range(200)
    }  # fmt: skip
    before = len(store.history())
    Checkpoints(store).put(states)
    Checkpoints(store).put(states)
    assert len(store.history()) == before + 1
    assert Checkpoints(store).get(states) == states


def test_files_that_are_known_write_nothing(
    store: BehaviorStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [
        write(tmp_path / "a.parquet", table(1)),
        write(tmp_path / "b.csv", table(1)),
    ]
    take_in(store, *files)
    snapshot, wrote = store.snapshot, []
    monkeypatch.setattr(IcechunkStore, "set", lambda *a: wrote.append(a))
    report = take_in(store, *files)
    assert [r.state for r in report.receipts] == ["duplicate", "duplicate"]
    assert (wrote, store.snapshot, report.exit_code) == ([], snapshot, 0)
