"""Carry a retention plan out: summaries first, then arrays, then what they replace."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from storage.checkpoints import Checkpoints
from storage.collecting import Collected, collect_garbage
from storage.dropping import drop_arrays, drop_groups, drop_results
from storage.records import ShardRow
from storage.store import BehaviorStore
from tasks.archive import archive_sites, team_keys
from tasks.checks import CheckFailed
from tasks.keys import Answer
from tasks.retention_plan import (
    RetentionPlan,
    hold_check,
    old_groups,
    plan_retention,
    released_by,
)
from tasks.retention_policy import TIERS, RetentionPolicy
from tasks.summaries import decode_record, reduce_shards

__all__ = [
    "Retained",
    "collect",
    "describe_collected",
    "describe_retained",
    "retain",
]

_DAY = 86_400_000_000_000
_ERROR = (
    "Dropped nights still answer counts, means, variances, covariances and extremes of "
    "teams, later of sites, exactly; quantiles within 0.4 %; nothing of single agents."
)


@dataclass(frozen=True, slots=True)
class Retained:
    """A plan, and what came of it.

    Attributes
    ----------
    plan : RetentionPlan
    applied : bool
        False for a dry run: nothing was changed.
    dropped : int
        Shards of which arrays were dropped.
    n_bytes : int
        Bytes of these arrays; the space is free once the history lets go of them.
    summarised : int
        Shards whose summary was not kept and was computed first.
    """

    plan: RetentionPlan
    applied: bool
    dropped: int = 0
    n_bytes: int = 0
    summarised: int = 0


def retain(
    url: str, policy: RetentionPolicy, *, now: int, apply: bool = False
) -> Retained:
    """Plan what is to be dropped, and drop it when told to.

    Parameters
    ----------
    url : str
    policy : RetentionPolicy
    now : int
        Nanoseconds UTC.
    apply : bool
        Without it nothing is changed.

    Raises
    ------
    CheckFailed
        When a summary does not hold as many rows as its shard; nothing is dropped.
    Corrupt
        When something that decides cannot be read; nothing is dropped.
    Locked, Conflict
        When a commit cannot be made; run it again.
    """
    store = BehaviorStore.open(url, "a" if apply else "r")
    plan = plan_retention(store, policy, now=now)
    if not apply:
        return Retained(plan, applied=False)
    going = [drop.row for drop in plan.drops if drop.row.path in plan.counted]
    whole = [drop.row for drop in plan.drops if "values" in drop.arrays]
    missing = _without_summary(store, [row for row in going if row in set(whole)])
    reduce_shards(store, missing)
    _check_summaries(store, [row for row in going if row in set(whole)])
    archive_sites(store, plan.archive)
    done = drop_arrays(store, plan.drops, now=now, held=hold_check(store, now))
    # Listed again: those of teams that were only made for their site are old as well.
    summaries, results = old_groups(store, policy, plan.newest, now=now)
    drop_groups(store, summaries, f"retention: {len(summaries)} summaries")
    drop_results(store, results, {"at": now, "tier": "summaries"})
    return Retained(
        plan, True, len(done), sum(drop.n_bytes for drop in done), len(missing)
    )


def _without_summary(store: BehaviorStore, rows: Iterable[ShardRow]) -> list[ShardRow]:
    kept = Checkpoints(store)
    return [row for row in rows if len(kept.get(team_keys(store, row))) < 2]


def _check_summaries(store: BehaviorStore, rows: Iterable[ShardRow]) -> None:
    """Refuse to drop values whose summary does not count as many."""
    kept = Checkpoints(store)
    for row in rows:
        one, _ = team_keys(store, row)
        moments = decode_record(kept.get([one])[one])
        found = tuple(moments.groups.rows.count.sum(axis=0, dtype=np.int64).tolist())
        if found != row.observed:
            raise CheckFailed(
                f"retain: the summary of {row.key} counts {found} values, its ledger "
                f"row {row.observed}. Nothing was dropped; run `consilience verify`."
            )


def describe_retained(done: Retained, policy: RetentionPolicy) -> Answer:
    """Say what is kept in each tier, what goes, and what holds keep."""
    plan = done.plan
    shards = done.dropped if done.applied else len(plan.drops)
    n_bytes = done.n_bytes if done.applied else plan.n_bytes
    found = {
        "applied": done.applied,
        "snapshot": plan.snapshot,
        "newest": plan.newest,
        "drop_shards": shards,
        "drop_bytes": n_bytes,
        "summarised": done.summarised,
        "summaries": len(plan.summaries),
        "results": len(plan.results),
        "held": plan.held,
        "tiers": {
            tier.name: {
                "shards": tier.shards, "held": tier.held,
                "bytes": tier.n_bytes, "after": tier.after,
            }
            for tier in plan.tiers
        },
    }  # fmt: skip
    verb = "Dropped" if done.applied else "Would drop"
    lines = [
        f"{verb} arrays of {shards:,} shards, {n_bytes / 1e6:,.1f} MB; "
        f"{len(plan.summaries):,} summaries, "
        f"baselines of agents of {len(plan.results):,} runs.",
        _ERROR,
        "The space is free once the history lets go: `consilience gc`."
        if done.applied
        else "Nothing was changed; --apply does it.",
    ]
    if plan.held:
        names = ", ".join(sorted(set(plan.held.values())))
        lines.insert(1, f"Kept by holds ({names}): {len(plan.held):,} shards.")
    columns = ("tier", "nights", "shards", "held", "MB now", "MB then", "kept")
    return Answer(found, tuple(lines), columns, _tier_rows(plan, policy))


def _tier_rows(
    plan: RetentionPlan, policy: RetentionPolicy
) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (
            tier.name, _ages(tier.name, policy), f"{tier.shards:,}", f"{tier.held:,}",
            f"{tier.n_bytes / 1e6:,.1f}", f"{tier.after / 1e6:,.1f}", TIERS[tier.name],
        )
        for tier in plan.tiers
    )  # fmt: skip


def _ages(tier: str, policy: RetentionPolicy) -> str:
    ends = {
        "complete": policy.superseded,
        "values": policy.values,
        "summaries": policy.summaries,
    }
    return f"to {ends[tier]}" if tier in ends else "older"


def collect(
    url: str, policy: RetentionPolicy, *, now: int, apply: bool = False
) -> Collected:
    """Let go of tags and snapshots beyond the history, and delete what is unreachable.

    Parameters
    ----------
    url : str
    policy : RetentionPolicy
    now : int
        Nanoseconds UTC, of the clock that the files are dated by.
    apply : bool
        Without it nothing is changed.

    Raises
    ------
    Locked
        When another process commits, or collects, for too long.
    """
    store = BehaviorStore.open(url, "a" if apply else "r")
    newest = max((row.key.night for row in store.shards()), default="")
    return collect_garbage(
        store,
        now=now,
        history_from=now - policy.history * _DAY,
        tags=released_by(store, policy, newest),
        dry_run=not apply,
    )


def describe_collected(done: Collected) -> Answer:
    """Say what was deleted, or would be."""
    found = {
        "applied": not done.dry_run, "snapshots": done.snapshots,
        "tags": list(done.tags), "objects": done.objects, "bytes": done.n_bytes,
    }  # fmt: skip
    verb = "Would let go of" if done.dry_run else "Let go of"
    lines = [
        f"{verb} {len(done.tags):,} tags and {done.snapshots:,} snapshots; "
        f"{done.objects:,} objects that nothing reaches, {done.n_bytes / 1e6:,.1f} MB.",
    ]
    if done.dry_run:
        lines.append(
            "Nothing was changed; --apply does it. What the snapshots set free is "
            "counted once they are gone."
        )
    return Answer(found, tuple(lines))
