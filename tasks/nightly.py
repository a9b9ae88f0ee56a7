"""The steps of a night as Prefect tasks: thin, each a unit worth seeing and retrying.

What runs on Dask workers lives in modules that do not import prefect; here is only
what a person watches in the UI.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from storage.store import BehaviorStore
from tasks.check_data import DATA_CHECKS
from tasks.check_numbers import NUMBER_CHECKS
from tasks.check_scores import SCORE_CHECKS
from tasks.checks import Check, CheckContext, run_checks
from tasks.cluster import ClusterSession
from tasks.keep_posteriors import keep
from tasks.night import Night, Scores, build_night, compute_scores
from tasks.plan import Plan, Settings, VerdictFailed, decide, versions, window_rows
from tasks.progress import report_progress
from tasks.publish import Published, latest, publish, published_nights
from tasks.reconcile import NightView, reconcile
from tasks.report.changes import changes_since, published_before
from tasks.report.collect import RunFacts, collect_report
from tasks.report.headline import summary_line
from tasks.report.night_report import NightReport
from tasks.report.posteriors import Posteriors
from tasks.report.rows import Estimate, Verdict
from tasks.report.supersede import mark_superseded
from tasks.report.write_report import report_folder, write_index, write_report
from tasks.revised import compare_revisions
from tasks.summaries import Reduced, agents_tonight, reduce_agents, reduce_shards
from tasks.weigh import WeighOptions, say, weigh
from tasks.window import roll_window

__all__ = [
    "CHECKS",
    "baselines_step",
    "check_step",
    "plan_step",
    "publish_step",
    "reconcile_step",
    "reduce_step",
    "report_step",
    "score_step",
    "weigh_step",
]

CHECKS: tuple[Check, ...] = (*DATA_CHECKS, *NUMBER_CHECKS, *SCORE_CHECKS)


@task(name="plan", cache_policy=NO_CACHE)
def plan_step(settings: Settings) -> Plan:
    """Pin a snapshot, find the night, and see whether it already stands."""
    plan = decide(settings)
    if plan.standing is not None:
        # A run that died after its commit may have left the index without its night,
        # and older revisions without a word about it.
        mark_superseded(settings.reports, plan.night, plan.standing.revision)
        write_index(settings.reports, published_summaries(settings.store))
    return plan


@task(name="reduce", retries=2, retry_delay_seconds=[1, 5], cache_policy=NO_CACHE)
def reduce_step(settings: Settings, plan: Plan, session: ClusterSession) -> Reduced:
    """Summarise every delivered shard of the window whose summary is not kept yet."""
    store = BehaviorStore.open(settings.store, mode="a")
    rows = window_rows(store.at(plan.snapshot), settings, plan)
    if settings.shuffle:
        random.Random(plan.identity).shuffle(rows)
    found: Reduced = reduce_shards(
        store,
        rows,
        client=session.client(),
        rows_per_block=settings.rows_per_block,
        split_every=settings.fan_in,
        progress=lambda done, total: report_progress("reduce", done, total),
    )
    get_run_logger().info(
        "%d shards: %d read, %d summaries kept from before",
        len(rows), found.computed, found.reused,
    )  # fmt: skip
    return found


@task(name="reconcile", cache_policy=NO_CACHE)
def reconcile_step(settings: Settings, plan: Plan) -> NightView:
    """Decide what counts, and state what is missing and how old it is."""
    view = reconcile(
        BehaviorStore.open(settings.store, snapshot=plan.snapshot),
        plan.night,
        nights=settings.window,
        roster=settings.sites,
        as_of=plan.as_of,
    )
    get_run_logger().info(
        "%s: %.1f %% arrived, missing: %s",
        view.night,
        100 * view.arrived_share,
        ", ".join(view.missing_sites) or "nothing",
    )
    return view


@task(name="baselines", retries=2, retry_delay_seconds=[1, 5], cache_policy=NO_CACHE)
def baselines_step(
    settings: Settings,
    view: NightView,
    found: Reduced,
    session: ClusterSession,
) -> Night:
    """Roll summaries up to team, site and all; reduce every agent's own baseline."""
    store = BehaviorStore.open(settings.store, snapshot=view.snapshot)
    options: dict[str, Any] = {
        "client": session.client(),
        "rows_per_block": settings.rows_per_block,
    }
    agents = reduce_agents(store, view, split_every=settings.fan_in, **options)
    records = found.records
    counted = {row: records[row] for rows in view.winners.values() for row in rows}
    tonight = agents_tonight(store, view, **options)
    writable = BehaviorStore.open(settings.store, mode="a")
    window = roll_window(writable, view, counted, found.quantiles)
    if window is not None:
        get_run_logger().info("window: %s", window.work)
    parts = (counted, agents, tonight, found.quantiles)
    return build_night(store.schema, view, *parts, window)


@task(name="score", retries=2, retry_delay_seconds=[1, 5], cache_policy=NO_CACHE)
def score_step(settings: Settings, night: Night, session: ClusterSession) -> Scores:
    """Test teams, sites and agents, with the false-discovery rate controlled."""
    store = BehaviorStore.open(settings.store, snapshot=night.view.snapshot)
    scores = compute_scores(
        store,
        night,
        q=settings.false_discovery,
        client=session.client(),
        rows_per_block=settings.rows_per_block,
    )
    get_run_logger().info(
        "%d of %d teams, %d agents stand out",
        int(scores.teams.found.sum()), len(scores.teams.labels),
        0 if scores.agents is None else int(scores.agents.found.sum()),
    )  # fmt: skip
    return scores


@task(name="verdicts", cache_policy=NO_CACHE)
def check_step(
    settings: Settings, night: Night, scores: Scores, checks: Sequence[Check]
) -> tuple[Verdict, ...]:
    """Check the run itself; every check gives a verdict."""
    store = BehaviorStore.open(settings.store, snapshot=night.view.snapshot)
    seed = int(night.view.digest[:8], 16)
    verdicts = run_checks(CheckContext(store, night, scores, seed), checks)
    for verdict in verdicts:
        get_run_logger().info(
            "%s %s: %s", verdict.outcome, verdict.name, verdict.detail
        )
    return verdicts


@task(name="weigh", cache_policy=NO_CACHE)
def weigh_step(settings: Settings, night: Night, scores: Scores) -> Posteriors:
    """Write what the scores say into the ledger, and weigh it with other evidence."""
    store = BehaviorStore.open(settings.store, mode="a")
    clock = time.time_ns() if settings.now is None else settings.now
    said = say(store, night.view.night, scores.agents, ingested_at=clock)
    found = weigh(store, night.view, settings.weigh or WeighOptions())
    kept = keep(store, found)
    get_run_logger().info(
        "evidence of %d sites is new, of %d as before, of %d taken back; posteriors %s",
        len(said.written), len(said.kept), len(said.withdrawn), kept.run or kept.kind,
    )  # fmt: skip
    return kept


@task(name="report", cache_policy=NO_CACHE)
def report_step(
    settings: Settings,
    plan: Plan,
    night: Night,
    scores: Scores,
    verdicts: tuple[Verdict, ...],
    posteriors: Posteriors | None = None,
) -> NightReport:
    """Collect what the page shows."""
    store = BehaviorStore.open(settings.store)
    before = published_before(store, night)
    shown = None if plan.previous is None else plan.previous.extra.get("lead")
    last = latest(store, night.view.nights[-2]) if settings.window else None
    made = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    facts = RunFacts(
        revision=plan.revision,
        made=made,
        run=plan.run,
        parameters={k: str(v) for k, v in settings.results.items()},
        versions=versions(),
        verdicts=verdicts,
        previous_revision=None if shown is None else Estimate(**shown),
        last_night=_last_night(last),
        changes=changes_since(store, night, before),
        quarantined=settings.quarantined,
        revised=None
        if plan.previous is None
        else compare_revisions(store, plan.previous, night),
    )
    return replace(collect_report(night, scores, facts), posteriors=posteriors)


@task(name="publish", cache_policy=NO_CACHE)
def publish_step(
    settings: Settings,
    plan: Plan,
    night: Night,
    scores: Scores,
    report: NightReport,
    posteriors: Posteriors | None = None,
) -> Path:
    """Write the page; publish results and identity unless a verdict failed."""
    failed = [v for v in report.verdicts if v.outcome in ("failed", "error")]
    if failed:
        folder = settings.reports / plan.night / "failed"
        page = write_report(report, folder, {})
        names = "; ".join(f"{v.name} {v.outcome}: {v.detail}" for v in failed)
        raise VerdictFailed(
            f"night {plan.night}: {len(failed)} of {len(report.verdicts)} checks did "
            f"not pass, nothing was published. {names}. The page is {page}."
        )
    folder = report_folder(settings.reports, plan.night, plan.revision)
    page = write_report(report, folder, _neighbours(settings, plan))
    address = f"{plan.night}/r{plan.revision}/index.html"
    record = Published(
        plan.night, plan.revision, plan.run, plan.identity, plan.snapshot,
        night.digest, summary_line(report, page=address), {},
    )  # fmt: skip
    extra = {
        "lead": asdict(report.lead_feature.estimate),
        "parameters": settings.results,
        "revised": report.revised and asdict(report.revised),
        "changes": [asdict(change) for change in report.changes],
        "posteriors": posteriors and posteriors.run,
    }
    store = BehaviorStore.open(settings.store, mode="a")
    publish(store, night, scores, replace(record, extra=extra))
    mark_superseded(settings.reports, plan.night, plan.revision)
    write_index(settings.reports, published_summaries(settings.store))
    return page


def published_summaries(store: str) -> list[dict[str, Any]]:
    """One line per published night, its newest revision, oldest first."""
    opened = BehaviorStore.open(store)
    found = (latest(opened, night) for night in published_nights(opened))
    return [one.summary for one in found if one is not None]


def _neighbours(settings: Settings, plan: Plan) -> dict[str, str]:
    """Link of the newest published night before this one, relative to its page."""
    store = BehaviorStore.open(settings.store)
    nights = [night for night in published_nights(store) if night < plan.night]
    found = latest(store, nights[-1]) if nights else None
    return {} if found is None else {"earlier": f"../../{found.summary['page']}"}


def _last_night(published: Published | None) -> dict[str, int]:
    if published is None:
        return {}
    summary = published.summary
    return {"found": summary["agents_found"], "tested": summary["agents_tested"]}
