"""What the sections about drift of baselines and about weekdays show."""

from __future__ import annotations

import math
from typing import Any

from tasks.report.figures import Axis, RowPlot, place, row_plot
from tasks.report.findings import DriftRow, SeasonRow
from tasks.report.night_report import NightReport
from tasks.report.phrases import untested
from tasks.report.rows import Estimate
from tasks.report.sections import cut
from tasks.report.small_figures import weekdays
from tasks.report.wording import (
    NBSP,
    WEEKDAYS,
    count,
    decimals_for,
    number,
    percent,
    probability,
    signed,
    span,
)

__all__ = ["drift", "season"]

MAX_DRIFT = 30
MAX_OTHER_DRIFT = 50
MAX_HALF_WIDTHS = 8.0
LEVELS = ("all", "site", "team", "agent")
WHAT = {"mean": "mean", "variance": "spread", "joint": "all features together"}


def drift(report: NightReport) -> dict[str, Any]:
    """Show the baselines that moved away from the nights before; others folded."""
    rows = sorted(report.drift, key=_order)
    found = [row for row in rows if row.found]
    rest = [row for row in rows if not row.found]
    shown, others = found[:MAX_DRIFT], rest[:MAX_OTHER_DRIFT]
    axis = _axis([*shown, *others])
    heading = "Drift of the baselines"
    if rows:
        who = number(len(found)) if found else "None"
        moved = "moved away from the nights before"
        heading = f"{who} of {count(len(rows), 'baseline')} {moved}"
    return {
        "heading": heading,
        "untested": "" if rows else untested(report, "drift"),
        "level": percent(report.agent_summary.level),
        "rows": [_row(row, axis) for row in shown],
        "cut": cut(len(shown), len(found)),
        "others": [_row(row, axis) for row in others],
        "other_count": number(len(rest)),
        "other_cut": cut(len(others), len(rest)),
    }


def _order(row: DriftRow) -> tuple[Any, ...]:
    feature = row.feature.label if row.feature else ""
    return (not row.found, row.p, LEVELS.index(row.level), row.group, feature, row.what)


def _steps(row: DriftRow) -> tuple[float, float, float] | None:
    """Difference and interval in half-widths of the interval: 0 is no change.

    Ratios of standard deviations are taken on their logarithm, where 1 becomes 0.
    """
    if row.difference is None or row.lower is None or row.upper is None:
        return None
    values = (row.lower, row.difference, row.upper)
    if row.what == "variance":
        if min(values) <= 0:
            return None
        values = (math.log(values[0]), math.log(values[1]), math.log(values[2]))
    half = (values[2] - values[0]) / 2
    if not half > 0:
        return None
    return values[0] / half, values[1] / half, values[2] / half


def _axis(rows: list[DriftRow]) -> Axis:
    """Symmetric about no change, so that it stands in the middle of every row."""
    ends = [max(abs(steps[0]), abs(steps[2])) for r in rows if (steps := _steps(r))]
    end = min(MAX_HALF_WIDTHS, 1.05 * max([2.0, *ends]))
    return Axis(-end, end)


def _row(row: DriftRow, axis: Axis) -> dict[str, Any]:
    half = None
    if row.lower is not None and row.upper is not None:
        half = (row.upper - row.lower) / 2
    digits = decimals_for(half)
    unit = row.feature.unit if row.feature else ""
    difference = signed(row.difference, digits)
    interval = span(row.lower, row.upper, digits)
    if row.what == "variance":
        digits = max(1, digits)
        difference = f"×{NBSP}{number(row.difference, 2)}"
        interval = span(row.lower, row.upper, 2)
    joint = row.what == "joint"
    return {
        "group": "All sites" if row.level == "all" else row.group,
        "feature": row.feature.label if row.feature else "",
        "what": WHAT[row.what],
        "unit": unit if not joint else "",
        "recent": number(row.nights_recent),
        "before_nights": number(row.nights_before),
        "moved": number(None)
        if joint
        else f"{number(row.before, digits)} → {number(row.now, digits)}",
        "difference": number(None) if joint else difference,
        "interval": number(None) if joint else interval,
        "q": probability(row.q),
        "found": row.found,
        "plot": _plot(row, axis),
    }


def _plot(row: DriftRow, axis: Axis) -> RowPlot | None:
    steps = _steps(row)
    if steps is None:
        return None
    estimate = Estimate(
        n=row.nights_recent,
        value=steps[1],
        lower=steps[0],
        upper=steps[2],
        usual_lower=None,
        usual_upper=None,
        usual_median=None,
        outside=row.found,
        basis="complete",
    )
    return row_plot(estimate, axis, grid=(place(axis.at(0.0)),))


def season(report: NightReport) -> dict[str, Any]:
    """Show how the days of the week differ, one small figure per feature."""
    rows = report.season
    found = sum(row.found for row in rows)
    heading = "Days of the week"
    if rows:
        who = number(found) if found else "None"
        heading = f"{who} of {count(len(rows), 'feature')} "
        heading += "depends" if found == 1 or not found else "depend"
        heading += " on the day of the week"
    return {
        "heading": heading,
        "untested": "" if rows else untested(report, "season"),
        "days": WEEKDAYS,
        "level": percent(report.agent_summary.level),
        "rows": [_season(row) for row in rows],
    }


def _season(row: SeasonRow) -> dict[str, Any]:
    halves = [
        (high - low) / 2
        for low, high in zip(row.lower, row.upper, strict=True)
        if low is not None and high is not None
    ]
    digits = decimals_for(min(halves) if halves else None)
    seen = [k for k, effect in enumerate(row.effects) if effect is not None]
    furthest = max(seen, key=lambda k: abs(row.effects[k] or 0.0), default=None)
    return {
        "feature": row.feature.label,
        "unit": row.feature.unit,
        "weeks": number(row.weeks),
        "day": "" if furthest is None else WEEKDAYS[furthest],
        "effect": number(None)
        if furthest is None
        else signed(row.effects[furthest], digits),
        "interval": ""
        if furthest is None
        else span(row.lower[furthest], row.upper[furthest], digits),
        "p": probability(row.p),
        "found": row.found,
        "plot": weekdays(row.effects, row.lower, row.upper, found=row.found),
        "cells": [
            {
                "effect": signed(effect, digits),
                "interval": span(low, high, digits) if low is not None else "",
            }
            for effect, low, high in zip(row.effects, row.lower, row.upper, strict=True)
        ],
    }
