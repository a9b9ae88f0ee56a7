"""What the section about changes of behaviour over several nights shows."""

from __future__ import annotations

from typing import Any

from tasks.report.derived import ordered_changes
from tasks.report.figures import shares
from tasks.report.findings import CHANGE_KINDS, ChangeRow
from tasks.report.fleet import contribution_words
from tasks.report.night_report import NightReport
from tasks.report.phrases import untested
from tasks.report.sections import cut
from tasks.report.wording import (
    NBSP,
    count,
    join_words,
    number,
    percent,
    probability,
    short_day,
    signed,
)

__all__ = ["behaviour", "size_words"]

MAX_CHANGED = 50
CLOSEST_CHANGED = 5


def behaviour(report: NightReport) -> dict[str, Any]:
    """Show the agents whose behaviour changed over several nights, or the closest."""
    summary = report.change_summary
    ordered = ordered_changes(report)
    found = [row for row in ordered if row.found]
    rows = found[:MAX_CHANGED] or ordered[:CLOSEST_CHANGED]
    return {
        "heading": _heading(report),
        "untested": "" if summary else untested(report, "behaviour"),
        "tested": number(summary.tested) if summary else "",
        "level": percent(summary.level) if summary else "",
        "null_size": number(summary.null_size) if summary else "",
        "kinds": _kinds(report),
        "rows": [_row(report, row) for row in rows] if summary else [],
        "orientation": not found,
        "cut": cut(len(rows), summary.found) if summary and found else "",
        "extrapolated": count(
            sum(row.extrapolated for row in found),
            report.agent_noun,
            report.agents_noun,
        )
        if any(row.extrapolated for row in found)
        else "",
        "noun": report.agent_noun,
        "nouns": report.agents_noun,
        "team": report.team_noun,
    }


def _heading(report: NightReport) -> str:
    summary = report.change_summary
    if summary is None or not summary.tested:
        return "Behaviour over nights"
    tested = f"{number(summary.tested)} {report.agents_noun}"
    found = number(summary.found) if summary.found else "None"
    return f"{found} of {tested} changed over several nights"


def _kinds(report: NightReport) -> str:
    """Count the kinds that were found, in their fixed order: "Mean shift 7, ..."."""
    summary = report.change_summary
    found = {kind: n for kind, n in summary.by_kind if n} if summary else {}
    known = [kind for kind in CHANGE_KINDS if kind in found]
    named = [*known, *sorted(set(found) - set(known))]
    text = join_words([f"{kind} {number(found[kind])}" for kind in named])
    return text[:1].upper() + text[1:]


def _row(report: NightReport, row: ChangeRow) -> dict[str, Any]:
    return {
        "entity": row.entity,
        "team": row.team,
        "kind": row.kind,
        "since": short_day(row.since) if row.since else "",
        "iso": row.since or "",
        "nights": number(row.nights),
        "main": row.main_feature.label if row.main_feature else "",
        "size": size_words(row),
        "bars": shares(row.contributions) if row.contributions else (),
        "parts": contribution_words(report, row.contributions),
        "q": probability(row.q),
        "extrapolated": row.extrapolated,
        "found": row.found,
    }


def size_words(row: ChangeRow) -> str:
    """Put the size of a change in words, in the measure of its kind."""
    if row.size is None:
        return number(None)
    if row.kind == "silence":
        return count(round(row.size), "night")
    if row.kind == "variance inflation":
        return f"×{NBSP}{number(row.size, 1)}{NBSP}SD"
    if row.kind == "constant feature moved":
        unit = row.main_feature.unit if row.main_feature else ""
        return f"{signed(row.size, 1)}{NBSP}{unit}".rstrip(NBSP)
    return f"{signed(row.size, 1)}{NBSP}SD"
