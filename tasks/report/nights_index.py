"""The page of all nights, written from stored one-line summaries.

Only summaries are read, so a new night costs the nights shown, and earlier pages are
never built again.  Older revisions stay linked beside the newest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from tasks.report.figures import estimates_axis, row_plot
from tasks.report.phrases import decimals
from tasks.report.render import check_link, render_page
from tasks.report.rows import Estimate
from tasks.report.wording import (
    MONTHS,
    count,
    day,
    join_words,
    number,
    percent,
    plural,
    short_day,
    span,
)

__all__ = ["render_index"]

OPEN_NIGHTS = 60
RECENT_NIGHTS = 17

Summaries = Iterable[Mapping[str, Any]]


def render_index(summaries: Summaries) -> str:
    """Render the page of all nights as one self-contained HTML page.

    Parameters
    ----------
    summaries : iterable of mapping
        What `tasks.report.headline.summary_line` returned, in any order, one for every
        revision of every night; `page` is the address relative to the index.

    Returns
    -------
    str
        Newest night first; equal for equal summaries in any order.

    Raises
    ------
    LinkError
        If a `page` is not a relative address.
    """
    page = _page(_nights(summaries))
    return render_page("index.html.j2", page)


def _page(nights: list[list[Mapping[str, Any]]]) -> dict[str, Any]:
    shown, older = nights[:OPEN_NIGHTS], nights[OPEN_NIGHTS:]
    estimates = [_estimate(night[0]) for night in shown]
    axis = estimates_axis(estimates)
    labels = axis.labels()
    grid = tuple(x for x, _ in labels)
    first = shown[0][0] if shown else {}
    return {
        "title": _title(shown),
        "dataset": first.get("dataset", ""),
        "rows": [
            _row(night) | {"plot": row_plot(estimate, axis, grid=grid)}
            for night, estimate in zip(shown, estimates, strict=True)
        ],
        "labels": labels,
        "label": first.get("label", ""),
        "unit": first.get("unit", ""),
        "teams": plural(first.get("team_noun", "team")).capitalize(),
        "agents": first.get("agents_noun", "agents").capitalize(),
        "months": _months(older),
    }


def _nights(summaries: Summaries) -> list[list[Mapping[str, Any]]]:
    """Group by night, newest night first and newest revision first in it."""
    rows = sorted(
        summaries, key=lambda s: (s["night"], s["revision"], s["made"]), reverse=True
    )
    for row in rows:
        check_link("page", row["page"])
    return [list(group) for _, group in groupby(rows, key=lambda s: s["night"])]


def _title(nights: list[list[Mapping[str, Any]]]) -> str:
    recent = [night[0] for night in nights[:RECENT_NIGHTS]]
    if not recent:
        return "No night has been reported yet"
    unusual = sum(bool(s["unusual"]) for s in recent)
    incomplete = sum(bool(s["missing_sites"]) for s in recent)
    failed = sum(s["checks_failed"] > 0 for s in recent)
    were = "was" if unusual == 1 else "were"
    parts = [f"{unusual or 'None'} of the last {len(recent)} nights {were} unusual"]
    if len(recent) == 1:
        parts = [f"The only night was {'unusual' if unusual else 'usual'}"]
    if incomplete:
        parts.append(f"{incomplete} incomplete")
    if failed:
        parts.append(f"{count(failed, 'run')} failed")
    return "; ".join(parts)


def _estimate(s: Mapping[str, Any]) -> Estimate:
    basis = "no data" if s["value"] is None else "complete"
    if s["value"] is not None and s["missing_sites"]:
        basis = s.get("basis", "arrived only")
    return Estimate(
        n=s["n"],
        value=s["value"],
        lower=s["lower"],
        upper=s["upper"],
        usual_lower=s["usual_lower"],
        usual_upper=s["usual_upper"],
        usual_median=None,
        outside=s["outside"],
        basis=basis,  # type: ignore[arg-type]  # one of the four by construction
    )


def _row(night: list[Mapping[str, Any]]) -> dict[str, Any]:
    s = night[0]
    estimate = _estimate(s)
    digits = decimals(estimate)
    return {
        "night": short_day(s["night"]),
        "iso": s["night"],
        "page": s["page"],
        "title": s["title"],
        "n": number(s["n"]),
        "value": number(s["value"], digits),
        "usual": span(s["usual_lower"], s["usual_upper"], digits),
        "arrived": percent(s["arrived_share"]),
        "missing": join_words(s["missing_sites"][:3])
        if len(s["missing_sites"]) <= 3
        else count(len(s["missing_sites"]), "site"),
        "teams": _of(s["teams_found"], s["teams_tested"]),
        "agents": _of(s["agents_found"], s["agents_tested"]),
        "revision": s["revision"],
        "earlier": [(r["revision"], r["page"]) for r in night[1:]],
        "unusual": s["unusual"],
        "failed": count(s["checks_failed"], "check") if s["checks_failed"] else "",
    }


def _of(found: int, tested: int) -> str:
    return f"{number(found)} of {number(tested)}" if tested else "none tested"


def _months(nights: list[list[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Older nights by month: how many were unusual, and a link to each."""
    months = []
    for month, group in groupby(nights, key=lambda night: night[0]["night"][:7]):
        rows = [night[0] for night in group]
        unusual = sum(bool(s["unusual"]) for s in rows)
        year, index = month.split("-")
        months.append(
            {
                "name": f"{MONTHS[int(index) - 1]} {year}",
                "text": f"{count(len(rows), 'night')}, {unusual} unusual",
                "nights": [
                    {"night": day(s["night"]), "page": s["page"], "title": s["title"]}
                    for s in rows
                ],
            }
        )
    return months
