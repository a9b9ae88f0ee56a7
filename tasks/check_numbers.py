"""Checks of the numbers: counts, moments, intervals against an independent path."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import stats as distributions

from storage.schema import ShardData, ShardRow
from tasks.blocks import BlockRef, summarize_shard, team_label
from tasks.checks import Check, CheckContext, CheckFailed
from tasks.oracle import cluster_interval, oracle_moments, plain_winners
from tasks.reconcile import dataset_rows
from tasks.schema_scale import schema_origins, schema_transforms

__all__ = ["NUMBER_CHECKS"]

# Groups of tonight recomputed in whole integers, beside every site and the total.
_TEAMS = 8
# Past shards whose summary is computed again from the stored values.
_SHARDS = 5
# Agents per block of that second computation: another cut than the first one's.
_OTHER_ROWS = 97


def check_counts(context: CheckContext) -> tuple[int, str]:
    """Count every shard's observations against its ledger row, at every level."""
    view, levels = context.night.view, context.night.baselines.levels
    d = len(context.store.schema.features)
    rows = _counted(context)
    past, tonight = np.zeros(d, dtype=np.int64), np.zeros(d, dtype=np.int64)
    for row in rows:
        found = context.night.shards.get(row)
        if found is None:
            raise CheckFailed(f"{_name(row)} is in the ledger but was not reduced")
        _same(_name(row), row.observed, found.groups.rows.count.sum(axis=0))
        (tonight if row.key.night == view.night else past)[:] += row.observed
    for name, level in levels.items():
        _same(f"level {name}, window", past, level.window.count.sum(axis=0))
        _same(f"level {name}, tonight", tonight, level.tonight.rows.count.sum(axis=0))
        _same(f"level {name}, figures", tonight, level.n[-1].sum(axis=0))
    extra = len(context.night.shards) - len(rows)
    if extra:
        raise CheckFailed(f"{extra} shards were counted that the ledger does not name")
    total = int(past.sum() + tonight.sum())
    return len(rows), f"{total:,} observations of {len(rows)} shards at 3 levels"


def check_recompute(context: CheckContext) -> tuple[int, str]:
    """Compute tonight's groups again in whole Python integers and compare bits."""
    groups = _raw_groups(context)
    levels = context.night.baselines.levels
    compared = 0
    for level, label in _sample(context, groups):
        values = np.concatenate([v for _, v in groups[level][label]])
        oracle = oracle_moments(values)
        state = levels[level].tonight.rows  # type: ignore[index]  # keys are levels
        at = levels[level].labels.index(label)  # type: ignore[index]  # same
        where = f"{level} {label}"
        _same(f"{where}: n", oracle.n, state.count[at])
        _bits(f"{where}: mean", oracle.mean, state.mean()[at])
        _bits(f"{where}: variance", oracle.variance, state.variance()[at])
        _bits(f"{where}: covariance", oracle.covariance, state.covariance()[at])
        _bits(f"{where}: minimum", oracle.minimum, state.minimum[at])
        _bits(f"{where}: maximum", oracle.maximum, state.maximum[at])
        compared += 1
    d = len(context.store.schema.features)
    return (
        compared,
        f"{compared} groups, {d} means and {d}x{d} covariances each, by bits",
    )


def check_summaries(context: CheckContext) -> tuple[int, str]:
    """Summarise a sample of shards again in other blocks and compare digests."""
    schema = context.store.schema
    scale = schema_transforms(schema), schema_origins(schema)
    rows = _counted(context)
    pick = context.rng("summaries").permutation(len(rows))[:_SHARDS]
    tonight = [row for row in rows if row.key.night == context.night.view.night]
    chosen = sorted({rows[i] for i in pick} | set(tonight), key=_name)
    handle = context.store.handle()
    for row in chosen:
        blocks = context.store.blocks(row, _OTHER_ROWS)
        parts = [summarize_shard(BlockRef(handle, row, b), *scale) for b in blocks]
        again = parts[0]
        for part in parts[1:]:
            again = again.merge(part)
        moments, quantiles = context.night.shards[row], context.night.quantiles[row]
        _same(_name(row), again.moments.digest(), moments.digest())
        _same(_name(row), again.quantiles.digest(), quantiles.digest())
    return len(chosen), f"{len(chosen)} summaries, digests equal in other blocks"


def check_intervals(context: CheckContext) -> tuple[int, str]:
    """Compute tonight's intervals again agent by agent, at every level."""
    groups = _raw_groups(context)
    compared = 0
    for level, label in _sample(context, groups):
        found = context.night.baselines.levels[level]  # type: ignore[index]  # level
        at = found.labels.index(label)
        for j, feature in enumerate(context.store.schema.names):
            rows = [
                (agent, float(x))
                for agent, values in groups[level][label]
                for x in values[:, j]
                if not math.isnan(x)
            ]
            clusters = len({agent for agent, _ in rows})
            quantile = float(distributions.t.isf(0.025, max(clusters - 1, 1)))
            mean, lower, upper = cluster_interval(rows, quantile)
            where = f"{level} {label}, {feature}"
            scale = abs(mean) + abs(upper - lower) if clusters > 1 else abs(mean)
            _near(f"{where}: mean", mean, found.mean[-1, at, j], scale)
            _near(f"{where}: lower", lower, found.lower[-1, at, j], scale)
            _near(f"{where}: upper", upper, found.upper[-1, at, j], scale)
            compared += 1
    return compared, f"{compared} intervals of tonight, agents as clusters"


NUMBER_CHECKS = (
    Check(
        "counts",
        "Every observation of the ledger is counted once, at every level",
        "A.3, F.2",
        check_counts,
    ),
    Check(
        "recompute",
        "Tonight's moments equal whole-integer arithmetic, bit for bit",
        "A.1",
        check_recompute,
    ),
    Check(
        "summaries",
        "Stored summaries equal the stored data, in any blocks",
        "A.2",
        check_summaries,
    ),
    Check(
        "intervals",
        "Intervals at every level follow from the agents' own sums",
        "A.7",
        check_intervals,
    ),
)

Groups = dict[str, dict[str, list[tuple[str, NDArray[np.floating]]]]]


def _counted(context: CheckContext) -> list[ShardRow]:
    """Shards that must count, found without the ledger's own code."""
    view = context.night.view
    rows = dataset_rows(context.store, until=view.night)
    kept = set(view.nights)
    return [r for r in plain_winners(rows).values() if r.key.night in kept]


def _raw_groups(context: CheckContext) -> Groups:
    """Tonight's rows as stored, by level and label: (agent, values (times, d))."""
    groups: Groups = {"team": {}, "site": {}, "all": {}}
    for row in _counted(context):
        if row.key.night != context.night.view.night:
            continue
        for agent, team, values in _agents(context.store.read(row)):
            entry = (f"{row.key.site}/{agent}", values)
            label = team_label(row.key.site, team)
            groups["team"].setdefault(label, []).append(entry)
            groups["site"].setdefault(row.key.site, []).append(entry)
            groups["all"].setdefault("all", []).append(entry)
    return groups


def _agents(data: ShardData) -> Iterator[tuple[str, str, NDArray[np.floating]]]:
    for agent, code, values in zip(data.agents, data.team, data.values, strict=True):
        yield str(agent), data.team_names[code], values


def _sample(context: CheckContext, groups: Groups) -> list[tuple[str, str]]:
    teams = sorted(groups["team"])
    pick = context.rng("groups").permutation(len(teams))[:_TEAMS]
    chosen = [("team", teams[i]) for i in sorted(pick)]
    return [
        *chosen,
        *(("site", site) for site in sorted(groups["site"])),
        *(("all", label) for label in groups["all"]),
    ]


def _name(row: ShardRow) -> str:
    key, version = row.key, row.version
    return f"{key.site} {key.night} part {key.part} v{version.epoch}-{version.seq}"


def _same(where: str, expected: object, found: object) -> None:
    left, right = np.asarray(expected), np.asarray(found)
    if left.shape != right.shape or not np.array_equal(left, right):
        raise CheckFailed(f"{where}: expected {_brief(left)}, found {_brief(right)}")


def _bits(where: str, expected: object, found: object) -> None:
    left = np.asarray(expected, dtype=np.float64)
    right = np.asarray(found, dtype=np.float64)
    if left.shape != right.shape or not np.array_equal(left, right, equal_nan=True):
        raise CheckFailed(f"{where}: expected {_brief(left)}, found {_brief(right)}")


def _near(where: str, expected: float, found: float, scale: float) -> None:
    if math.isnan(expected) and math.isnan(found):
        return
    if not abs(expected - found) <= 1e-9 * scale:
        raise CheckFailed(f"{where}: expected {expected!r}, found {found!r}")


def _brief(values: NDArray[np.generic]) -> str:
    return np.array2string(values, threshold=6, precision=17, separator=", ")
