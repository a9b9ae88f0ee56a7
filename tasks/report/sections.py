"""What the sections about the night, sites and teams show, ready to be drawn.

Every function turns a `NightReport` into plain words and places; templates hold no
maths.  Cuts for large fleets are made here and always say how many there are.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from tasks.report.derived import NIGHTS_NEEDED, Derived, ordered_teams
from tasks.report.figures import Axis, RowPlot, estimates_axis, row_plot
from tasks.report.missing import missing_data
from tasks.report.night_report import NightReport
from tasks.report.phrases import decimals
from tasks.report.rows import Estimate, FeatureNight, GroupRow
from tasks.report.series import moved, series
from tasks.report.wording import (
    count,
    join_words,
    number,
    percent,
    plural,
    probability,
    quantity,
    short_day,
    span,
)

__all__ = ["cut", "estimate_words", "night", "sites", "teams"]

MAX_SITES = 30
MAX_TEAMS = 30
MAX_OTHER_TEAMS = 100
CLOSEST_TEAMS = 6
MAX_STEPS = 6.0


def estimate_words(estimate: Estimate, unit: str = "") -> dict[str, Any]:
    """Put a mean with interval and usual range in words, all rounded alike."""
    digits = decimals(estimate)
    return {
        "n": number(estimate.n),
        "value": quantity(estimate.value, unit, digits),
        "interval": span(estimate.lower, estimate.upper, digits),
        "usual": span(estimate.usual_lower, estimate.usual_upper, digits),
        "outside": estimate.outside,
        "partial": estimate.basis if estimate.partial else "",
    }


def night(report: NightReport, derived: Derived) -> dict[str, Any]:
    """Show the series, its table, what missing sites could do, and all features."""
    lead = report.lead_feature
    return {
        "heading": _night_heading(derived),
        "series": series(report),
        "rows": _night_rows(report),
        "band": derived.history if lead.estimate.usual_lower is not None else 0,
        "needed": f"{derived.history} of {NIGHTS_NEEDED} nights needed",
        "any_missing": any(p.estimate.basis != "complete" for p in report.series),
        "any_empty": any(p.estimate.value is None for p in report.series),
        "any_outside": any(p.estimate.outside for p in report.series),
        "any_revised": bool({p.night for p in report.series} & set(moved(report))),
        "description": _night_description(report, derived),
        "missing": missing_data(report, derived) if derived.answered else "",
        "features": _features(report.features),
        "any_usual": any(f.estimate.usual_lower is not None for f in report.features),
        "label": lead.feature.label,
        "unit": lead.feature.unit,
        "n": number(lead.estimate.n),
        "row_nouns": plural(report.row_noun),
    }


def _night_heading(derived: Derived) -> str:
    high, low, nights = derived.rank_high, derived.rank_low, derived.nights
    if high is None or low is None:
        return "No number for this night"
    if nights == 1:
        return "The first night"
    if high == 1 or low == 1:
        return f"The {'highest' if high == 1 else 'lowest'} of {nights} nights"
    before = f"{derived.nights_lower} of the {derived.nights_before} nights before"
    return f"Higher than {before}"


def _night_description(report: NightReport, derived: Derived) -> str:
    lead = report.lead_feature
    words = estimate_words(lead.estimate, lead.feature.unit)
    if not derived.answered:
        return "No value tonight. The table below holds the nights before."
    text = f"Tonight {words['value']}, 95 % interval {words['interval']}, "
    text += f"usual {words['usual']}. "
    if report.missing_sites:
        text += f"Missing: {join_words(report.missing_sites)}. "
    return text + "The table below holds every night."


def _night_rows(report: NightReport) -> list[dict[str, Any]]:
    changed = moved(report)
    return [
        {
            "night": short_day(p.night),
            "iso": p.night,
            **estimate_words(p.estimate),
            "arrived": percent(p.arrived_share),
            "before": _before(changed.get(p.night), p.estimate),
        }
        for p in reversed(report.series)
    ]


def _before(
    change: tuple[float | None, float | None] | None, estimate: Estimate
) -> str:
    if change is None:
        return ""
    digits = decimals(estimate)
    now = number(estimate.value, digits)
    while digits < 3 and number(change[0], digits) == now:
        digits += 1
    return number(change[0], digits)


def _features(features: tuple[FeatureNight, ...]) -> list[dict[str, Any]]:
    steps = [_in_steps(f.estimate) for f in features]
    ends = [
        1.1 * x
        for s in steps
        if s
        for x in (s.value, s.lower, s.upper)
        if x is not None
    ]
    axis = Axis(max(-MAX_STEPS, min([-2.0, *ends])), min(MAX_STEPS, max([2.0, *ends])))
    return [
        {
            "label": f.feature.label,
            **estimate_words(f.estimate, f.feature.unit),
            "plot": _plot(s, axis),
        }
        for f, s in zip(features, steps, strict=True)
    ]


def _plot(estimate: Estimate | None, axis: Axis) -> RowPlot | None:
    return row_plot(estimate, axis) if estimate else None


def _in_steps(e: Estimate) -> Estimate | None:
    """Measure in half-widths of the usual range: 0 is its middle, ±1 its ends."""
    if e.usual_lower is None or e.usual_upper is None or e.value is None:
        return None
    half = (e.usual_upper - e.usual_lower) / 2
    middle = (e.usual_upper + e.usual_lower) / 2
    if half <= 0:
        return None
    return dataclasses.replace(
        e,
        value=(e.value - middle) / half,
        lower=None if e.lower is None else (e.lower - middle) / half,
        upper=None if e.upper is None else (e.upper - middle) / half,
        usual_lower=-1.0,
        usual_upper=1.0,
        usual_median=None,
    )


def sites(report: NightReport) -> dict[str, Any]:
    """Sites of tonight on one axis, those that shifted first."""
    rows = sorted(report.site_rows, key=lambda s: (not s.found, s.name))[:MAX_SITES]
    axis = estimates_axis([r.estimate for r in rows])
    return {
        "rows": [_group(r, axis) for r in rows],
        "labels": axis.labels(),
        "cut": cut(len(rows), len(report.site_rows)),
    }


def teams(report: NightReport, derived: Derived) -> dict[str, Any]:
    """Teams that shifted, highest first; on a calm night the few furthest out."""
    rows = ordered_teams(report)
    found = derived.teams_found
    wanted = found or min(CLOSEST_TEAMS, derived.teams_tested)
    shown = rows[: min(wanted, MAX_TEAMS)]
    others = rows[wanted : wanted + MAX_OTHER_TEAMS]
    axis = estimates_axis([t.estimate for t in shown])
    wide = estimates_axis([t.estimate for t in others])
    return {
        "heading": _teams_heading(report, derived),
        "shown": [_group(t, axis) for t in shown],
        "labels": axis.labels(),
        "calm": found == 0,
        "cut": cut(len(shown), wanted),
        "others": [_group(t, wide) for t in others],
        "other_labels": wide.labels(),
        "other_count": number(len(rows) - wanted),
        "other_cut": cut(len(others), len(rows) - wanted),
        "silent": _silent(report),
        "too_few": count(derived.teams_too_few, report.team_noun)
        if derived.teams_too_few
        else "",
        "noun": report.team_noun,
        "nouns": plural(report.team_noun),
        "label": report.lead_feature.feature.label,
        "unit": report.lead_feature.feature.unit,
        "level": percent(report.agent_summary.level),
    }


def _teams_heading(report: NightReport, derived: Derived) -> str:
    nouns = plural(report.team_noun)
    if not derived.teams_tested:
        return f"No {report.team_noun} could be tested"
    tested = f"{number(derived.teams_tested)} {nouns}"
    found = number(derived.teams_found) if derived.teams_found else "None"
    heading = f"{found} of {tested} shifted"
    if derived.teams_not_seen:
        heading += f"; {number(derived.teams_not_seen)} could not be seen"
    return heading


def _silent(report: NightReport) -> list[dict[str, str]]:
    """Per silent site, how many of its teams could not be seen."""
    unseen = [t for t in report.teams if t.tested == "not seen"]
    counts = {
        site: sum(t.site == site for t in unseen) for site in report.missing_sites
    }
    return [
        {"site": site, "teams": count(n, report.team_noun)}
        for site, n in counts.items()
        if n
    ][:MAX_SITES]


def _group(row: GroupRow, axis: Axis) -> dict[str, Any]:
    grid = tuple(x for x, _ in axis.labels())
    return {
        "name": row.name,
        **estimate_words(row.estimate),
        "found": row.found,
        "tested": row.tested,
        "q": probability(row.q) if row.tested == "tested" else row.tested,
        "main": row.main_feature.label if row.main_feature else "\N{EN DASH}",
        "plot": row_plot(row.estimate, axis, flagged=row.found, grid=grid),
    }


def cut(shown: int, total: int) -> str:
    """Say "30 of 1,000" where a table is cut, nothing where it is whole."""
    return f"{number(shown)} of {number(total)}" if shown < total else ""
