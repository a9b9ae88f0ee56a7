"""What the sections about who moves together show: pairs, map, suspected groups."""

from __future__ import annotations

from typing import Any

from tasks.report.figures import Axis, row_plot
from tasks.report.findings import CliqueRow, CorrelationMap
from tasks.report.heat import by_site_and_likeness, heat, heat_class, strongest
from tasks.report.night_report import NightReport
from tasks.report.palette import HEAT_STEPS
from tasks.report.phrases import untested
from tasks.report.rows import Estimate, PairRow
from tasks.report.sections import cut
from tasks.report.wording import (
    count,
    join_words,
    number,
    percent,
    plural,
    probability,
    span,
)

__all__ = ["cliques", "correlation_map", "together"]

MAX_PAIRS = 6
MAX_MATRIX = 20
MAX_MAP = 30
MAX_MAP_NUMBERS = 12
MAX_MAP_NAMES = 6
MAX_CLIQUES = 20
MAX_MEMBERS = 12
MAX_CLIQUE_TEAMS = 4


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


def correlation_map(report: NightReport) -> dict[str, Any] | None:
    """Show the map of correlations: numbers on it if small, else beside it."""
    found = report.correlation_map
    if found is None or not found.names:
        return None
    kept = strongest(found.r, MAX_MAP)
    names, sites = [found.names[k] for k in kept], [found.sites[k] for k in kept]
    r = [[found.r[a][b] for b in kept] for a in kept]
    order = by_site_and_likeness(names, sites, r)
    cells = [[r[a][b] for b in order] for a in order]
    total = len(found.names) if found.total is None else found.total
    return {
        "what": found.what,
        "level": found.level,
        "levels": plural(found.level),
        "nights": count(found.nights, "night"),
        "total": count(total, found.level),
        "cut": cut(len(kept), total),
        "small": len(order) <= MAX_MAP_NUMBERS,
        "named": len(order) <= MAX_MAP_NAMES,
        "rows": [
            {
                "place": k + 1,
                "name": names[a],
                "site": "" if sites[a] in names[a] else sites[a],
                "first": k > 0 and sites[a] != sites[order[k - 1]],
                "n": number(found.n[kept[a]]),
                "cells": [(heat_class(x), number(x, 2)) for x in cells[k]],
            }
            for k, a in enumerate(order)
        ],
        "any_missing": any(x is None for row in cells for x in row),
        "heat": heat(cells, [sites[a] for a in order]),
        "scale": _scale(),
        "description": _map_description(found, len(kept)),
    }


def _scale() -> list[str]:
    """List the classes of the scale from −1 to 1."""
    steps = range(1, HEAT_STEPS + 1)
    return [*(f"n{k}" for k in reversed(steps)), "z", *(f"p{k}" for k in steps)]


def _map_description(found: CorrelationMap, shown: int) -> str:
    return (
        f"{count(shown, found.level)} over {count(found.nights, 'night')}, ordered by "
        "site and then by likeness; the diagonal is within a group. The table below "
        "holds every number."
    )


def cliques(report: NightReport) -> dict[str, Any]:
    """Show the sets of agents that move together beyond chance."""
    summary = report.clique_summary
    rows = sorted(
        (c for c in report.cliques if c.found),
        key=lambda c: (c.p, -c.size, c.members),
    )
    shown = rows[:MAX_CLIQUES]
    axis = Axis(-1.0, 1.0)
    heading = "Suspected collusion"
    if summary is not None:
        who = count(summary.found, "group") if summary.found else "No group"
        verb = "moves" if summary.found in (0, 1) else "move"
        heading = f"{who} of {report.agents_noun} {verb} together beyond chance"
    return {
        "heading": heading,
        "untested": "" if summary else untested(report, "collusion"),
        "agents": number(summary.agents) if summary else "",
        "nights": count(summary.nights, "night") if summary else "",
        "tested": count(summary.tested, "group") if summary else "",
        "level": percent(summary.level) if summary else "",
        "rows": [_clique(c, axis) for c in shown],
        "labels": axis.labels(2),
        "cut": cut(len(shown), summary.found if summary else len(rows)),
        "nouns": report.agents_noun,
        "team": report.team_noun,
        "teams": plural(report.team_noun),
    }


def _clique(row: CliqueRow, axis: Axis) -> dict[str, Any]:
    members = row.members[:MAX_MEMBERS]
    teams = list(row.teams[:MAX_CLIQUE_TEAMS])
    if len(row.teams) > MAX_CLIQUE_TEAMS:
        teams.append(f"{len(row.teams) - MAX_CLIQUE_TEAMS} more")
    estimate = Estimate(
        n=row.nights,
        value=row.mean_r,
        lower=None,
        upper=None,
        usual_lower=None,
        usual_upper=None,
        usual_median=None,
        outside=True,
        basis="complete",
    )
    grid = tuple(x for x, _ in axis.labels(4, margin=0.0))
    return {
        "name": _members([*members[:2]], row.size),
        "members": _members([*members], row.size),
        "teams": join_words(teams),
        "size": number(row.size),
        "nights": number(row.nights),
        "r": number(row.mean_r, 2),
        "q": probability(row.q),
        "plot": row_plot(estimate, axis, grid=grid),
    }


def _members(shown: list[str], size: int) -> str:
    more = size - len(shown)
    return join_words([*shown, f"{number(more)} more"] if more > 0 else shown)
