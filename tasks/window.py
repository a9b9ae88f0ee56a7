"""The window before a night, rolled up from the nearest state that is kept."""

from __future__ import annotations

from collections.abc import Mapping

from stats.labelled import Labelled
from stats.shard_moments import ShardMoments
from storage.schema import ShardRow
from storage.store import BehaviorStore
from tasks.affected import published_members
from tasks.kept_summaries import KeptSummaries, window_part
from tasks.publish import latest
from tasks.reconcile import NightView
from tasks.rollup import Member, WindowLevels, members_of
from tasks.rollup_store import roll_up
from tasks.shard_summary import ShardSummary
from tasks.summaries import Quantiles

__all__ = ["roll_window"]


def roll_window(
    store: BehaviorStore,
    view: NightView,
    records: Mapping[ShardRow, Labelled[ShardMoments]],
    quantiles: Mapping[ShardRow, Quantiles],
) -> WindowLevels | None:
    """Roll the nights before tonight up, changing what an earlier run left.

    Parameters
    ----------
    store : BehaviorStore
        Open for writing, at its newest snapshot.
    view : NightView
    records, quantiles : mapping of ShardRow to summaries
        Of the shards that count, as the reduction gave them.

    Returns
    -------
    WindowLevels or None
        The bytes of a fold of all; None when nothing before tonight counts.
    """
    before = [
        row
        for (_, night), rows in view.winners.items()
        if night != view.night
        for row in rows
    ]
    if not before:
        return None
    known = {
        Member(row.key, row.sha256): window_part(
            ShardSummary(records[row], quantiles[row])
        )
        for row in before
    }
    return roll_up(
        store,
        members_of(before),
        bases=_bases(store, view),
        summaries=KeptSummaries(store, known),
    )


def _bases(store: BehaviorStore, view: NightView) -> list[tuple[Member, ...]]:
    """Windows an earlier run may have left: this night's, and the newest before it."""
    found = []
    for night in reversed(view.nights):
        published = latest(store, night)
        if published is not None:
            found.append(published_members(store, published))
        if found and night != view.night:
            break
    return found
