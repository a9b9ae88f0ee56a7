"""What the sections that keep account show: changes, quality, baselines, checks."""

from __future__ import annotations

from typing import Any

from tasks.report.derived import Derived
from tasks.report.figures import Axis, axis_over, dumbbell
from tasks.report.findings import QuantileRow
from tasks.report.moved import moved_figures
from tasks.report.night_report import NightReport
from tasks.report.rows import BaselineRow, Change, QualityRow
from tasks.report.sections import cut
from tasks.report.small_figures import box
from tasks.report.wording import (
    clock,
    count,
    day,
    decimals_for,
    number,
    percent,
    plural,
    short_day,
    span,
)

__all__ = ["baselines", "changes", "checks", "method", "quality", "spread"]

MAX_CHANGES = 30
MAX_QUALITY = 30
MAX_OPEN_BASELINES = 60
MAX_OTHER_BASELINES = 150
MAX_OTHER_SPREADS = 50
TONES = {"passed": "estimate", "failed": "finding", "error": "finding"}


def changes(report: NightReport) -> dict[str, Any]:
    """Shards corrected or late since the last report, as dumbbells on one axis."""
    shown = report.changes[:MAX_CHANGES]
    values = [v for c in shown for v in (c.value_before, c.value_now)]
    axis = axis_over(values)
    labels = axis.labels() if any(v is not None for v in values) else ()
    heading = "Nothing changed since the last report"
    if report.changes:
        heading = f"{count(len(report.changes), 'change')} since the last report"
    return {
        "heading": heading,
        "rows": [
            _change(c) | {"plot": dumbbell(c.value_before, c.value_now, axis)}
            for c in shown
        ],
        "labels": labels,
        "cut": cut(len(shown), len(report.changes)),
        "label": report.lead_feature.feature.label,
        "unit": report.lead_feature.feature.unit,
        "moved": moved_figures(report),
    }


def _change(change: Change) -> dict[str, Any]:
    before, now = change.value_before, change.value_now
    digits = 1
    while (
        before is not None
        and now is not None
        and digits < 3
        and before != now
        and number(before, digits) == number(now, digits)
    ):
        digits += 1
    rows_before = "none" if change.rows_before is None else number(change.rows_before)
    versions = f"{change.version_before} → " if change.version_before else ""
    return {
        "name": f"{change.site}, {short_day(change.night)}",
        "what": change.what,
        "versions": f"{versions}{change.version_now}",
        "rows": f"{rows_before} → {number(change.rows_now)}",
        "before": number(before, digits),
        "now": number(now, digits),
    }


def quality(report: NightReport, derived: Derived) -> dict[str, Any]:
    """Rows that arrived, and how many of them count for presence only."""
    shown = report.quality[:MAX_QUALITY]
    incomplete, rows = number(derived.incomplete_rows), number(derived.rows)
    heading = f"{incomplete} of {rows} {plural(report.row_noun)} incomplete"
    if derived.refused_files:
        heading += f"; {count(derived.refused_files, 'file')} refused"
    return {
        "heading": heading if report.quality else "Nothing arrived to be judged",
        "rows": [_quality(q) for q in shown],
        "cut": cut(len(shown), len(report.quality)),
        "row_nouns": plural(report.row_noun),
        "agents": report.agents_noun,
    }


def _quality(row: QualityRow) -> dict[str, str]:
    share = ""
    if row.rows >= 20:
        share = f" ({percent(row.incomplete / row.rows)})"
    usual = row.usual_incomplete_share
    return {
        "site": row.site,
        "rows": number(row.rows) if row.rows else "none",
        "complete": number(row.complete),
        "incomplete": f"{number(row.incomplete)}{share}",
        "usual": "\N{EN DASH}" if usual is None else percent(usual),
        "new": number(row.new_agents),
        "refused": number(row.quarantined_files),
    }


def baselines(report: NightReport) -> dict[str, Any]:
    """Means and standard deviations of the window: all and sites open, teams folded."""
    top = [b for b in report.baselines if b.level != "team"]
    rest = [b for b in report.baselines if b.level == "team"]
    shown, others = top[:MAX_OPEN_BASELINES], rest[:MAX_OTHER_BASELINES]
    p = report.provenance
    return {
        "rows": [_baseline(b) for b in shown],
        "cut": cut(len(shown), len(top)),
        "others": [_baseline(b) for b in others],
        "other_count": number(len({b.group for b in rest})),
        "other_cut": cut(len(others), len(rest)),
        "first": day(p.window_first),
        "last": day(p.window_last),
        "nights": count(p.window_nights, "night"),
        "team": report.team_noun,
        "teams": plural(report.team_noun),
        "row_nouns": plural(report.row_noun),
        "agent": report.agent_noun,
    }


def _baseline(row: BaselineRow) -> dict[str, Any]:
    half = None
    if row.lower is not None and row.upper is not None:
        half = (row.upper - row.lower) / 2
    digits = decimals_for(half)
    return {
        "group": "All sites" if row.level == "all" else row.group,
        "all": row.level == "all",
        "feature": row.feature.label,
        "unit": row.feature.unit,
        "n": number(row.n),
        "mean": number(row.mean, digits),
        "interval": span(row.lower, row.upper, digits),
        "sd": number(row.sd, max(digits, 0)),
    }


def spread(report: NightReport) -> dict[str, Any]:
    """Quantiles of the window, one axis per feature; those of teams are folded."""
    rows = report.quantiles
    features = dict.fromkeys(row.feature.name for row in rows)
    axes = {
        name: axis_over(
            x for r in rows if r.feature.name == name for x in (r.q05, r.q95)
        )
        for name in features
    }
    top = [row for row in rows if row.level != "team"]
    rest = [row for row in rows if row.level == "team"]
    shown, others = top[:MAX_OPEN_BASELINES], rest[:MAX_OTHER_SPREADS]
    return {
        "rows": [_spread(row, axes[row.feature.name]) for row in shown],
        "cut": cut(len(shown), len(top)),
        "others": [_spread(row, axes[row.feature.name]) for row in others],
        "other_count": number(len({row.group for row in rest})),
        "other_cut": cut(len(others), len(rest)),
    }


def _spread(row: QuantileRow, axis: Axis) -> dict[str, Any]:
    quarter = None
    if row.q25 is not None and row.q75 is not None:
        quarter = (row.q75 - row.q25) / 2
    digits = decimals_for(quarter)
    return {
        "group": "All sites" if row.level == "all" else row.group,
        "all": row.level == "all",
        "feature": row.feature.label,
        "unit": row.feature.unit,
        "n": number(row.n),
        "median": number(row.q50, digits),
        "half": span(row.q25, row.q75, digits),
        "most": span(row.q05, row.q95, digits),
        "plot": box(row, axis),
    }


def checks(report: NightReport, derived: Derived) -> dict[str, Any]:
    """Verdicts of the run about itself: failures first, order kept otherwise."""
    total = len(report.verdicts)
    failed = len(derived.checks_failed)
    order = {"failed": 0, "error": 0, "not run": 1, "passed": 2}
    rows = sorted(report.verdicts, key=lambda v: order[v.outcome])
    heading = f"All {total} checks of this run passed"
    if not total:
        heading = "No check of this run was made"
    elif failed:
        heading = f"{failed} of {total} checks of this run failed"
    elif derived.checks_not_run:
        heading = f"{derived.checks_passed} of {total} checks of this run passed"
        heading += f"; {derived.checks_not_run} not run"
    return {
        "heading": heading,
        "failed": failed,
        "rows": [
            {
                "title": v.title,
                "name": v.name,
                "outcome": v.outcome,
                "tone": TONES.get(v.outcome, "missing"),
                "n": number(v.n),
                "detail": v.detail,
                "criterion": v.criterion,
            }
            for v in rows
        ],
    }


def method(report: NightReport) -> dict[str, Any]:
    """Identity of the run, parameters and versions, as rows of name and value."""
    p = report.provenance
    window = f"{p.window_first} to {p.window_last}, {count(p.window_nights, 'night')}"
    return {
        "identity": (
            ("Dataset", report.dataset),
            ("Night", report.night),
            ("Revision", str(report.revision)),
            ("Made", clock(report.made)),
            ("Run", p.run),
            ("Snapshot", p.snapshot),
            ("Ledger digest", p.ledger_digest),
            ("Result digest", p.result_digest),
            ("Window", window),
        ),
        "parameters": p.parameters,
        "versions": p.versions,
    }
