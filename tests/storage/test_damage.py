"""Damage anywhere in a store raises or changes nothing; it is never another number."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from storage.integrity import verify
from storage.schema import Corrupt, StorageError
from storage.store import BehaviorStore
from tests.damaged import build_store, everything


@pytest.mark.parametrize("damage", ["delete", "truncate", "empty"])
def test_a_lost_chunk_is_corrupt_and_found(tmp_path: Path, damage: str) -> None:
    store = build_store(tmp_path, sites=1)
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
    store = build_store(tmp_path, sites=1)
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
    store = build_store(tmp_path, sites=1)
    shutil.rmtree(Path(store.url) / "snapshots")
    with pytest.raises(StorageError):
        everything(store.url)
