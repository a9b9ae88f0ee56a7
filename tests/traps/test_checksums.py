"""Trap K2: the checksum codec is off and one stored bit flips without any error."""

from __future__ import annotations

import random

import numpy as np
from zarr.core.metadata.v3 import ArrayV3Metadata

import storage.arrays
from storage.errors import StorageError
from storage.store import BehaviorStore
from tests.homes import LAST, build_home
from tests.nights import verdicts


def without_checksum(original):
    def array_metadata(item):
        found = original(item).to_dict()
        found["codecs"] = [c for c in found["codecs"] if c["name"] != "crc32c"]
        return ArrayV3Metadata.from_dict(found)

    return array_metadata


def values(home) -> np.ndarray | None:
    """Tonight's values as an unsuspecting reader gets them; None when it raises."""
    store = BehaviorStore.open(str(home / "store"))
    try:
        rows = store.shards(night=LAST)
        return np.concatenate([store.read(row).values.ravel() for row in rows])
    except StorageError:
        return None


def flip_silently(home, rng: random.Random) -> int:
    """Flip bits of chunk files one by one until a read is wrong without an error."""
    before = values(home)
    chunks = [p for p in (home / "store" / "chunks").rglob("*") if p.is_file()]
    for attempt in range(1, 3_001):
        path = rng.choice(chunks)
        kept = path.read_bytes()
        spoilt = bytearray(kept)
        spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
        path.write_bytes(bytes(spoilt))
        found = values(home)
        if found is not None and not np.array_equal(found, before, equal_nan=True):
            return attempt
        path.write_bytes(kept)
    return 0


def test_a_silent_flip_fails_the_night_by_name(tmp_path, monkeypatch):
    original = storage.arrays.array_metadata
    monkeypatch.setattr(storage.arrays, "array_metadata", without_checksum(original))
    home = build_home(tmp_path / "home", nights_kept=2)
    assert {v.outcome for v in verdicts(home).values()} <= {"passed", "not run"}
    assert flip_silently(home, random.Random(5)) > 0, "no flip was silent"
    found = verdicts(home)["integrity"]
    assert found.outcome == "failed"
    assert "SHA-256" in found.detail or "sha256" in found.detail
