"""Rows left beside a store: used when they agree, ignored when anything does not."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from storage import ledger, ledger_memory
from storage.ledger import scan
from storage.ledger_memory import recall, remember
from storage.store import BehaviorStore
from tests.storage.landing import table, take_in, write


@pytest.fixture
def filled(
    store: BehaviorStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> BehaviorStore:
    """Two shards, left beside the store by the first process that looked."""
    monkeypatch.setattr(ledger_memory, "_LEAST", 1)
    monkeypatch.setattr(ledger, "_KNOWN", {})
    for i in range(2):
        file = write(tmp_path / f"{i}.parquet", table(i), site=f"site-{i}")
        take_in(store, file)
        ledger._KNOWN.clear()
        store.shards()
    return store


def memory(store: BehaviorStore) -> Path:
    return Path(store.url).with_name(f"{Path(store.url).name}.ledger")


def fresh(store: BehaviorStore) -> tuple[object, ...]:
    """Rows as a new process finds them."""
    ledger._KNOWN.clear()
    return BehaviorStore.open(store.url).rows()


def test_a_new_process_reads_only_what_came_since(
    filled: BehaviorStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert recall(filled.url) == (filled.snapshot, filled.rows())
    take_in(filled, write(tmp_path / "late.parquet", table(7), site="late"))
    asked: list[int] = []
    load = ledger._load

    def watched(store: object, paths: list[str]) -> object:
        asked.append(len(paths))
        return load(store, paths)

    monkeypatch.setattr(ledger, "_load", watched)
    found = fresh(filled)
    assert asked == [1]
    assert found == scan(BehaviorStore.open(filled.url).reader)
    asked.clear()
    assert fresh(filled) == found
    assert asked == []


def test_every_flipped_byte_is_noticed_and_the_store_is_read(
    filled: BehaviorStore,
) -> None:
    expected, path = filled.rows(), memory(filled)
    whole = path.read_bytes()
    for place in range(0, len(whole), 29):
        damaged = bytearray(whole)
        damaged[place] ^= 4
        path.write_bytes(damaged)
        assert recall(filled.url) is None
    path.write_bytes(whole[:-1])
    assert fresh(filled) == expected


def test_rows_of_a_snapshot_that_is_not_in_the_history_are_passed_over(
    filled: BehaviorStore,
) -> None:
    expected = filled.rows()
    wrong = [dataclasses.replace(row, n=row.n + 1) for row in expected]
    remember(filled.url, "ANOTHERSTOREANOTHERS", wrong)
    assert fresh(filled) == expected


def test_few_rows_object_stores_and_folders_without_access_are_left_out(
    store: BehaviorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.rows()
    assert not memory(store).exists()
    assert recall("s3://bucket/store") is None
    remember("s3://bucket/store", "any", ())
    monkeypatch.setattr(ledger_memory, "_LEAST", 0)
    remember("/proc/no/store", "any", ())
    assert recall("/proc/no/store") is None
