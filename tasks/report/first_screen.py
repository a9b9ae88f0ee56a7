"""What the first screen shows beside the verdict: arrival strip and four facts."""

from __future__ import annotations

from typing import Any

from tasks.report.briefing import limit
from tasks.report.derived import DEGRADED_SHARE, Derived
from tasks.report.figures import axis_over, row_plot, strip
from tasks.report.missing import lacking
from tasks.report.night_report import NightReport
from tasks.report.phrases import decimals
from tasks.report.rows import SiteArrival
from tasks.report.sections import estimate_words
from tasks.report.wording import (
    age,
    count,
    day,
    join_words,
    number,
    percent,
    plural,
    short_day,
)

__all__ = ["arrived", "facts"]

MAX_STRIPS = 30
MAX_SPELT = 6


def arrived(report: NightReport, derived: Derived) -> dict[str, Any]:
    """Make a row per site: strip of nights, age or lateness, rows of expected rows."""
    reissue = report.revision > 1 and any(
        s.nights_late is not None for s in report.sites
    )
    many = len(report.sites) > MAX_STRIPS
    noted = [s for s in report.sites if not many or _noted(s)]
    nights = report.sites[0].nights if report.sites else ()
    return {
        "rows": [_site(s, report, reissue) for s in noted[:MAX_STRIPS]],
        "nights": len(nights),
        "limit": limit(report),
        "reissue": reissue,
        "days": _strip_days(nights),
        "on_time": number(len(report.sites) - len(noted)) if many else "",
        "more": number(len(noted) - MAX_STRIPS) if len(noted) > MAX_STRIPS else "",
        "corrected": any("corrected" in s.strip for s in noted),
        "missing": any("missing" in s.strip for s in noted),
        "before": any("before" in s.strip for s in noted),
        "expected": "; ".join(
            f"{s.site} {number(s.rows) if s.rows else 'none'} of "
            f"{number(s.expected_rows)} expected"
            for s in noted
            if s.expected_rows is not None and len(noted) <= MAX_SPELT
        ),
        "lacking": lacking(report)["nights"],
        "degraded": percent(report.arrived_share) if derived.degraded else "",
        "degraded_limit": percent(DEGRADED_SHARE),
        "row_nouns": plural(report.row_noun),
    }


def _site(site: SiteArrival, report: NightReport, reissue: bool) -> dict[str, Any]:
    return {
        "site": site.site,
        "share": percent(site.share),
        "cells": strip(site.strip, join=len(report.sites) > MAX_STRIPS),
        "spoken": _spoken(site),
        "age": _lateness(site) if reissue else age(site.age_seconds),
        "late": site.late or site.site in report.missing_sites,
        "rows": number(site.rows) if site.rows else "none",
    }


def _noted(site: SiteArrival) -> bool:
    return site.late or "missing" in site.strip or "corrected" in site.strip


def _lateness(site: SiteArrival) -> str:
    if site.nights_late is None:
        return "missing"
    return count(site.nights_late, "night") if site.nights_late else "on time"


def _spoken(site: SiteArrival) -> str:
    """Put the strip in words, for readers who do not see it."""
    parts = [f"{site.strip.count('arrived')} of {len(site.strip)} nights arrived"]
    for state in ("missing", "corrected"):
        nights = [
            short_day(n)
            for n, cell in zip(site.nights, site.strip, strict=True)
            if cell == state
        ]
        if nights:
            parts.append(f"{state}: {join_words(nights)}")
    return "; ".join(parts)


def _strip_days(nights: tuple[str, ...]) -> tuple[tuple[str, str, str], ...]:
    if not nights:
        return ()
    if len(nights) < 8:
        return (("100%", "end", short_day(nights[-1])),)
    middle = len(nights) // 2
    return (
        ("0%", "start", short_day(nights[0])),
        (
            f"{100 * (middle + 0.5) / len(nights):.1f}%",
            "middle",
            short_day(nights[middle]),
        ),
        ("100%", "end", short_day(nights[-1])),
    )


def facts(report: NightReport, derived: Derived) -> list[dict[str, Any]]:
    """Four cards: lead feature, agents, teams, changes."""
    return [
        _lead_fact(report),
        _agents_fact(report),
        _teams_fact(report, derived),
        _changes_fact(report),
    ]


def _lead_fact(report: NightReport) -> dict[str, Any]:
    lead = report.lead_feature
    e, words = lead.estimate, estimate_words(lead.estimate, lead.feature.unit)
    rows = plural(report.row_noun)
    card = {
        "label": f"{lead.feature.label}, n\N{NO-BREAK SPACE}= {words['n']} {rows}",
        "value": words["value"],
        "finding": e.outside,
        "plot": None,
        "term": "",
        "text": "no answer",
    }
    if e.value is None:
        return card | {"value": "No number"}
    parts = [f"{words['interval']} (95\N{NO-BREAK SPACE}%)"]
    if e.partial:
        said = {"estimated": "estimate for all sites"}
        parts.append(said.get(e.basis, "arrived sites only"))
    if lead.last_night is not None:
        parts.append(f"last night {number(lead.last_night, decimals(e))}")
    axis = axis_over([e.value, e.lower, e.upper, e.usual_lower, e.usual_upper], 0.08)
    return card | {"text": "; ".join(parts), "plot": row_plot(e, axis)}


def _agents_fact(report: NightReport) -> dict[str, Any]:
    s = report.agent_summary
    parts = [f"\N{LESS-THAN OR EQUAL TO}\N{NO-BREAK SPACE}{percent(s.level)}"]
    if s.found_last_night is not None and s.tested_last_night is not None:
        last = (
            f"last night {number(s.found_last_night)} of {number(s.tested_last_night)}"
        )
        parts.append(last)
    if s.untested:
        parts.append(f"{number(s.untested)} could not be tested")
    return {
        "label": f"{report.agents_noun.capitalize()} that stand out",
        "value": f"{number(s.found)} of {number(s.tested)}"
        if s.tested
        else "None tested",
        "finding": s.found > 0,
        "plot": None,
        "term": "False-discovery rate",
        "text": "; ".join(parts),
    }


def _teams_fact(report: NightReport, derived: Derived) -> dict[str, Any]:
    parts = []
    if derived.teams_not_seen:
        parts.append(f"{number(derived.teams_not_seen)} could not be seen")
    if derived.teams_too_few:
        parts.append(f"{number(derived.teams_too_few)} had too few to test")
    found, tested = number(derived.teams_found), number(derived.teams_tested)
    return {
        "label": f"{plural(report.team_noun).capitalize()} that shifted",
        "value": f"{found} of {tested}" if derived.teams_tested else "None tested",
        "finding": derived.teams_found > 0,
        "plot": None,
        "term": "",
        "text": "; ".join(parts) or _all_tested(derived),
    }


def _all_tested(derived: Derived) -> str:
    return "all could be seen and tested" if derived.teams_tested else "none arrived"


def _changes_fact(report: NightReport) -> dict[str, Any]:
    n = len(report.changes)
    text = "no past night was corrected or came late"
    if n:
        first = report.changes[0]
        text = f"{first.site}, {day(first.night)}: {first.what}"
        text += f"; and {n - 1} more" if n > 1 else ""
    return {
        "label": "Changed since last report",
        "value": count(n, "change") if n else "Nothing",
        "finding": False,
        "plot": None,
        "term": "",
        "text": text,
    }
