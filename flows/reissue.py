"""Issue affected nights again, one nightly run each, oldest first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from prefect import get_run_logger
from pydantic import BaseModel

from flows.parameters import NightParameters, ReconcileParameters
from stats.summary import StatsError
from storage.errors import StorageError, TooLate
from storage.store import BehaviorStore
from tasks.affected import Affected
from tasks.cluster import cluster_session
from tasks.cluster_config import ClusterConfig
from tasks.plan import VerdictFailed
from tasks.progress import report_progress
from tasks.publish import latest
from tasks.reconcile import window
from tasks.reissue import affected_step, mark_step
from tasks.report.write_report import report_folder
from tasks.stale import choose

__all__ = ["AffectedNight", "RunNight", "issue_again", "left", "reconcile_earlier"]


class Issued(Protocol):
    """What a nightly run answers, as far as it matters here."""

    revision: int
    page: Path


RunNight = Callable[[NightParameters], Issued]


class AffectedNight(BaseModel):
    """What became of a published night that changed shards affect.

    `outcome` is reissued, out of date (left for a later run), too late (what it needs
    was dropped) or failed; all but the first keep the revision that stood, marked.
    `changes` says which shard versions and why, `revised` which figures moved.
    """

    night: str
    outcome: Literal["reissued", "out of date", "too late", "failed"]
    revision_before: int
    revision: int
    page: Path
    changes: tuple[dict[str, Any], ...]
    revised: dict[str, Any] | None = None
    what: str = ""


def issue_again(
    affected: Sequence[Affected], parameters: ReconcileParameters, run_night: RunNight
) -> tuple[AffectedNight, ...]:
    """Run every night again with the parameters it was published with.

    A night that cannot be computed keeps the revision that stands; the others are
    issued all the same.  One cluster serves all of them, where its address is enough to
    use it: certificates, a gateway's proxy and the like are in the description alone.

    Parameters
    ----------
    affected : sequence of Affected
        Oldest first.
    parameters : ReconcileParameters
    run_night : callable
        The nightly flow.
    """
    if not affected:
        return ()
    config = ClusterConfig.load(parameters.cluster)
    done: list[AffectedNight] = []
    with cluster_session(config) as session:
        address = parameters.cluster
        if len(affected) > 1 and config.address_is_enough:
            address = str(session.client().scheduler_info()["address"])
        for found in affected:
            report_progress("reissue", len(done), len(affected))
            done.append(_issue(found, parameters, address, run_night))
    report_progress("reissue", len(done), len(affected))
    return tuple(done)


def reconcile_earlier(
    parameters: NightParameters, night: str, run_night: RunNight
) -> dict[str, Any]:
    """Mark or issue again the published nights that a run of `night` found affected.

    Returns
    -------
    dict
        ``reissued``, and ``out_of_date``: how many nights are left marked.
    """
    told = ReconcileParameters(
        home=parameters.home,
        window=parameters.window,
        cluster=parameters.cluster,
        workers=parameters.workers,
        signatures=parameters.signatures,
    )
    store = str(told.store)
    _, affected = affected_step(store, window_nights=told.window)
    mark_step(store, told.reports, affected)
    if not parameters.reissue:
        return {"out_of_date": len(affected)}
    since = window(night, parameters.reissue_nights)[0]
    earlier = [found for found in affected if found.night < night]
    issued = issue_again(choose(earlier, since=since), told, run_night)
    again = {one.night for one in issued if one.outcome == "reissued"}
    stale = [found for found in affected if found.night not in again]
    mark_step(store, told.reports, stale)
    return {"out_of_date": len(stale), "reissued": issued}


def _issue(
    found: Affected, parameters: ReconcileParameters, cluster: str, run_night: RunNight
) -> AffectedNight:
    log, before = get_run_logger(), found.published.revision
    for change in found.changes[:20]:
        log.info("night %s: %s", found.night, change)
    try:
        outcome = run_night(_night_parameters(found, parameters, cluster))
    except TooLate as error:
        return _kept(found, parameters, "too late", str(error))
    except (StatsError, StorageError, VerdictFailed) as error:
        log.exception("night %s keeps revision %d", found.night, before)
        return _kept(found, parameters, "failed", f"{error.kind}: {error}")
    published = latest(BehaviorStore.open(str(parameters.store)), found.night)
    return AffectedNight(
        night=found.night,
        outcome="reissued",
        revision_before=before,
        revision=outcome.revision,
        page=outcome.page,
        changes=tuple(found.as_dict()["changes"]),
        revised=None if published is None else published.extra.get("revised"),
    )


def left(found: Affected, parameters: ReconcileParameters) -> AffectedNight:
    """Leave a night for a later run."""
    return _kept(found, parameters, "out of date", "")


def _kept(
    found: Affected,
    parameters: ReconcileParameters,
    outcome: Literal["out of date", "too late", "failed"],
    what: str,
) -> AffectedNight:
    revision = found.published.revision
    folder = report_folder(parameters.reports, found.night, revision)
    return AffectedNight(
        night=found.night,
        outcome=outcome,
        revision_before=revision,
        revision=revision,
        page=folder / "index.html",
        changes=tuple(found.as_dict()["changes"]),
        what=what,
    )


def _night_parameters(
    found: Affected, parameters: ReconcileParameters, cluster: str
) -> NightParameters:
    """Return what the night was published with; ages as of the morning after it."""
    said = found.published.extra.get("parameters", {})
    return NightParameters(
        home=parameters.home,
        night=found.night,
        window=said.get("window", parameters.window),
        false_discovery=said.get("false_discovery", parameters.false_discovery),
        sites=tuple(said.get("sites", ())),
        consensus=said.get("consensus", "off"),
        prior=said.get("prior", 0.01),
        evidence_nights=said.get("evidence_nights", 0),
        cluster=cluster,
        workers=parameters.workers,
        signatures=parameters.signatures,
        ingest=False,
    )
