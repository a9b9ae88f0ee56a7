"""One night, computed: the frozen values that checks, report and store all read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from distributed import Client

from stats.labelled import Labelled
from stats.shard_moments import ShardMoments
from stats.summary import NotEnoughData
from storage.schema import Schema, ShardRow
from storage.store import BehaviorStore
from tasks.agent_changes import AgentChanges, study_agents
from tasks.baselines import Baselines, compute_baselines
from tasks.reconcile import NightView
from tasks.rollup import WindowLevels
from tasks.schema_scale import schema_origins
from tasks.scoring import (
    AgentFamily,
    AgentReference,
    fit_agents,
    score_night,
)
from tasks.scoring_groups import GroupFamily, score_groups
from tasks.summaries import AgentBaseline, Quantiles, merge_parts, window_quantiles

__all__ = ["Night", "Scores", "build_night", "compute_scores", "result_digest"]


@dataclass(frozen=True, slots=True)
class Scores:
    """Findings of one night; None where there are too few nights.

    `agents` compares with the own team tonight, `changes` with the own past.
    """

    teams: GroupFamily
    sites: GroupFamily
    agents: AgentFamily | None
    reference: AgentReference | None
    changes: AgentChanges | None


@dataclass(frozen=True, slots=True)
class Night:
    """Everything computed for a night.

    Attributes
    ----------
    schema : Schema
    view : NightView
    shards : mapping of ShardRow to Labelled[ShardMoments]
        Exact summaries, one per counted shard.
    records : mapping of (site, night) to Labelled[ShardMoments]
        The same with the parts of a night merged.
    quantiles : mapping of ShardRow to Labelled[GroupQuantiles]
        Exact counts per bin, one per counted shard, relative to the schema's origins.
    agents : mapping of site to AgentHistory
        Exact agent baselines over the nights before tonight, and the agents' teams.
    baselines : Baselines
    new_agents : mapping of site to names
        Agents of tonight that the window has not seen: listed, never refused.
    digest : str
        The result digest: exact states and the ledger, nothing that passed through
        floating-point linear algebra.
    """

    schema: Schema
    view: NightView
    shards: Mapping[ShardRow, Labelled[ShardMoments]]
    records: Mapping[tuple[str, str], Labelled[ShardMoments]]
    quantiles: Mapping[ShardRow, Quantiles]
    agents: Mapping[str, AgentBaseline]
    baselines: Baselines
    new_agents: Mapping[str, tuple[str, ...]]
    digest: str


def build_night(
    schema: Schema,
    view: NightView,
    shards: Mapping[ShardRow, Labelled[ShardMoments]],
    agents: Mapping[str, AgentBaseline],
    tonight: Mapping[str, tuple[str, ...]],
    quantiles: Mapping[ShardRow, Quantiles],
    window: WindowLevels | None = None,
) -> Night:
    """Roll the summaries of a view up to every level.

    Parameters
    ----------
    schema : Schema
    view : NightView
    shards : mapping of ShardRow to Labelled[ShardMoments]
    agents : mapping of site to AgentHistory
    tonight : mapping of site to names
        Agents that were there tonight.
    quantiles : mapping of ShardRow to Labelled[GroupQuantiles]
        At least of the shards that count.
    window : WindowLevels, optional
        The nights before tonight, rolled up already.

    Raises
    ------
    NotEnoughData
        When no shard at all counts for the night and its window.
    """
    if not view.winners:
        raise NotEnoughData(
            f"nightly: no shard of {view.dataset} counts for {view.night} or the "
            f"{len(view.nights) - 1} nights before. Ingest data, or name another night."
        )
    records = merge_parts(view, shards)
    counted = {row: quantiles[row] for rows in view.winners.values() for row in rows}
    bins = window_quantiles(view, counted) if window is None else None
    origins = schema_origins(schema)
    baselines = compute_baselines(
        view, records, quantiles=bins, origins=origins, window=window
    )
    digest = result_digest(view, baselines, agents)
    new = {
        site: tuple(sorted(set(names) - set(agents[site].labels)))
        if site in agents
        else names
        for site, names in tonight.items()
    }
    return Night(schema, view, shards, records, counted, agents, baselines, new, digest)


def result_digest(
    view: NightView, baselines: Baselines, agents: Mapping[str, AgentBaseline]
) -> str:
    """SHA-256 over the exact states of every level and the ledger, hexadecimal.

    It is the same for any chunking, worker count and order of arrival, and changes
    with any bit of any counted value.
    """
    parts = {
        "ledger": view.ledger_digest,
        "view": view.digest,
        "levels": {
            name: [
                level.window.digest(),
                level.tonight.rows.digest(),
                "" if level.bins is None else level.bins.digest(),
            ]
            for name, level in baselines.levels.items()
        },
        "agents": {site: found.digest() for site, found in sorted(agents.items())},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def compute_scores(
    store: BehaviorStore,
    night: Night,
    *,
    q: float = 0.05,
    client: Client | None = None,
    rows_per_block: int | None = None,
) -> Scores:
    """Test teams, sites and agents of the night."""
    reference = fit_agents(
        store, night.view, night.records, client=client, rows_per_block=rows_per_block
    )
    agents = None
    if reference is not None:
        agents = score_night(
            store,
            night.view,
            night.records,
            reference,
            q=q,
            client=client,
            rows_per_block=rows_per_block,
        )
    changes = study_agents(
        store, night.view, night.records, night.baselines, q=q, client=client
    )
    return Scores(
        score_groups(night.baselines.team, q=q),
        score_groups(night.baselines.site, q=q),
        agents,
        reference,
        changes,
    )
