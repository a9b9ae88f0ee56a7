"""Holds, readers and writers lose nothing to retention and collection."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from storage import dropping, repository
from storage.arrays import run, write_group
from storage.collecting import collect_garbage
from storage.errors import Conflict, NotFound, StorageError
from storage.holds import Hold, place_hold, release_hold
from storage.named import NamedArray
from storage.results import read_results
from storage.store import BehaviorStore
from tasks.retain import collect, retain
from tasks.verify import verify_store
from tests.retained import (
    POLICY,
    folder_bytes,
    night,
    now,
    opened,
    put,
    seven_nights,
    states,
)


@pytest.fixture(scope="module")
def seven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return seven_nights(tmp_path_factory.mktemp("seven"))


@pytest.fixture
def url(seven: Path, tmp_path: Path) -> str:
    return str(shutil.copytree(seven, tmp_path / "store"))


HOLD = Hold("case-1", "looks odd", "ana", 0, None, ("north",), night(0), night(1))


def test_what_is_held_is_never_dropped(url: str) -> None:
    store = opened(url)
    moment = now(store)
    place_hold(store, HOLD)
    place_hold(store, Hold("one", "x", "y", 0, agents=("a00007",), last=night(2)))
    place_hold(store, Hold("none", "x", "y", 0, agents=("nobody",)))
    place_hold(store, Hold("over", "x", "y", 0, until=moment))
    with pytest.raises(Conflict, match="exists"):
        place_hold(store, HOLD)
    done = retain(url, POLICY, now=moment, apply=True)
    assert sorted(done.plan.held.values()) == ["case-1"] * 3 + ["one"]
    found = states(opened(url))
    assert {k for k, v in found.items() if v == "values"} == {
        "01/1", "02/1", "02/2", "03/1", "05/2", "06/1", "07/1",
    }  # fmt: skip
    release_hold(opened(url), "case-1")
    with pytest.raises(NotFound):
        release_hold(opened(url), "case-1")
    assert retain(url, POLICY, now=moment, apply=True).plan.held.keys() == {
        row.path for row in store.shards() if row.key.night <= night(2)
    }


def test_a_hold_that_comes_while_arrays_are_dropped_is_kept(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = dropping.look_at_holds, []

    def overtaken(session):
        found = real(session)
        calls.append(len(found))
        if len(calls) == 1:
            place_hold(opened(url), HOLD)
        return found

    monkeypatch.setattr(dropping, "look_at_holds", overtaken)
    retain(url, POLICY, now=now(opened(url)), apply=True)
    assert calls == [0, 1]
    found = states(opened(url))
    assert (found["01/1"], found["02/1"], found["03/1"]) == ("values", "values", "team")


def test_garbage_is_collected_only_once_nobody_can_be_reading_it(url: str) -> None:
    store = opened(url)
    reader = opened(url)  # in flight: pinned before anything is dropped
    row = reader.shards()[0]
    expected = reader.read(row).values.tobytes()
    retain(url, POLICY, now=now(store), apply=True)
    size = folder_bytes(url)
    for days in (0, 1.9):
        done = collect(url, POLICY, now=now(opened(url), days), apply=True)
        assert done.n_bytes == 0
        assert reader.read(row).values.tobytes() == expected
    dry = collect(url, POLICY, now=now(opened(url), 30))
    assert (dry.dry_run, folder_bytes(url) >= size) == (True, True)
    done = collect(url, POLICY, now=now(opened(url), 30), apply=True)
    assert done.n_bytes > 0
    assert dry.tags == done.tags == ()
    with pytest.raises(StorageError):
        BehaviorStore.open(url, snapshot=reader.snapshot).read(row)
    store = opened(url)
    assert len(store.rows()) == 9
    assert verify_store(url, full=True).findings == []


def test_a_writer_at_work_loses_nothing_to_the_collector(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(url)
    with store.transaction("slow") as transaction:
        arrays = {"x": NamedArray(np.arange(5_000.0), ("x",))}
        run(write_group(transaction.store, "runs/slow", {"arrays": ["x"]}, arrays))
        assert collect(url, POLICY, now=now(opened(url)), apply=True).n_bytes == 0
    found = read_results(opened(url), "runs/slow")["x"]
    assert found.tolist() == list(range(5_000))
    monkeypatch.setattr(repository, "WRITER_SECONDS", -1.0)
    with pytest.raises(Conflict, match="smaller batches"):
        put(store, 8)
    with (
        pytest.raises(Conflict, match="smaller batches"),
        store.transaction("too slow") as transaction,
    ):
        run(write_group(transaction.store, "runs/slower", {}, {}))
    with pytest.raises(StorageError, match="open writers"):
        collect_garbage(store, now=now(store), history_from=0, grace=0)
