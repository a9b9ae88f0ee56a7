"""What late shards cost: merges, wall time beside a full run, and recovery of many."""

from __future__ import annotations

import datetime as dt
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from storage import ledger
from storage.arrays import run
from storage.identity import Version
from storage.records import ShardData, ShardKey
from storage.schema import Feature, Schema
from storage.shards import Shard, make_shard, write_shards
from storage.store import BehaviorStore
from tasks.affected import KnownShards
from tasks.kept_summaries import KeptSummaries, window_part
from tasks.rollup import Member, RollWork, WindowLevels
from tasks.rollup_store import roll_up
from tasks.shard_summary import ShardSummary
from tasks.summaries import reduce_shards
from tests.bench.options import Options
from tests.bench.results import Figure, Goal, Section

__all__ = ["LateShards", "measure"]

FIRST, TIMES, DAY = dt.date(2026, 1, 1), (0, 8, 16), 86_400 * 10**9
SCHEMA = Schema(
    "bench",
    tuple(Feature(f"f{k}", "1", f"Feature {k}", -100.0, 100.0) for k in range(4)),
    times=TIMES,
    complete_rows=False,
)


@dataclass(frozen=True)
class LateShards:
    """A store of `sites` times `nights` shards, of which some come late.

    Attributes
    ----------
    folder : Path
        Kept between runs; the name tells the sizes.
    sites, nights : int
    late, single : int
        How many shards come late at once, and how many one by one after that.
    agents : int
        Of a shard, in eight teams.
    """

    folder: Path
    sites: int = 64
    nights: int = 64
    late: int = 1_000
    single: int = 7
    agents: int = 200

    @property
    def shards(self) -> int:
        return self.sites * self.nights

    def places(self) -> list[tuple[int, int]]:
        """Site and night of every shard; the late ones last, spread over all sites."""
        every = [(s, n) for n in range(self.nights) for s in range(self.sites)]
        order = np.random.default_rng(20_261_126).permutation(len(every))
        return [every[k] for k in order]

    def shard(self, site: int, night: int) -> Shard:
        """A shard that depends on its place alone."""
        rng = np.random.default_rng([site, night])
        names = np.array([f"s{site:02d}-{k:04d}" for k in range(self.agents)])
        data = ShardData(
            rng.normal(size=(self.agents, len(TIMES), len(SCHEMA.features))),
            np.ones((self.agents, len(TIMES)), dtype=np.uint32),
            names, names, (np.arange(self.agents) % 8).astype(np.int32),
            np.array([f"t{k}" for k in range(8)]), np.array(TIMES, dtype=np.int64),
        )  # fmt: skip
        when = FIRST + dt.timedelta(days=night)
        end = ((when - dt.date(1970, 1, 1)).days + 1) * DAY
        key = ShardKey(SCHEMA.dataset, f"s{site:02d}", when.isoformat(), "0")
        return make_shard(
            SCHEMA, key, Version(0, night + 1), data, event_end=end, ingested_at=end
        )

    def store(self) -> Path:
        """Write all but the late shards once; nothing is summarised yet."""
        named = f"late-{self.sites}-{self.nights}-{self.late}-{self.single}"
        path = self.folder / named
        if not (path / "whole").exists():
            shutil.rmtree(path, ignore_errors=True)
            store = BehaviorStore.create(str(path / "store"), SCHEMA)
            self.write(store, self.places()[: -self.late - self.single])
            (path / "whole").touch()
        return path / "store"

    def write(self, store: BehaviorStore, places: Sequence[tuple[int, int]]) -> None:
        for start in range(0, len(places), 256):
            some = places[start : start + 256]
            write_shards(store, [self.shard(*place) for place in some])


@dataclass(frozen=True)
class Took:
    """What one run took and did.

    Attributes
    ----------
    wall, processor : float
        Seconds.
    ledger : float
        Of the wall, until what counts is known.
    work : RollWork
    digest : tuple of str
    """

    wall: float
    processor: float
    ledger: float
    work: RollWork
    digest: tuple[str, ...]


def measure(options: Options) -> Section:
    """Let a thousand shards come late, then single ones; then start from nothing."""
    told = LateShards(options.root, single=max(1, options.rounds))
    if options.quick:
        told = LateShards(options.root, sites=4, nights=5, late=8, single=2, agents=16)
    home = options.root / "late-now"
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(told.store(), home / "store")
    url, places = str(home / "store"), told.places()
    many, single = (
        places[-told.late - told.single : -told.single],
        places[-told.single :],
    )
    options.say(f"reconcile: {told.shards:,} shards, of which {told.late:,} are late")
    _from_nothing(url)
    recovered = _late(url, told, many)
    singles = []
    for place in single:
        options.say("reconcile: one late shard")
        singles.append(_late(url, told, [place]))
    options.say("reconcile: everything from nothing")
    store = BehaviorStore.open(url, "a")
    store.commit(lambda session: run(session.delete_dir("summaries")), "forget")
    full = _from_nothing(url)
    if full.digest != singles[-1].digest:
        raise AssertionError("reconcile: late shards gave other bytes than a full run")
    shutil.rmtree(home)
    return _section(told, full, recovered, singles)


def _from_nothing(url: str) -> Took:
    """Summarise every shard, and roll all up."""

    def work(store: BehaviorStore) -> WindowLevels:
        rows = store.shards()
        kept = reduce_shards(store, rows)
        known = {
            Member(row.key, row.sha256): window_part(
                ShardSummary(kept.records[row], kept.quantiles[row])
            )
            for row in rows
        }
        return roll_up(store, known, summaries=KeptSummaries(store, known))

    return _timed(url, work)


def _late(url: str, told: LateShards, places: Sequence[tuple[int, int]]) -> Took:
    """Write shards, then find what changed and change the kept state by it."""
    store = BehaviorStore.open(url, "a")
    known = KnownShards.of(store)
    before = _members(known)
    told.write(store, places)

    def work(store: BehaviorStore) -> WindowLevels:
        now = KnownShards.of(store)
        changes = now.changes(known.winners, {p.night for p in now.winners})
        if len(changes) != len(places):
            raise AssertionError(
                f"reconcile: {len(changes)} changes, {len(places)} came"
            )
        return roll_up(store, _members(now), bases=[before])

    return _timed(url, work)


def _members(known: KnownShards) -> list[Member]:
    return [
        Member(ShardKey(SCHEMA.dataset, *place), counted.sha256)
        for place, counted in known.winners.items()
    ]


def _timed(url: str, work: Callable[[BehaviorStore], WindowLevels]) -> Took:
    """Run as a process does that has just started: it knows no ledger yet."""
    ledger._KNOWN.clear()
    wall, processor = time.perf_counter(), time.process_time()
    store = BehaviorStore.open(url, "a")
    store.rows()
    known = time.perf_counter() - wall
    levels = work(store)
    return Took(
        time.perf_counter() - wall,
        time.process_time() - processor,
        known,
        levels.work,
        levels.digest(),
    )


def _section(
    told: LateShards, full: Took, many: Took, singles: Sequence[Took]
) -> Section:
    merges = max(one.work.merges for one in singles)
    share = statistics.median(one.wall / full.wall for one in singles)
    known = statistics.median(
        (one.wall - one.ledger) / (full.wall - full.ledger) for one in singles
    )
    processor = statistics.median(one.processor / full.processor for one in singles)
    seconds = statistics.median(one.wall for one in singles)
    about = f"{full.wall:.1f} s from nothing, {seconds:.2f} s for the late one"
    return Section(
        "reconcile",
        "Late shards",
        f"A store of {told.sites} sites and {told.nights} nights: {told.shards:,} "
        f"shards of {told.agents} agents in eight teams, {len(TIMES)} times and "
        f"{len(SCHEMA.features)} features. From nothing: every shard is read and "
        "summarised, and the window is rolled up to team, site and all. Late: what "
        "counts is compared with what counted, the new shards are read, and the kept "
        "state is changed. Both begin as a new process does, with no ledger in memory, "
        "and end with the state committed; the bytes are compared. Writing the shards "
        "is not part of it.",
        figures=(
            Figure(
                f"merges for one late shard; {full.work.merges:,} from nothing",
                merges, goal=Goal(most=50),
            ),
            Figure("wall time of one late shard of a full run", 100 * share, "%",
                   Goal(most=2), about),
            Figure("the same, without reading the ledger", 100 * known, "%"),
            Figure("the same, processor time", 100 * processor, "%"),
            Figure(
                f"{told.late:,} late shards, processor time", many.processor, "s",
                Goal(most=10), f"{many.wall:.1f} s wall, {many.work.merges:,} merges",
            ),
        ),
    )  # fmt: skip
