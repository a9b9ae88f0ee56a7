"""What retention would drop: decided from ledger, ages and holds, changing nothing."""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from storage.arrays import open_arrays, run
from storage.dropping import Drop, array_bytes
from storage.holds import Hold, held_by, read_holds
from storage.layout import ARRAYS
from storage.records import ShardRow
from storage.released import every_tag
from storage.store import BehaviorStore
from storage.verify_nodes import list_nodes
from tasks.archive import counted_rows
from tasks.ledgers import dataset_rows, ledger_of
from tasks.retention_policy import TIERS, RetentionPolicy

__all__ = [
    "RetentionPlan", "Tier", "hold_check", "old_groups", "plan_retention",
    "released_by",
]  # fmt: skip

VALUES = ("values", "count")
_DEPTH = 6  # summaries/<summary>/<site>/<night>/<part>/<hash>
_TEAMS = ("shard-moments", "shard-quantiles")
_WINDOWS = ("window-teams", "window-levels")
_TAG = re.compile(r"(?:nightly|consensus)-(\d{4})-?(\d{2})-?(\d{2})\b.*")


@dataclass(frozen=True, slots=True)
class Tier:
    """Shards of one tier and their bytes.

    Attributes
    ----------
    name : str
    shards, held : int
    n_bytes : int
        Of their arrays as they are stored now.
    after : int
        Once the plan is carried out.
    """

    name: str
    shards: int
    held: int
    n_bytes: int
    after: int


@dataclass(frozen=True, slots=True)
class RetentionPlan:
    """What would be dropped at a snapshot.

    Attributes
    ----------
    snapshot : str
    newest : str
        Night that ages are counted from; empty for an empty store.
    tiers : tuple of Tier
    drops : tuple of Drop
    held : dict of str to str
        Path of a shard that a hold keeps, to the name of the hold.
    counted : frozenset of str
        Paths of shards that count.
    archive : tuple of ShardRow
        Shards whose teams' summaries give way to that of their site.
    summaries : tuple of str
        Groups of summaries that go.
    results : tuple of str
        Groups of agents' baselines that go.
    """

    snapshot: str
    newest: str
    tiers: tuple[Tier, ...]
    drops: tuple[Drop, ...]
    held: dict[str, str]
    counted: frozenset[str]
    archive: tuple[ShardRow, ...]
    summaries: tuple[str, ...]
    results: tuple[str, ...]

    @property
    def n_bytes(self) -> int:
        """Bytes of arrays that go, compressed."""
        return sum(drop.n_bytes for drop in self.drops)


def _age(night: str, newest: str) -> int:
    return (dt.date.fromisoformat(newest) - dt.date.fromisoformat(night)).days


def hold_check(
    store: BehaviorStore, now: int
) -> Callable[[ShardRow, tuple[Hold, ...]], str]:
    """Return what tells the hold that keeps a shard, reading its agents if it must."""

    @functools.cache
    def agents(row: ShardRow) -> frozenset[str]:
        opened = run(open_arrays(store.reader, row.path, ["agent_id"]))
        return frozenset(run(opened["agent_id"].read()).tolist())

    def check(row: ShardRow, holds: tuple[Hold, ...]) -> str:
        return held_by(row, holds, now, agents)

    return check


def plan_retention(
    store: BehaviorStore, policy: RetentionPolicy, *, now: int
) -> RetentionPlan:
    """Decide what is old enough to go, and what a hold keeps.

    Parameters
    ----------
    store : BehaviorStore
    policy : RetentionPolicy
    now : int
        Nanoseconds UTC, for holds that end; ages are counted from the newest night.

    Raises
    ------
    Corrupt
        When holds, ledger or metadata cannot be read: nothing may be dropped then.
    """
    rows = store.shards()
    newest = max((row.key.night for row in rows), default="")
    counted = frozenset(row.path for row in counted_rows(store))
    sizes = array_bytes(store.reader, rows)
    holds, check = read_holds(store.reader), hold_check(store, now)
    kept = counted | _disputed(store, rows)
    drops: list[Drop] = []
    held: dict[str, str] = {}
    tiers = {name: [0, 0, 0, 0] for name in TIERS}
    for row in rows:
        tier, there = policy.tier(_age(row.key.night, newest)), sizes[row.path]
        going = tuple(n for n in _arrays(tier, row.path in kept) if n in there)
        keeper = check(row, holds) if going else ""
        gone = 0 if keeper else sum(there[name] for name in going)
        if keeper:
            held[row.path] = keeper
        elif going:
            drops.append(Drop(row, going, tier, gone))
        size = sum(there.values())
        for k, n in enumerate((1, int(bool(keeper)), size, size - gone)):
            tiers[tier][k] += n
    old = tuple(
        row
        for row in rows
        if row.path in counted and _age(row.key.night, newest) > policy.summaries
    )
    return RetentionPlan(
        store.snapshot,
        newest,
        tuple(Tier(name, *found) for name, found in tiers.items()),
        tuple(drops),
        held,
        counted,
        old,
        *old_groups(store, policy, newest, now=now),
    )


def _disputed(store: BehaviorStore, rows: Iterable[ShardRow]) -> frozenset[str]:
    """Paths of shards whose site gave one version to two contents: an open case."""
    ledger = ledger_of(dataset_rows(store))
    places = {(e.site, e.night, e.part) for e in ledger.quarantined()}
    return frozenset(
        row.path
        for row in rows
        if (row.key.site, row.key.night, row.key.part) in places
    )


def _arrays(tier: str, counts: bool) -> tuple[str, ...]:
    """Arrays that a shard of a tier does not keep."""
    if tier == "archived":
        return ARRAYS
    return () if tier == "complete" or (tier == "values" and counts) else VALUES


def old_groups(
    store: BehaviorStore, policy: RetentionPolicy, newest: str, *, now: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Summaries, and agents' baselines of published nights, that are old enough to go.

    Parameters
    ----------
    store : BehaviorStore
    policy : RetentionPolicy
    newest : str
        Night that ages are counted from.
    now : int
        Nanoseconds UTC, for holds that end.
    """
    summaries, results = [], []
    active = [hold for hold in read_holds(store.reader) if hold.in_force(now)]
    known = set(list_nodes(store.reader))
    for path in sorted(known):
        parts = path.split("/")
        if parts[0] == "summaries" and len(parts) == _DEPTH:
            _, name, site, night, *_ = parts
            limit = {_TEAMS: policy.summaries, _WINDOWS: policy.values}
            last = next((n for names, n in limit.items() if name in names), None)
            kept = any(
                h.first <= night <= h.last
                and (not h.sites or site in h.sites or name in _WINDOWS)
                for h in active
            )
            if last is not None and not kept and _age(night, newest) > last:
                summaries.append(path)
        elif parts[0] == "runs" and len(parts) == 4 and parts[3] == "agents":
            kept = any(h.first <= parts[1] <= h.last for h in active)
            filled = f"{path}/agent" in known
            if filled and not kept and _age(parts[1], newest) > policy.values:
                results.append(path)
    return tuple(summaries), tuple(results)


def released_by(
    store: BehaviorStore, policy: RetentionPolicy, newest: str
) -> tuple[str, ...]:
    """Tags of published nights that are further back than the history reaches.

    A tag of another form is somebody's own, and stays until its owner deletes it.
    """
    found = []
    for name in every_tag(store):
        match = _TAG.fullmatch(name)
        if match and newest and _age("-".join(match.groups()), newest) > policy.history:
            found.append(name)
    return tuple(found)
