"""What the section about the agents of the night shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tasks.report.derived import Derived, ordered_agents
from tasks.report.figures import histogram, shares
from tasks.report.night_report import NightReport
from tasks.report.rows import AgentRow
from tasks.report.sections import cut
from tasks.report.wording import (
    count,
    join_words,
    number,
    p_phrase,
    percent,
    plural,
    probability,
    short_day,
    span,
)

__all__ = ["agents", "contribution_words"]

MAX_AGENTS = 50
CLOSEST_AGENTS = 5


def agents(report: NightReport, derived: Derived) -> dict[str, Any]:
    """Show the histogram of p and the agents found, or else the closest."""
    summary = report.agent_summary
    ordered = ordered_agents(report)
    found = [a for a in ordered if a.found]
    rows = found[:MAX_AGENTS] or ordered[:CLOSEST_AGENTS]
    bins = len(summary.p_counts)
    return {
        "heading": _heading(report),
        "rows": [_agent(report, a) for a in rows],
        "cut": cut(len(rows), summary.found) if found else "",
        "orientation": not found,
        "tested": number(summary.tested),
        "untested": number(summary.untested) if summary.untested else "",
        "level": percent(summary.level),
        "null_size": number(summary.null_size),
        "histogram": histogram(summary.p_counts, derived.expected_per_bar)
        if summary.tested and bins
        else None,
        "bins": [
            {
                "span": span(k / bins, (k + 1) / bins, 2),
                "count": number(n),
            }
            for k, n in enumerate(summary.p_counts)
        ],
        "expected": number(derived.expected_per_bar, 1),
        "misfit": p_phrase(summary.misfit_p) if derived.misfit else "",
        "extrapolated": count(
            derived.extrapolated, report.agent_noun, report.agents_noun
        )
        if derived.extrapolated
        else "",
        "noun": report.agent_noun,
        "nouns": report.agents_noun,
        "team": report.team_noun,
        "teams": plural(report.team_noun),
        "row_nouns": plural(report.row_noun),
        "features": join_words([f.feature.label for f in report.features]),
    }


def _heading(report: NightReport) -> str:
    s = report.agent_summary
    if not s.tested:
        return f"No {report.agent_noun} could be tested"
    if not s.found:
        return f"None of {number(s.tested)} {report.agents_noun} stands out"
    verb = "stands" if s.found == 1 else "stand"
    return f"{number(s.found)} of {number(s.tested)} {report.agents_noun} {verb} out"


def _agent(report: NightReport, row: AgentRow) -> dict[str, Any]:
    digits = _digits(row.value, row.team_value)
    return {
        "entity": row.entity,
        "agent": row.agent,
        "team": row.team,
        "n": number(row.n),
        "main": row.main_feature.label,
        "unit": row.main_feature.unit,
        "value": number(row.value, digits),
        "team_value": number(row.team_value, digits),
        "q": probability(row.q),
        "extrapolated": row.extrapolated,
        "found": row.found,
        "bars": shares(row.contributions),
        "parts": contribution_words(report, row.contributions),
        "kind": row.kind or "",
        "since": short_day(row.since) if row.since else "",
    }


def contribution_words(report: NightReport, contributions: Sequence[float]) -> str:
    """Name the two features that contribute most, with their shares."""
    labels = (f.feature.label for f in report.features)
    parts = sorted(
        zip(contributions, labels, strict=False), key=lambda part: (-part[0], part[1])
    )
    return ", ".join(f"{label} {percent(s)}" for s, label in parts[:2] if s >= 0.005)


def _digits(value: float, other: float) -> int:
    """Three digits of the larger of two values that have no interval."""
    largest = max(abs(value), abs(other))
    if largest == 0 or not math.isfinite(largest):
        return 0
    return max(0, 2 - math.floor(math.log10(largest)))
