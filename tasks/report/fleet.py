"""What the sections about agents and about who moves together show."""

from __future__ import annotations

import math
from typing import Any

from tasks.report.derived import Derived, ordered_agents
from tasks.report.figures import Axis, histogram, row_plot, shares
from tasks.report.night_report import NightReport
from tasks.report.rows import AgentRow, Estimate, PairRow
from tasks.report.sections import cut
from tasks.report.wording import (
    count,
    join_words,
    number,
    p_phrase,
    percent,
    plural,
    probability,
    span,
)

__all__ = ["agents", "together"]

MAX_AGENTS = 50
CLOSEST_AGENTS = 5
MAX_PAIRS = 6
MAX_MATRIX = 20


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
    parts = sorted(
        zip(
            row.contributions, (f.feature.label for f in report.features), strict=False
        ),
        key=lambda part: (-part[0], part[1]),
    )
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
        "parts": ", ".join(
            f"{label} {percent(s)}" for s, label in parts[:2] if s >= 0.005
        ),
    }


def _digits(value: float, other: float) -> int:
    """Three digits of the larger of two values that have no interval."""
    largest = max(abs(value), abs(other))
    if largest == 0 or not math.isfinite(largest):
        return 0
    return max(0, 2 - math.floor(math.log10(largest)))


def together(report: NightReport) -> dict[str, Any]:
    """Show the highest pairs as a row plot and the within/between matrix as a table."""
    pairs = sorted(report.pairs, key=lambda p: (-p.r, p.a, p.b))
    shown = pairs[:MAX_PAIRS]
    names = list(
        dict.fromkeys(name for a, b, _ in report.within_between for name in (a, b))
    )
    matrix = {(a, b): r for a, b, r in report.within_between}
    kept = names[:MAX_MATRIX]
    axis = Axis(-1.0, 1.0)
    return {
        "heading": _together_heading(shown),
        "rows": [_pair(p, axis) for p in shown],
        "cut": cut(len(shown), len(pairs)),
        "labels": axis.labels(4, margin=0.0),
        "names": kept,
        "matrix": [
            {
                "name": a,
                "cells": [
                    number(matrix.get((a, b), matrix.get((b, a))), 2) for b in kept
                ],
            }
            for a in kept
        ],
        "matrix_cut": cut(len(kept), len(names)),
        "nouns": plural(report.team_noun),
    }


def _together_heading(pairs: list[PairRow]) -> str:
    if not pairs:
        return "Who moves together: too few nights to say"
    best = pairs[0]
    return f"{best.a} and {best.b} move together most, r\N{NO-BREAK SPACE}= " + number(
        best.r, 2
    )


def _pair(pair: PairRow, axis: Axis) -> dict[str, Any]:
    estimate = Estimate(
        n=pair.n,
        value=pair.r,
        lower=pair.lower,
        upper=pair.upper,
        usual_lower=None,
        usual_upper=None,
        usual_median=None,
        outside=False,
        basis="complete",
    )
    grid = tuple(x for x, _ in axis.labels(4, margin=0.0))
    return {
        "name": f"{pair.a} and {pair.b}",
        "n": number(pair.n),
        "value": number(pair.r, 2),
        "interval": span(pair.lower, pair.upper, 2),
        "plot": row_plot(estimate, axis, grid=grid),
    }
