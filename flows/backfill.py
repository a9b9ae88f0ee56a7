"""Flow: compute a range of nights, one after the other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from prefect import flow, get_run_logger
from prefect.artifacts import (
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.runtime import flow_run
from pydantic import BaseModel

from flows.backfill_parameters import BackfillParameters
from flows.nightly import reissue
from flows.one_run import one_run
from flows.parameters import NightParameters
from stats.summary import StatsError
from storage.authenticity import SignaturePolicy
from storage.errors import StorageError
from storage.ingest import landing_files
from storage.store import BehaviorStore
from tasks.cluster import cluster_session
from tasks.cluster_config import ClusterConfig
from tasks.ingest import ingest_step
from tasks.keys import Answer
from tasks.missed import delivered_nights
from tasks.plan import VerdictFailed
from tasks.progress import report_progress

__all__ = ["BackfillOutcome", "NightsFailed", "answer", "backfill"]


class NightsFailed(RuntimeError):
    """Some nights of a range could not be computed; the others were."""

    kind: ClassVar[str] = "nights_failed"


class FilledNight(BaseModel):
    """What became of one night; `what` says why it failed."""

    night: str
    outcome: Literal["published", "stands", "failed", "left"]
    revision: int | None = None
    page: Path | None = None
    result_digest: str = ""
    what: str = ""


class BackfillOutcome(BaseModel):
    """What became of every delivered night of the range, oldest first."""

    nights: tuple[FilledNight, ...]

    def count(self, outcome: str) -> int:
        """How many nights ended so."""
        return sum(night.outcome == outcome for night in self.nights)

    @property
    def summary(self) -> str:
        """One line."""
        if not self.nights:
            return "No night of this range was delivered: nothing was computed."
        names = ("published", "stands", "failed", "left")
        said = [f"{self.count(name)} {name}" for name in names if self.count(name)]
        return f"{len(self.nights)} nights: {', '.join(said)}."


def _run_name() -> str:
    told: Any = flow_run.parameters.get("parameters", {})
    told = told if isinstance(told, dict) else told.model_dump(mode="json")
    span = f"{told.get('since')}-to-{told.get('until') or 'latest'}"
    return f"backfill-{span}-{str(flow_run.id)[:8]}"


@flow(name="backfill", flow_run_name=_run_name, validate_parameters=True)
def backfill(parameters: BackfillParameters) -> BackfillOutcome:
    """Compute the delivered nights of a range that do not stand, oldest first.

    A night that was published with the same parameters and shards is left as it is, so
    a back-fill that was cut goes on where it was.  All nights share one cluster.  Those
    that cannot be computed are named at the end and fail the run.
    """
    with one_run(parameters.home, "backfill"):
        outcome = _fill(parameters)
    create_table_artifact(
        key="backfill-nights",
        table=[
            night.model_dump(mode="json", include={"night", "outcome", "what"})
            for night in outcome.nights
        ],
        description=outcome.summary,
    )
    get_run_logger().info("%s", outcome.summary)
    failed = [night for night in outcome.nights if night.outcome == "failed"]
    if failed:
        named = "; ".join(f"{night.night}: {night.what}" for night in failed[:5])
        raise NightsFailed(
            f"backfill: {outcome.summary} {named}. "
            "Mend that and run it again: nights that stand are not computed again."
        )
    return outcome


def _fill(parameters: BackfillParameters) -> BackfillOutcome:
    if parameters.ingest and landing_files([parameters.landing]):
        ingest_step(
            str(parameters.store),
            (parameters.landing,),
            parameters.quarantine,
            now=parameters.now_ns,
            signatures=SignaturePolicy(parameters.signatures),
        )
    store = BehaviorStore.open(str(parameters.store))
    nights = delivered_nights(store, since=parameters.since, until=parameters.until)
    artifact: Any = create_progress_artifact(
        progress=0.0, key="backfill-progress", description=f"{len(nights)} nights."
    )
    done: list[FilledNight] = []
    config = ClusterConfig.load(parameters.cluster)
    if parameters.workers is not None:
        config = replace(config, workers=parameters.workers)
    with cluster_session(config, "backfill") as session:
        for night in nights:
            report_progress("backfill", len(done), len(nights))
            stopped = parameters.stop_at_failure and "failed" in {
                each.outcome for each in done
            }
            if stopped:
                done.append(FilledNight(night=night, outcome="left"))
                continue
            address = parameters.cluster
            if len(nights) > 1 and address != "threads":
                address = str(session.client().scheduler_info()["address"])
            done.append(_one(parameters, night, address))
            update_progress_artifact(artifact, 100.0 * len(done) / len(nights))
    report_progress("backfill", len(done), len(nights))
    return BackfillOutcome(nights=tuple(done))


def _one(parameters: BackfillParameters, night: str, cluster: str) -> FilledNight:
    """Run one night; what has a kind is written down, anything else is a bug."""
    shared = NightParameters.model_fields.keys() & BackfillParameters.model_fields
    told = {name: getattr(parameters, name) for name in shared}
    told |= {"night": night, "cluster": cluster, "ingest": False}
    if "://" in cluster:
        told["workers"] = None
    try:
        found = reissue(NightParameters(**told))
    except (StatsError, StorageError, VerdictFailed) as error:
        get_run_logger().exception("night %s could not be computed", night)
        what = f"{error.kind}: {error}"
        return FilledNight(night=night, outcome="failed", what=what)
    return FilledNight(
        night=night,
        outcome="published" if found.computed else "stands",
        revision=found.revision,
        page=found.page,
        result_digest=found.result_digest,
    )


def answer(outcome: BackfillOutcome) -> Answer:
    """Put an outcome into lines and a table for people, plain values for machines."""
    return Answer(
        found=outcome.model_dump(mode="json") | {"summary": outcome.summary},
        lines=(outcome.summary,),
        columns=("night", "outcome", "revision", "page"),
        rows=tuple(
            (night.night, night.outcome, str(night.revision or ""), str(night.page))
            for night in outcome.nights
        ),
    )
