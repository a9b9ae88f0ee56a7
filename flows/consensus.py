"""Flow: what sources of evidence say together, about all agents or about one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from distributed import Client
from prefect import flow
from prefect.runtime import flow_run
from pydantic import BaseModel

from flows.artifacts import publish_consensus_answer
from flows.consensus_parameters import ConsensusParameters
from storage.store import BehaviorStore
from tasks.cluster import cluster_session
from tasks.cluster_config import ClusterConfig
from tasks.consensus_conclude import ConsensusOptions
from tasks.consensus_night import consensus_of_night
from tasks.consensus_result import Consensus
from tasks.consensus_words import agent_words, population_words
from tasks.keys import Answer
from tasks.publish_consensus import publish_consensus, write_consensus_table

__all__ = ["ConsensusOutcome", "consensus", "consensus_here"]


class ConsensusOutcome(BaseModel):
    """What was found: plain values, lines and a table."""

    found: dict[str, Any]
    lines: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def answer(self) -> Answer:
        """The same for the console."""
        return Answer(self.found, self.lines, self.columns, self.rows)


def _run_name() -> str:
    parameters: Any = flow_run.parameters.get("parameters", {})
    about = parameters.get("agent") if isinstance(parameters, dict) else (
        parameters.agent
    )  # fmt: skip
    return f"consensus-{about or 'all'}-{str(flow_run.id)[:8]}"


@flow(name="consensus", flow_run_name=_run_name, validate_parameters=True)
def consensus(parameters: ConsensusParameters) -> ConsensusOutcome:
    """Weigh the evidence of a night and the nights before it.

    Without an agent the posteriors of all are published in the store and written as
    Parquet; with one, the store is only read.
    """
    outcome = _consensus(parameters)
    publish_consensus_answer(
        about=parameters.agent or "all agents", lines=outcome.lines,
        columns=outcome.columns, rows=outcome.rows,
    )  # fmt: skip
    return outcome


def consensus_here(parameters: ConsensusParameters) -> ConsensusOutcome:
    """Run the flow on the server that is configured; without one, just do the work."""
    if os.environ.get("PREFECT_API_URL"):
        return consensus(parameters)
    return _consensus(parameters)


def _consensus(parameters: ConsensusParameters) -> ConsensusOutcome:
    alone = parameters.agent is not None
    store = BehaviorStore.open(str(parameters.store), "r" if alone else "a")
    options = ConsensusOptions(
        mode=parameters.mode,
        liars=parameters.liars,
        prior=parameters.prior,
        tempering=parameters.tempering,
        one_voice=parameters.one_voice,
        weights=parameters.weights,
        informative=parameters.informative,
    )
    with _client(parameters) as client:
        found = consensus_of_night(
            store,
            parameters.night,
            nights=parameters.nights,
            options=options,
            expected=parameters.expected,
            signed_only=parameters.signed_only,
            client=client,
            worker_faults=parameters.worker_faults,
            as_of=parameters.now_ns,
        )
    if parameters.agent is not None:
        answer = agent_words(found, parameters.agent)
    else:
        answer = _published(parameters, store, found)
    return ConsensusOutcome(
        found=dict(answer.found), lines=answer.lines, columns=answer.columns,
        rows=answer.rows,
    )  # fmt: skip


@contextlib.contextmanager
def _client(parameters: ConsensusParameters) -> Iterator[Client | None]:
    """Client of the cluster that was asked for; None for this process."""
    if parameters.cluster is None:
        yield None
        return
    with cluster_session(ClusterConfig.load(parameters.cluster)) as session:
        yield session.client()


def _published(
    parameters: ConsensusParameters, store: BehaviorStore, found: Consensus
) -> Answer:
    """Keep the posteriors, and say where."""
    kept = publish_consensus(store, found)
    folder = parameters.output or parameters.home / "posteriors" / kept.run
    table = write_consensus_table(found, folder / "posteriors.parquet")
    words = population_words(found, parameters.top)
    state = "published" if kept.fresh else "stands already"
    where = (f"Run {kept.run} {state}: group {kept.group} of the store.",)
    return Answer(
        {
            **words.found, "run": kept.run, "fresh": kept.fresh, "group": kept.group,
            "snapshot_published": kept.snapshot, "table": str(table),
        },
        (*words.lines, *where, f"Table: {table}"),
        words.columns,
        words.rows,
    )  # fmt: skip
