"""Damage anywhere in a store raises or changes nothing; it is never another number."""

import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from storage import ledger
from storage.checkpoints import CheckpointKey, Checkpoints
from storage.integrity import verify
from storage.results import read_results, write_results
from storage.schema import Corrupt, StorageError
from storage.store import BehaviorStore
from tests.storage.landing import SCHEMA, table, take_in, write

KEY = CheckpointKey("moments", "north", "2026-03-08", "0", "ab" * 32)
STATE = bytes(range(256)) * 40
RESULT = np.linspace(0, 1, 2_000)
# Flips that were silent once: a ledger row in a snapshot, a shard in a transaction log.
KINDS = ("chunks", "manifests", "snapshots", "transactions", "refs")


def build(home: Path, sites: int = 3) -> BehaviorStore:
    """Make a store whose chunks are large enough to be objects of their own."""
    store = BehaviorStore.create(str(home / "store"), SCHEMA, rows_per_chunk=40)
    for i in range(sites):
        file = home / "landing" / f"{i}.parquet"
        take_in(store, write(file, table(i, agents=90), site=f"site-{i}"))
    Checkpoints(store).put({KEY: STATE})
    assert Checkpoints(store).get([KEY]) == {KEY: STATE}
    write_results(store, {"runs/a": {"mean": (("agent",), RESULT, {})}}, tag="a")
    return store


def everything(url: str) -> list[bytes]:
    """Read all that a store holds; in a fresh repository, with nothing cached."""
    ledger._KNOWN.clear()
    store = BehaviorStore.open(url)
    found = []
    for row in store.shards():
        data = store.read(row)
        found += [repr(row).encode(), data.values.tobytes(), data.count.tobytes()]
        found += [data.team.tobytes(), data.agents.tobytes(), data.entities.tobytes()]
        found += [part.values.tobytes() for part in (
            store.read_block(row, block) for block in store.blocks(row)
        )]  # fmt: skip
    # A checkpoint that is not found is computed again: no other number comes of it.
    found.append(Checkpoints(store).get([KEY]).get(KEY, STATE))
    found += [a.tobytes() for a in read_results(store.at("a"), "runs/a").values()]
    return found


def flip(path: Path, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(bytes(data))


def silent_and_loud(home: Path, flips: int) -> tuple[list[str], dict[str, int]]:
    """Flip one bit at a time; name flips that gave other bytes, count typed errors."""
    store = build(home)
    expected, folder = everything(store.url), Path(store.url)
    rng = random.Random(7)
    silent: list[str] = []
    loud = dict.fromkeys(KINDS, 0)
    for kind in KINDS:
        objects = [p for p in (folder / kind).rglob("*") if p.is_file()]
        objects.sort(key=lambda p: (p.stat().st_mtime_ns, p.name))
        assert objects, f"no {kind} to damage"
        for i in range(flips):
            path = objects[-1] if i % 2 else rng.choice(objects)
            kept = path.read_bytes()
            flip(path, rng)
            try:
                if everything(store.url) != expected:
                    silent.append(f"{kind}/{path.name}")
            except StorageError:
                loud[kind] += 1
            except Exception as error:
                # Icechunk itself gives up on some snapshots: loud, if not typed.
                if type(error).__name__ != "RustPanic":
                    raise
                loud[kind] += 1
            path.write_bytes(kept)
    assert everything(store.url) == expected
    return silent, loud


def test_no_flipped_bit_is_silent(tmp_path: Path) -> None:
    silent, loud = silent_and_loud(tmp_path, 8)
    assert silent == []
    assert loud["chunks"] == 8
    assert min(loud["manifests"], loud["snapshots"]) > 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_none_of_a_thousand_flipped_bits_is_silent(tmp_path: Path) -> None:
    silent, loud = silent_and_loud(tmp_path, 200)
    assert silent == []
    assert loud["chunks"] == 200


@pytest.mark.parametrize("damage", ["delete", "truncate", "empty"])
def test_a_lost_chunk_is_corrupt_and_found(tmp_path: Path, damage: str) -> None:
    store = build(tmp_path, sites=1)
    row = store.shards()[0]
    whole = store.read(row, verify=True)
    assert verify(store, full=True) == ()
    for path in (Path(store.url) / "chunks").iterdir():
        if damage == "delete":
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:9] if damage == "truncate" else b"")
    fresh = BehaviorStore.open(store.url)
    with pytest.raises(Corrupt, match="consilience verify"):
        fresh.read(row)
    with pytest.raises(Corrupt):
        fresh.read_block(row, slice(0, 40))
    found = verify(fresh, [row], full=True)
    assert [(f.object, f.check) for f in found] == [(row.path, "arrays")]
    assert whole.n == row.n


def test_a_lost_chunk_harms_no_other_block(tmp_path: Path) -> None:
    store = build(tmp_path, sites=1)
    row = store.shards()[0]
    blocks = store.blocks(row)
    before = [store.read_block(row, block).values for block in blocks]
    harmed = []
    for path in sorted((Path(store.url) / "chunks").iterdir()):
        kept = path.read_bytes()
        path.unlink()
        fresh = BehaviorStore.open(store.url)
        failed = []
        for i, (block, values) in enumerate(zip(blocks, before, strict=True)):
            try:
                found = fresh.read_block(row, block).values
            except Corrupt:
                failed.append(i)
            else:
                assert np.array_equal(found, values, equal_nan=True)
        harmed.append(failed)
        path.write_bytes(kept)
    assert max(len(failed) for failed in harmed) == 1
    assert {i for failed in harmed for i in failed} >= {0, 1}


def test_a_store_that_is_half_gone_raises_a_typed_error(tmp_path: Path) -> None:
    store = build(tmp_path, sites=1)
    shutil.rmtree(Path(store.url) / "snapshots")
    with pytest.raises(StorageError):
        everything(store.url)
