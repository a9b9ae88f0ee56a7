"""Whose behaviour changed against its own past, and which groups move in step.

One pass over the window, a part of a site at a time: read the agents' series, fit what
is usual for each on the older half, score tonight, and score nights in between as the
null that calibrates it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from distributed import Client
from numpy.typing import NDArray

from stats.calibration import TailCounts
from stats.changes import (
    TESTED,
    Changes,
    ChangeScores,
    NightPlan,
    find_changes,
    plan_nights,
)
from stats.collusion import Cliques
from stats.summary import merge_all
from stats.within import RELATIVE_FLOOR
from storage.store import BehaviorStore
from tasks.agent_series import plan_parts
from tasks.baselines import Baselines, Level, Records
from tasks.collusion import join_cliques, search_cliques
from tasks.moving_together import GroupCorrelation, group_correlations
from tasks.part_study import PartStudy, study_part
from tasks.reconcile import NightView
from tasks.schema_scale import schema_floors
from tasks.scoring import MIN_NIGHTS

__all__ = ["AgentChanges", "study_agents"]

# Agents in their teams up to which their series are brought together for the search
# for cliques; beyond that it stays within the parts.
GATHERED = 20_000
# Null scores that are wanted per kind of change, from at most so many nights.
_NULL_SCORES, _NULL_NIGHTS = 20_000, 7


@dataclass(frozen=True, slots=True, eq=False)
class AgentChanges:
    """The family of agents that may have changed; arrays along the agent axis.

    Attributes
    ----------
    agents, entities, teams : str arrays, shape (a,)
        By site, team and agent.
    nights : int64 array, shape (a,)
        Nights on which each was there.
    changes : Changes
    null, held_out : TailCounts
        One pool per kind of change.
    plan : NightPlan
        Positions in `window`.
    window : tuple of str
        Nights, tonight last.
    correlations : dict of level to GroupCorrelation
        In the lead feature.
    cliques : Cliques or None
        Suspected collusion; None for fewer than 17 nights.  In fleets of more than
        20,000 agents cliques are searched for inside the parts of sites only.
    """

    agents: NDArray[np.str_]
    entities: NDArray[np.str_]
    teams: NDArray[np.str_]
    nights: NDArray[np.int64]
    changes: Changes
    null: TailCounts
    held_out: TailCounts
    plan: NightPlan
    window: tuple[str, ...]
    correlations: dict[Level, GroupCorrelation]
    cliques: Cliques | None

    def __repr__(self) -> str:
        return f"AgentChanges: agents={len(self.agents):_} | {self.changes!r}"


def study_agents(
    store: BehaviorStore,
    view: NightView,
    records: Records,
    baselines: Baselines,
    *,
    q: float = 0.05,
    client: Client | None = None,
) -> AgentChanges | None:
    """Find the agents that changed against their own past.

    Parameters
    ----------
    store : BehaviorStore
        Pinned to the snapshot of the view.
    view : NightView
    records : mapping of (site, night) to named ShardMoments
    baselines : Baselines
    q : float
        False-discovery rate over the agents.
    client : distributed.Client, optional

    Returns
    -------
    AgentChanges or None
        None while the window leaves no night to calibrate on.
    """
    parts = plan_parts(store, view, records)
    first = min((t for part in parts for t, _ in part.rows), default=len(view.nights))
    total = sum(int(part.centre_n.max(axis=(0, 2)).sum()) for part in parts)
    wanted = int(np.clip(_NULL_SCORES // max(total, 1), 2, _NULL_NIGHTS))
    plan = plan_nights(len(view.nights) - first, nulls=wanted)
    arrived = {t - first for part in parts for t, _ in part.rows}
    fitted = sum(t < plan.fit for t in arrived)
    if not plan.nulls or len(arrived) <= MIN_NIGHTS or fitted < MIN_NIGHTS // 2:
        return None
    work = functools.partial(
        study_part,
        first=first,
        plan=plan,
        floors=_floors(store, view, records, plan.fit + first),
        feature=store.schema.names.index(store.schema.lead),
        keep=total <= GATHERED,
        seed=int(view.digest[:8], 16),
        q=q,
    )
    if client is None:
        found = [work(part) for part in parts]
    else:
        found = client.gather(client.map(work, parts, pure=False))
    null = merge_all([part.null for part in found])
    held_out = merge_all([part.held_out for part in found])
    scores = _without_transfers(found)
    return AgentChanges(
        agents=np.concatenate([part.agents for part in found]),
        entities=np.concatenate([part.entities for part in found]),
        teams=np.concatenate([part.teams for part in found]),
        nights=np.concatenate([part.nights for part in found]),
        changes=find_changes(scores, null.merge(held_out), q=q),
        null=null,
        held_out=held_out,
        plan=plan,
        window=view.nights[first:],
        correlations=group_correlations([part.moving for part in found], baselines),
        cliques=_cliques(found, seed=int(view.digest[:8], 16), q=q),
    )


def _without_transfers(parts: Sequence[PartStudy]) -> ChangeScores:
    """Join all scores; who is seen later in another team of a site is not silent."""
    scores = ChangeScores.concatenate([part.scores for part in parts])
    names = [
        f"{label.split('/', 1)[0]}/{agent}"
        for part in parts
        for label, agent in zip(part.teams.tolist(), part.agents.tolist(), strict=True)
    ]
    last = np.concatenate([part.last for part in parts])
    _, who = np.unique(names, return_inverse=True)
    newest = np.zeros(len(last), dtype=np.int64)
    np.maximum.at(newest, who, last)
    scores.log_p[newest[who] > last, TESTED.index("silence")] = np.nan
    return scores


def _cliques(parts: Sequence[PartStudy], *, seed: int, q: float) -> Cliques | None:
    """Search all agents together, or join what was found inside the parts."""
    series = [part.series for part in parts if part.series is not None]
    if len(series) == len(parts):
        entities = np.concatenate([part.entities for part in parts])
        return search_cliques(np.concatenate(series), entities, seed=seed, q=q)
    inside = [part.cliques for part in parts if part.cliques is not None]
    if len(inside) < len(parts):
        return None
    return join_cliques(inside, [len(part.agents) for part in parts], q=q)


def _floors(
    store: BehaviorStore, view: NightView, records: Records, fit: int
) -> NDArray[np.float64]:
    """Smallest sd per feature: of its resolution, or 1 % of that over the fleet."""
    nights: Sequence[str] = view.nights[:fit]
    d = len(store.schema.features)
    scatter, dof = np.zeros(d), np.zeros(d)
    for (_, night), record in records.items():
        if night in nights:
            cells = record.groups.cells
            free = np.maximum(cells.count - 1, 0)
            variance = np.where(free > 0, cells.variance(), 0.0)
            scatter += (free * variance).sum(axis=0)
            dof += free.sum(axis=0)
    fleet = np.sqrt(scatter / np.maximum(dof, 1.0))
    return np.maximum(schema_floors(store.schema), RELATIVE_FLOOR * fleet)
