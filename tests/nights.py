"""Compute a night in this process, step by step, without a workflow server."""

from __future__ import annotations

from pathlib import Path

from storage.store import BehaviorStore
from tasks.checks import CheckContext, run_checks
from tasks.night import Night, Scores, build_night, compute_scores
from tasks.nightly import CHECKS
from tasks.plan import Settings, decide, window_rows
from tasks.reconcile import reconcile
from tasks.report.rows import Verdict
from tasks.summaries import agents_tonight, reduce_agents, reduce_shards
from tests.homes import LAST, NIGHTS, NOW


def settings(home: Path, night: str = LAST) -> Settings:
    return Settings(
        store=str(home / "store"),
        reports=home / "reports",
        night=night,
        window=NIGHTS - 1,
        false_discovery=0.05,
        force=True,
        now=NOW,
    )


def compute(home: Path) -> tuple[BehaviorStore, Night, Scores]:
    """Everything a night computes, by the functions the flow calls."""
    told = settings(home)
    plan = decide(told)
    store = BehaviorStore.open(told.store, mode="a")
    pinned = store.at(plan.snapshot)
    reduced = reduce_shards(store, window_rows(pinned, told, plan))
    records = reduced.records
    view = reconcile(pinned, plan.night, nights=told.window, as_of=plan.as_of)
    counted = {row: records[row] for rows in view.winners.values() for row in rows}
    night = build_night(
        pinned.schema,
        view,
        counted,
        reduce_agents(pinned, view),
        agents_tonight(pinned, view),
        reduced.quantiles,
    )
    return pinned, night, compute_scores(pinned, night)


def verdicts(home: Path) -> dict[str, Verdict]:
    store, night, scores = compute(home)
    found = run_checks(CheckContext(store, night, scores, 1), CHECKS)
    return {verdict.name: verdict for verdict in found}
