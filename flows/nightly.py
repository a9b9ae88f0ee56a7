"""Flow: one night, from delivered files to a published report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.runtime import flow_run
from prefect.utilities.annotations import quote as _quote
from pydantic import BaseModel

from flows.artifacts import NightProgress, publish_report, publish_verdicts
from flows.catch_up import catch_up
from flows.events import emit_failure, emit_night
from flows.one_run import one_run
from flows.parameters import NightParameters
from flows.reissue import AffectedNight, reconcile_earlier
from storage.authenticity import SignaturePolicy
from storage.ingest import landing_files
from tasks.cluster import cluster_session
from tasks.cluster_config import ClusterConfig
from tasks.ingest import ingest_step
from tasks.nightly import (
    CHECKS,
    baselines_step,
    check_step,
    plan_step,
    publish_step,
    reconcile_step,
    reduce_step,
    report_step,
    score_step,
    weigh_step,
)
from tasks.plan import Plan, Settings, VerdictFailed, quarantined_files
from tasks.report.headline import headline
from tasks.report.night_report import NightReport
from tasks.report.write_report import report_folder
from tasks.weigh import WeighOptions

__all__ = ["NightOutcome", "nightly", "reissue"]

# Outcomes of checks after which a night may be published.
_SOUND = ("passed", "not run")


class NightOutcome(BaseModel):
    """What a nightly run answers: small, printable, the same for CLI and API."""

    night: str
    revision: int
    run: str
    computed: bool
    title: str
    page: Path
    result_digest: str
    snapshot: str
    arrived_share: float
    missing_sites: tuple[str, ...]
    checks_passed: int
    out_of_date: int = 0
    reissued: tuple[AffectedNight, ...] = ()
    caught_up: tuple[str, ...] = ()


def quote(value: Any) -> Any:
    """Hand a value to a task as it is: Prefect must not walk through arrays."""
    return _quote(value)


def _run_name() -> str:
    parameters: Any = flow_run.parameters.get("parameters", {})
    night = (
        parameters.get("night", "latest")
        if isinstance(parameters, dict)
        else parameters.night
    )
    return f"{flow_run.flow_name}-{night}-{str(flow_run.id)[:8]}"


@flow(name="nightly", flow_run_name=_run_name, validate_parameters=True)
def nightly(parameters: NightParameters) -> NightOutcome:
    """Compute, check and publish one night.

    Ingests what lies in the landing folder, reduces every delivered shard to exact
    summaries, reconciles them, rolls up baselines, scores teams and agents, checks
    itself and writes the report.  A check that does not pass fails the run and
    publishes nothing.  A night that already stands is left as it is.  Nights before it
    that changed shards affect are marked out of date, or issued again if asked for.
    """
    with one_run(parameters.home, "nightly"):
        outcome = _one_night(parameters)
        caught = catch_up(parameters, outcome.night, reissue)
        earlier = reconcile_earlier(parameters, outcome.night, reissue)
    return outcome.model_copy(update=earlier | {"caught_up": caught})


@flow(name="reissue", flow_run_name=_run_name, validate_parameters=True)
def reissue(parameters: NightParameters) -> NightOutcome:
    """Compute, check and publish one night, and look at no other."""
    return _one_night(parameters)


def _one_night(parameters: NightParameters) -> NightOutcome:
    if parameters.ingest and landing_files([parameters.landing]):
        ingest_step(
            str(parameters.store),
            (parameters.landing,),
            parameters.quarantine,
            now=parameters.now_ns,
            signatures=SignaturePolicy(parameters.signatures),
        )
    settings = _settings(parameters)
    plan = plan_step(settings)
    if plan.standing is not None:
        return _stands(parameters, plan)
    return _compute(parameters, settings, plan)


def _compute(
    parameters: NightParameters, settings: Settings, plan: Plan
) -> NightOutcome:
    progress = NightProgress(plan.night)
    told, planned = quote(settings), quote(plan)
    name = f"consilience-{plan.run}"
    with cluster_session(_cluster(parameters), name) as session:
        cluster = quote(session)
        records = reduce_step(told, planned, cluster)
        progress.step()
        view = reconcile_step(told, planned)
        progress.step()
        night = baselines_step(told, quote(view), quote(records), cluster)
        progress.step()
        scores = score_step(told, quote(night), cluster)
        progress.step()
    found = (quote(night), quote(scores))
    verdicts = check_step(told, *found, quote(CHECKS))
    publish_verdicts(verdicts)
    progress.step()
    weighed = None
    if settings.weigh is not None and all(v.outcome in _SOUND for v in verdicts):
        weighed = weigh_step(told, *found)
    kept = quote(weighed)
    report = report_step(told, planned, *found, quote(verdicts), kept)
    progress.step()
    try:
        page = publish_step(told, planned, *found, quote(report), kept)
    except VerdictFailed as error:
        emit_failure(plan.night, parameters.home, str(error))
        raise
    publish_report(report, page, parameters.home)
    emit_night(report, page, parameters.home, alert_q=parameters.alert_q)
    progress.step()
    get_run_logger().info("%s  %s", headline(report).title, page)
    return _outcome(plan, report, page)


def _cluster(parameters: NightParameters) -> ClusterConfig:
    config = ClusterConfig.load(parameters.cluster)
    if parameters.workers is not None:
        config = replace(config, workers=parameters.workers)
    return config


def _outcome(plan: Plan, report: NightReport, page: Path) -> NightOutcome:
    passed = [v for v in report.verdicts if v.outcome == "passed"]
    return NightOutcome(
        night=plan.night,
        revision=plan.revision,
        run=plan.run,
        computed=True,
        title=headline(report).title,
        page=page,
        result_digest=report.provenance.result_digest,
        snapshot=plan.snapshot,
        arrived_share=report.arrived_share,
        missing_sites=report.missing_sites,
        checks_passed=len(passed),
    )


def _settings(parameters: NightParameters) -> Settings:
    return Settings(
        store=str(parameters.store),
        reports=parameters.reports,
        night=parameters.night,
        window=parameters.window,
        false_discovery=parameters.false_discovery,
        sites=parameters.sites,
        rows_per_block=parameters.rows_per_block,
        fan_in=parameters.fan_in,
        shuffle=parameters.order == "shuffled",
        force=parameters.force,
        results=parameters.results(),
        quarantined=quarantined_files(parameters.quarantine),
        now=parameters.now_ns,
        weigh=None
        if parameters.consensus == "off"
        else WeighOptions(
            parameters.consensus, parameters.prior, parameters.evidence_nights
        ),
    )


def _stands(parameters: NightParameters, plan: Plan) -> NightOutcome:
    standing = plan.standing
    if standing is None:  # pragma: no cover - the caller asked
        raise AssertionError
    folder = report_folder(parameters.reports, plan.night, standing.revision)
    get_run_logger().info(
        "night %s stands as revision %d: nothing new arrived, nothing was computed",
        plan.night, standing.revision,
    )  # fmt: skip
    summary = standing.summary
    return NightOutcome(
        night=plan.night,
        revision=standing.revision,
        run=standing.run,
        computed=False,
        title=summary["title"],
        page=folder / "index.html",
        result_digest=standing.result_digest,
        snapshot=standing.snapshot,
        arrived_share=summary["arrived_share"],
        missing_sites=tuple(summary["missing_sites"]),
        checks_passed=0,
    )
