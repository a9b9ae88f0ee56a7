"""Several committers lose nothing acknowledged, and a held lock names its holder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from storage import repository, shards
from storage.errors import Conflict, Corrupt, Locked
from storage.schema import ShardKey, Version
from storage.shards import make_shard, write_shards
from storage.staging import stage
from storage.store import BehaviorStore
from tests.storage.landing import NOW, SCHEMA, fingerprint, table, take_in, write

ROOT = Path(__file__).resolve().parents[2]

WRITER = """
import sys
from pathlib import Path
from storage.ingest import ingest
from storage.store import BehaviorStore
url, now, *files = sys.argv[1:]
store = BehaviorStore.open(url, "a")
sys.stdin.read(1)
for file in files:
    for receipt in ingest([Path(file)], store, quarantine=Path(url + ".q"),
                          now=int(now)).receipts:
        print(receipt.state, receipt.sha256, flush=True)
"""


def test_writers_at_once_lose_nothing_although_they_share_parents(
    store: BehaviorStore, tmp_path: Path
) -> None:
    writers, each = 3, 5
    children = []
    for w in range(writers):
        files = [
            write(
                tmp_path / f"in{w}" / f"{k}.parquet",
                table(10 * w + k),
                part=f"w{w}k{k}",
                seq=1 + each * w + k,
            )
            for k in range(each)
        ]
        children.append(
            subprocess.Popen(
                [sys.executable, "-c", WRITER, store.url, str(NOW), *map(str, files)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT,
            )
        )  # fmt: skip
    outputs = [child.communicate(b"x")[0].decode().split() for child in children]
    assert [child.returncode for child in children] == [0] * writers
    acknowledged = [out[1::2] for out in outputs]
    assert [out[::2] for out in outputs] == [["applied"] * each] * writers
    rows = store.refresh().shards()
    assert {row.sha256 for row in rows} == {h for hs in acknowledged for h in hs}
    assert len(rows) == writers * each


def test_a_held_lock_is_an_error_that_names_the_holder(
    filled: BehaviorStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = write(tmp_path / "late.parquet", table(4), site="north", part="p")
    take_in(filled, write(tmp_path / "first.parquet", table(3), part="q"))
    holder = json.loads((tmp_path / "store.lock.holder").read_text())
    assert holder["pid"] == os.getpid()
    monkeypatch.setattr(repository, "LOCK_SECONDS", 0.05)
    before = filled.snapshot
    with FileLock(str(tmp_path / "store.lock")), pytest.raises(Locked) as caught:
        take_in(filled, late)
    assert str(holder["pid"]) in str(caught.value)
    assert filled.refresh().snapshot == before
    assert [r.state for r in take_in(filled, late).receipts] == ["applied"]


def test_a_write_that_does_not_read_back_commits_nothing(
    filled: BehaviorStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = write(tmp_path / "good.parquet", table(4), seq=8)
    real = shards.arrays_of

    def bad_memory(data: object, rows: int) -> object:
        arrays = real(data, rows)  # type: ignore[arg-type]
        arrays["values"].values[0, 0, 0] = 5.5
        return arrays

    before = filled.snapshot
    with monkeypatch.context() as patch:
        patch.setattr(shards, "arrays_of", bad_memory)
        with pytest.raises(Corrupt, match="did not read back"):
            take_in(filled, good)
    assert BehaviorStore.open(filled.url).shards() == filled.at(before).shards()
    assert take_in(filled, good).exit_code == 0


def test_a_collision_is_tried_again_and_ends_as_a_duplicate(
    store: BehaviorStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard = stage(write(tmp_path / "a.parquet", table(1)), SCHEMA, now=NOW).shard
    other = BehaviorStore.open(store.url, "a")
    real = repository.try_commit
    calls: list[str] = []

    def overtaken(session: object, url: str, message: str, *rest: object) -> object:
        if message == "ingest shards":
            calls.append(message)
            if len(calls) == 1:
                write_shards(other, [shard], message="overtake")
        return real(session, url, message, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(repository, "try_commit", overtaken)
    receipts = write_shards(store, [shard])
    assert [r.state for r in receipts] == ["duplicate"]
    assert len(store.shards()) == 1
    assert len(calls) == 1


def test_colliding_for_ever_is_an_error(
    store: BehaviorStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard = stage(write(tmp_path / "a.parquet", table(1)), SCHEMA, now=NOW).shard
    write_shards(store, [shard])
    before = fingerprint(tmp_path / "store" / "refs")
    later = make_shard(
        SCHEMA, ShardKey("demo", "north", shard.row.key.night), Version(0, 2),
        shard.data, event_end=NOW, ingested_at=NOW,
    )  # fmt: skip
    monkeypatch.setattr(repository, "try_commit", lambda *_: None)
    monkeypatch.setattr(shards.time, "sleep", lambda _: None)
    with pytest.raises(Conflict, match="fewer writers"):
        write_shards(store, [later])
    with pytest.raises(Conflict, match="fewer writers"):
        store.commit(lambda _: None, "nothing")
    assert fingerprint(tmp_path / "store" / "refs") == before
