"""Planted faults: each mutates our own code and counts how often it was reached."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tasks.baselines
import tasks.blocks
import tasks.check_numbers
import tasks.check_scores
import tasks.summaries
from stats.ledger import ShardLedger
from stats.limbs import Limbs
from stats.moments import GroupMoments
from stats.shard_moments import ShardMoments
from storage.store import BehaviorStore
from tests.homes import LAST, nights

Reached = list[str]
Fault = Callable[[pytest.MonkeyPatch, Reached], None]


class DividedAgain(GroupMoments):
    """Moments whose spread is divided by n - 1 once more than it should be."""

    def variance(self, ddof: int = 1) -> np.ndarray:
        return super().variance(ddof) / np.maximum(self.count - 1, 1)

    def covariance(self, ddof: int = 1) -> np.ndarray:
        n = np.maximum(self.count - 1, 1)[:, :, None]
        return super().covariance(ddof) / n


def _changed(
    patch: pytest.MonkeyPatch, reached: Reached, change: Callable[..., Any]
) -> None:
    """Let `change(cls, values, groups, n, **kw, original=...)` replace from_block."""
    original = GroupMoments.from_block.__func__

    def from_block(cls, values, groups, n_groups, **options):
        reached.append("from_block")
        return change(original, cls, values, groups, n_groups, **options)

    patch.setattr(GroupMoments, "from_block", classmethod(from_block))


def h1_rollup_divides_again(patch: pytest.MonkeyPatch, reached: Reached) -> None:
    original = GroupMoments.rollup

    def rollup(self, parent, n_parents):
        found = original(self, parent, n_parents)
        if n_parents >= self.n_groups:
            return found
        reached.append("rollup")
        fields = [getattr(found, f.name) for f in dataclasses.fields(GroupMoments)]
        return DividedAgain(*fields)

    patch.setattr(GroupMoments, "rollup", rollup)


def h2_cross_sums_never_added(patch: pytest.MonkeyPatch, reached: Reached) -> None:
    def change(original, cls, values, groups, n_groups, **options):
        found = original(cls, values, groups, n_groups, **options)
        none = Limbs.zeros(found.products.cells)
        return dataclasses.replace(found, products=none)

    _changed(patch, reached, change)


def h3_intervals_at_the_lowest_level_only(
    patch: pytest.MonkeyPatch, reached: Reached
) -> None:
    original = ShardMoments.mean_interval

    def mean_interval(self, level=0.95):
        mean, lower, upper = original(self, level)
        if self.n_groups > 3:
            return mean, lower, upper
        reached.append("mean_interval")
        return mean, np.zeros_like(lower), np.zeros_like(upper)

    patch.setattr(ShardMoments, "mean_interval", mean_interval)


def h4_groups_beyond_a_capacity_dropped(
    patch: pytest.MonkeyPatch, reached: Reached
) -> None:
    def change(original, cls, values, groups, n_groups, **options):
        kept = np.where(np.asarray(groups) < 2, groups, -1)
        return original(cls, values, kept, n_groups, **options)

    _changed(patch, reached, change)


def h6_one_gap_means_normal(patch: pytest.MonkeyPatch, reached: Reached) -> None:
    original = tasks.blocks.score_within

    def score_within(x, *rest):
        found = original(x, *rest)
        gap = np.isnan(x).any(axis=1)
        reached.extend("gap" for _ in range(int(gap.sum())))
        return dataclasses.replace(found, log_p=np.where(gap, 0.0, found.log_p))

    patch.setattr(tasks.blocks, "score_within", score_within)


def h7_state_for_two_features_only(patch: pytest.MonkeyPatch, reached: Reached) -> None:
    def change(original, cls, values, groups, n_groups, **options):
        cut = np.array(values, dtype=np.float64)
        cut[:, 2:] = np.nan
        return original(cls, cut, groups, n_groups, **options)

    _changed(patch, reached, change)


def h8_merge_counts_parts(patch: pytest.MonkeyPatch, reached: Reached) -> None:
    original = GroupMoments._merge_many.__func__

    def merge_many(cls, items):
        items = list(items)
        found = original(cls, items)
        reached.append("merge")
        parts = np.full_like(found.pair_count, len(items))
        return dataclasses.replace(found, pair_count=parts)

    patch.setattr(GroupMoments, "_merge_many", classmethod(merge_many))


def h9_a_repeated_shard_counts_twice(
    patch: pytest.MonkeyPatch, reached: Reached
) -> None:
    original = ShardLedger.winners

    def winners(self):
        found = original(self)
        reached.append("winners")
        return (*found, found[-1])

    patch.setattr(ShardLedger, "winners", winners)


def c1_interval_without_root_n(patch: pytest.MonkeyPatch, reached: Reached) -> None:
    original = ShardMoments.mean_interval

    def mean_interval(self, level=0.95):
        mean, lower, upper = original(self, level)
        reached.append("mean_interval")
        root = np.sqrt(np.maximum(self.rows.count, 1))
        return mean, mean - (mean - lower) * root, mean + (upper - mean) * root

    patch.setattr(ShardMoments, "mean_interval", mean_interval)


def c2_no_data_is_zero_give_or_take(
    patch: pytest.MonkeyPatch, reached: Reached
) -> None:
    original = ShardMoments.mean_interval

    def mean_interval(self, level=0.95):
        none = self.rows.count == 0
        reached.extend("empty" for _ in range(int(none.sum())))
        fill = (0.0, -1.96, 1.96)
        parts = zip(original(self, level), fill, strict=True)
        return tuple(np.where(none, value, part) for part, value in parts)

    patch.setattr(ShardMoments, "mean_interval", mean_interval)


def c4_healing_concatenates_versions(
    patch: pytest.MonkeyPatch, reached: Reached
) -> None:
    def winners(self):
        reached.append("winners")
        return self.entries()

    patch.setattr(ShardLedger, "winners", winners)


def k3_labels_permuted(patch: pytest.MonkeyPatch, reached: Reached) -> None:
    original = BehaviorStore.read_block

    def read_block(self, row, block, **options):
        data = original(self, row, block, **options)
        reached.append("read_block")
        return dataclasses.replace(data, team=np.roll(data.team, 1))

    patch.setattr(BehaviorStore, "read_block", read_block)


def k3_same_night_appended_twice(patch: pytest.MonkeyPatch, reached: Reached) -> None:
    original = tasks.summaries.summarize_shard

    def summarize(ref, transforms, origins):
        found = original(ref, transforms, origins)
        if ref.row.key.night != LAST:
            return found
        reached.append("summarize")
        return found.merge(found)

    patch.setattr(tasks.summaries, "summarize_shard", summarize)


def k4_the_last_arrival_wins(patch: pytest.MonkeyPatch, reached: Reached) -> None:
    def winners(self):
        reached.append("winners")
        first = {}
        for entry in self.entries():
            first.setdefault(entry.key, entry)
        return tuple(first.values())

    patch.setattr(ShardLedger, "winners", winners)


def m2_correlations_ignored(patch: pytest.MonkeyPatch, reached: Reached) -> None:
    original = tasks.blocks.score_within

    def score_within(x, groups, centre, centre_n, baseline):
        reached.append("score_within")
        d = baseline.covariance.shape[1]
        diagonal = baseline.covariance * np.eye(d)
        flat = dataclasses.replace(baseline, covariance=diagonal)
        return original(x, groups, centre, centre_n, flat)

    patch.setattr(tasks.blocks, "score_within", score_within)


def m2_one_site_is_scored_blindly(patch: pytest.MonkeyPatch, reached: Reached) -> None:
    original = tasks.check_scores.score_data

    def score_data(data, site, night):
        found = original(data, site, night)
        if site != "west":
            return found
        reached.append("west")
        calm = np.where(np.isnan(found.log_p), np.nan, -0.5)
        return dataclasses.replace(found, log_p=calm)

    patch.setattr(tasks.check_scores, "score_data", score_data)


def v1_a_check_raises(patch: pytest.MonkeyPatch, reached: Reached) -> None:
    def broken(*args):
        reached.append("cluster_interval")
        raise TypeError("planted")

    patch.setattr(tasks.check_numbers, "cluster_interval", broken)


def v2_yesterdays_numbers(patch: pytest.MonkeyPatch, reached: Reached) -> None:
    original = tasks.summaries.summarize_shard
    before = nights()[-2]

    def summarize(ref, transforms, origins):
        if ref.row.key.night != LAST:
            return original(ref, transforms, origins)
        reached.append("summarize")
        rows = ref.handle.open().shards(site=ref.row.key.site, night=before)
        return original(dataclasses.replace(ref, row=rows[0]), transforms, origins)

    patch.setattr(tasks.summaries, "summarize_shard", summarize)
