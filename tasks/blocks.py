"""What a worker does with one block of a shard.  Nothing here imports prefect."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stats.anomaly import WithinBaseline, score_within
from stats.calibration import TailCounts
from stats.labelled import Labelled
from stats.moments import GroupMoments
from stats.quantiles import GroupQuantiles
from stats.shard_moments import ShardMoments, agent_means
from stats.transforms import Transforms
from storage.schema import ShardData, ShardRow
from storage.store import BehaviorStore, StoreHandle
from tasks.shard_summary import AgentHistory, ShardSummary

__all__ = [
    "AgentScores",
    "BlockRef",
    "NightReference",
    "agent_baseline",
    "block_refs",
    "null_tail",
    "score_agents",
    "summarize",
    "summarize_shard",
    "team_label",
]


@dataclass(frozen=True, slots=True)
class BlockRef:
    """Where a block lies: a store at a snapshot, a shard, a range of its agents."""

    handle: StoreHandle
    row: ShardRow
    agents: slice

    def read(self, *, ids: bool = True) -> ShardData:
        """Read the block; without `ids` it is not read who the agents are.

        Raises
        ------
        storage.schema.Corrupt
            When chunks are missing or damaged.
        """
        return self.handle.open().read_block(self.row, self.agents, ids=ids)


@dataclass(frozen=True, slots=True)
class NightReference:
    """What the agents of one site are compared with on one night.

    Attributes
    ----------
    labels : tuple of str, length g
        Team labels of the site, sorted.
    centre : float64 array, shape (g, d)
        Mean of the team's agents that night, transformed features.
    centre_n : int64 array, shape (g,)
        Agents behind it.
    baseline : WithinBaseline
        Spread within a team and night, from the nights of the fit.
    transforms : Transforms
    """

    labels: tuple[str, ...]
    centre: NDArray[np.float64]
    centre_n: NDArray[np.int64]
    baseline: WithinBaseline
    transforms: Transforms


@dataclass(frozen=True, slots=True)
class AgentScores:
    """Scores of the agents of one block; arrays along the agent axis.

    `values` are raw means per feature, `log_p` natural logarithms of the F tail before
    calibration, NaN where the agent could not be tested.
    """

    agents: NDArray[np.str_]
    entities: NDArray[np.str_]
    teams: NDArray[np.str_]
    n: NDArray[np.int64]
    d2: NDArray[np.float64]
    log_p: NDArray[np.float64]
    contributions: NDArray[np.float64]
    main: NDArray[np.int64]
    values: NDArray[np.float64]


def team_label(site: str, team: str) -> str:
    """Name of a team that is unique over all sites."""
    return f"{site}/{team}"


def block_refs(
    store: BehaviorStore, row: ShardRow, rows: int | None = None
) -> tuple[BlockRef, ...]:
    """Cut a shard into blocks of `rows` agents (None: as its chunks are stored)."""
    handle = store.handle()
    return tuple(BlockRef(handle, row, part) for part in store.blocks(row, rows))


def summarize(ref: BlockRef, transforms: Transforms) -> Labelled[ShardMoments]:
    """Read a block and reduce it to exact moments per team."""
    return _team_moments(ref, ref.read(ids=False), transforms)


def summarize_shard(
    ref: BlockRef, transforms: Transforms, origins: tuple[float, ...]
) -> ShardSummary:
    """Read a block and reduce it to exact moments and counts per bin of every team.

    The bins are relative to the origin of each feature.
    """
    data = ref.read(ids=False)
    moments = _team_moments(ref, data, transforms)
    _, codes = _sorted_teams(ref.row.key.site, data)
    moved = data.values
    if any(origins):
        moved = moved.astype(np.float64) - np.array(origins)
    quantiles = GroupQuantiles.from_block(moved, codes, moments.n_groups)
    return ShardSummary(moments, Labelled(moments.labels, quantiles))


def _team_moments(
    ref: BlockRef, data: ShardData, transforms: Transforms
) -> Labelled[ShardMoments]:
    labels, codes = _sorted_teams(ref.row.key.site, data)
    moments = ShardMoments.from_block(
        data.values, codes, len(labels), transforms=transforms
    )
    return Labelled(labels, moments)


def agent_baseline(ref: BlockRef) -> AgentHistory:
    """Read a block and reduce it to exact moments per agent, without co-moments."""
    data = ref.read()
    names = np.asarray(data.agents, dtype=np.str_)
    ids, first, codes = np.unique(names, return_index=True, return_inverse=True)
    moments = GroupMoments.from_block(
        data.values, codes.astype(np.int64), len(ids), pairs=False
    )
    site, night = ref.row.key.site, ref.row.key.night
    teams = [team_label(site, data.team_names[data.team[i]]) for i in first]
    return AgentHistory(
        Labelled(tuple(ids.tolist()), moments),
        np.full(len(ids), dt.date.fromisoformat(night).toordinal(), dtype=np.int64),
        np.asarray(teams, dtype=np.str_),
    )


def null_tail(ref: BlockRef, night: NightReference) -> TailCounts:
    """Score a block of a night before tonight and keep the counts of its tail only."""
    scores = score_agents(ref, night)
    pool = np.zeros(len(scores.log_p), dtype=np.int64)
    return TailCounts.from_block(scores.log_p, pool, 1)


def score_agents(ref: BlockRef, night: NightReference) -> AgentScores:
    """Compare every agent of a block with its own team on the same night."""
    data = ref.read()
    return score_data(data, ref.row.key.site, night)


def score_data(data: ShardData, site: str, night: NightReference) -> AgentScores:
    """Score agents that are already in memory; `score_agents` without the reading.

    Raises
    ------
    stats.summary.InvalidInput
        When a team of the data is not among the labels of the reference.
    """
    labels, codes = _sorted_teams(site, data)
    place = {label: i for i, label in enumerate(night.labels)}
    lookup = np.array([place[label] for label in labels], dtype=np.int64)
    groups = lookup[codes]
    cells, _ = agent_means(night.transforms.apply(data.values))
    raw, _ = agent_means(data.values)
    scores = score_within(cells, groups, night.centre, night.centre_n, night.baseline)
    names = np.asarray(night.labels, dtype=np.str_)
    return AgentScores(
        agents=np.asarray(data.agents, dtype=np.str_),
        entities=np.asarray(data.entities, dtype=np.str_),
        teams=names[groups],
        n=data.count.sum(axis=1).astype(np.int64),
        d2=scores.d2,
        log_p=scores.log_p,
        contributions=scores.contributions,
        main=scores.main.astype(np.int64),
        values=raw,
    )


def _sorted_teams(
    site: str, data: ShardData
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Labels in sorted order and the code of each agent's team among them."""
    names = [team_label(site, team) for team in data.team_names]
    order = sorted(range(len(names)), key=names.__getitem__)
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    return tuple(names[i] for i in order), rank[data.team]
