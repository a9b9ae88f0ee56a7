"""A store with one of everything, a way to read all of it, and ways to damage it."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from storage import ledger
from storage.checkpoints import CheckpointKey, Checkpoints
from storage.evidence import evidence_rows, read_evidence
from storage.key_store import read_keys, registry_to_json, write_keys
from storage.results import read_results, write_results
from storage.store import BehaviorStore
from tests.storage.evidence_rows import GOOD, land
from tests.storage.key_rings import ring
from tests.storage.landing import SCHEMA, table, take_in, write

KEY = CheckpointKey("moments", "north", "2026-03-08", "0", "ab" * 32)
STATE = bytes(range(256)) * 40
RESULT = np.linspace(0, 1, 2_000)
KINDS = ("chunks", "manifests", "snapshots", "transactions", "refs")
"""Folders of a store: every object of it lies in one of them."""


def build_store(home: Path, sites: int = 3) -> BehaviorStore:
    """Make a store whose chunks are large enough to be objects of their own."""
    store = BehaviorStore.create(str(home / "store"), SCHEMA, rows_per_chunk=40)
    for i in range(sites):
        file = home / "landing" / f"{i}.parquet"
        take_in(store, write(file, table(i, agents=90), site=f"site-{i}"))
    assert take_in(store, land(home / "landing" / "e.parquet", GOOD)).exit_code == 0
    write_keys(store, ring("north"), message="a key")
    Checkpoints(store).put({KEY: STATE})
    assert Checkpoints(store).get([KEY]) == {KEY: STATE}
    write_results(store, {"runs/a": {"mean": (("agent",), RESULT, {})}}, tag="a")
    return store


def everything(url: str) -> list[bytes]:
    """Read all that a store holds; in a fresh repository, with nothing cached."""
    ledger._KNOWN.clear()
    store = BehaviorStore.open(url)
    found = [registry_to_json(read_keys(store)).encode()]
    for row in store.shards():
        data = store.read(row)
        found += [repr(row).encode(), data.values.tobytes(), data.count.tobytes()]
        found += [data.team.tobytes(), data.agents.tobytes(), data.entities.tobytes()]
        found += [part.values.tobytes() for part in (
            store.read_block(row, block) for block in store.blocks(row)
        )]  # fmt: skip
    for row in evidence_rows(store):
        said = read_evidence(store, row)
        found += [repr(row).encode(), said.seq.tobytes(), said.agent_names.tobytes()]
    # A checkpoint that is not found is computed again: no other number comes of it.
    found.append(Checkpoints(store).get([KEY]).get(KEY, STATE))
    found += [a.tobytes() for a in read_results(store, "runs/a").values()]
    found += [a.tobytes() for a in read_results(store.at("a"), "runs/a").values()]
    return found


def flip(path: Path, rng: random.Random) -> None:
    """Flip one bit of a file."""
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(bytes(data))


def objects(folder: Path, kind: str) -> list[Path]:
    """Objects of a kind, the oldest first."""
    found = [path for path in (folder / kind).rglob("*") if path.is_file()]
    assert found, f"no {kind} to damage"
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))
