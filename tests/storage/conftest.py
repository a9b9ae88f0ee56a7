"""Stores that the tests of this folder start from."""

from pathlib import Path

import pytest

from storage.store import BehaviorStore
from tests.storage.landing import SCHEMA, table, take_in, write


@pytest.fixture
def store(tmp_path: Path) -> BehaviorStore:
    """Return an empty store, four agents to a chunk."""
    return BehaviorStore.create(str(tmp_path / "store"), SCHEMA, rows_per_chunk=4)


@pytest.fixture
def filled(store: BehaviorStore, tmp_path: Path) -> BehaviorStore:
    """Return a store with two sites on one night and one site on another."""
    land = tmp_path / "landing"
    take_in(
        store,
        write(land / "a.parquet", table(1)),
        write(land / "b.parquet", table(2, agents=7), site="south"),
        write(land / "c.parquet", table(3), night="2026-03-07", seq=2),
    )
    return store
