"""Windows kept by content: made once, changed by what is late, whole when cut short."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest
from icechunk import IcechunkStore

from stats.rolled_up import RolledUp
from stats.summary import InvalidInput
from storage.errors import TooLate
from storage.store import BehaviorStore
from tasks.kept_summaries import KeptSummaries
from tasks.reconcile import ledger_of
from tasks.rollup import Member, RollWork, by_site, fold_levels, members_of
from tasks.rollup_store import roll_up
from tasks.summaries import reduce_shards
from tests.homes import MISSING_SITE, build_home, nights, take_in, write_shard

KEPT = 5
NIGHTS = nights(KEPT)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = build_home(tmp_path_factory.mktemp("built") / "home", nights_kept=KEPT)
    store = open_store(home)
    reduce_shards(store, store.shards())
    roll_up(store, counted(store))
    return home


@pytest.fixture
def home(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "home"))


def open_store(home: Path) -> BehaviorStore:
    return BehaviorStore.open(str(home / "store"), mode="a")


def counted(store: BehaviorStore) -> tuple[Member, ...]:
    rows = store.shards()
    won = {e.sha256 for e in ledger_of(rows).winners()}
    return members_of(row for row in rows if row.sha256 in won)


def folded(store: BehaviorStore, members: Iterable[Member]) -> tuple[str, ...]:
    """Twin: every summary added up from nothing."""
    sites, summaries = by_site(members), KeptSummaries(store)
    teams = {
        site: RolledUp.fold(list(summaries.get(held).values()))
        for site, held in sites.items()
    }
    counts = {site: len(held) for site, held in sites.items()}
    return fold_levels(teams, counts, RollWork()).digest()


def test_a_window_is_made_once(home: Path) -> None:
    store = open_store(home)
    members, before = counted(store), store.snapshot
    summaries = KeptSummaries(store)
    again = roll_up(store, members, summaries=summaries)
    assert again.work == RollWork(kept=3)
    assert (summaries.read, store.snapshot) == (0, before)
    assert again.digest() == folded(store, members)


def test_a_late_shard_is_read_alone(home: Path, tmp_path: Path) -> None:
    store = open_store(home)
    before = counted(store)
    take_in(home, write_shard(tmp_path, MISSING_SITE, NIGHTS[-1]))
    store = open_store(home)
    summaries = KeptSummaries(store)
    now = counted(store)
    late = roll_up(store, now, bases=[before], summaries=summaries)
    assert late.work == RollWork(merges=3, changed=1, kept=2)
    assert summaries.read == 1
    assert late.digest() == folded(store, now)


def test_a_correction_and_a_rolling_window(home: Path, tmp_path: Path) -> None:
    store = open_store(home)
    before = counted(store)
    file = write_shard(tmp_path, "north", NIGHTS[1], seq=2, shift=900.0)
    take_in(home, file)
    store = open_store(home)
    now = counted(store)
    found = roll_up(store, now, bases=[(), before])
    assert (found.work.merges, found.work.changed) == (6, 1)
    assert found.digest() == folded(store, now)
    rolled = [m for m in now if m.key.night != NIGHTS[0]]
    found = roll_up(store, rolled, bases=[before, now])
    assert (found.work.changed, found.work.rebuilt) == (3, 0)
    assert found.digest() == folded(store, rolled)
    lowered = [m for m in rolled if m.key.site != "west"]
    assert roll_up(store, lowered, bases=[rolled]).digest() == folded(store, lowered)


def drop(store: BehaviorStore, path: str) -> None:
    def write(session: IcechunkStore) -> None:
        asyncio.run(session.delete_dir(path))

    store.commit(write, "drop")


def test_values_may_be_gone_but_not_summaries_too(home: Path) -> None:
    store = open_store(home)
    members = counted(store)
    gone = members[0].key
    drop(store, f"shards/calls/{gone.site}/{gone.night}/{gone.part}")
    smaller = [m for m in members if m.key.night != NIGHTS[-1]]
    assert roll_up(store, smaller, bases=[members]).digest() == folded(store, smaller)
    drop(store, "summaries/shard-moments")
    without = [m for m in members if m != members[1]]
    with pytest.raises(TooLate, match=f"{gone}.*neither summary nor values"):
        roll_up(store, without)
    assert roll_up(store, members).work == RollWork(kept=3)


def test_an_unknown_version_and_an_empty_window_are_refused(home: Path) -> None:
    store = open_store(home)
    stranger = Member(counted(store)[0].key, "f" * 64)
    with pytest.raises(TooLate, match="content ffffffffffff"):
        roll_up(store, [stranger])
    with pytest.raises(InvalidInput, match="no shard counts"):
        roll_up(store, [])
