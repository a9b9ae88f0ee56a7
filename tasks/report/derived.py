"""Counts and comparisons that the headline and the sections share, taken once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tasks.report.findings import ChangeRow
from tasks.report.night_report import NightReport
from tasks.report.rows import AgentRow, Estimate, FeatureNight, GroupRow

__all__ = [
    "DEGRADED_SHARE",
    "NIGHTS_NEEDED",
    "Derived",
    "MissingSite",
    "derive",
    "ordered_agents",
    "ordered_changes",
    "ordered_teams",
]

NIGHTS_NEEDED = 14
COMMON_CAUSE_SHARE = 0.8
COMMON_CAUSE_TEAMS = 3
DEGRADED_SHARE = 0.8
MISFIT_LEVEL = 0.001


@dataclass(frozen=True, slots=True)
class MissingSite:
    """A site that owes nights: `owed` in the strip, `tonight` if it owes this one."""

    site: str
    owed: int
    tonight: bool
    age_seconds: float | None


@dataclass(frozen=True, slots=True)
class Derived:
    """What follows from a `NightReport` by counting; part of `report.json`.

    `nights` counts those with a value, tonight included; `history` the complete ones
    before tonight, from which the usual range is taken.  `rank_high` is 1 if no night
    was higher, `rank_low` is 1 if none was lower; both None without a value tonight.
    `verdict_open` says that silent sites could turn the verdict on the lead feature.
    """

    nights: int
    nights_before: int
    nights_lower: int
    history: int
    rank_high: int | None
    rank_low: int | None
    missing_share: float
    missing: tuple[MissingSite, ...]
    degraded: bool
    answered: bool
    verdict_open: bool
    features_outside: tuple[str, ...]
    teams_tested: int
    teams_found: int
    teams_not_seen: int
    teams_too_few: int
    teams_up: int
    teams_down: int
    common_cause: bool
    sites_found: tuple[str, ...]
    extrapolated: int
    misfit: bool
    checks_passed: int
    checks_failed: tuple[str, ...]
    checks_not_run: int
    expected_per_bar: float
    corrections: int
    late_shards: int
    refused_files: int
    rows: int
    incomplete_rows: int
    changes_found: int
    drift_found: int
    season_found: int
    cliques_found: int

    @property
    def unusual(self) -> bool:
        """The night as a whole: a feature outside, a site, or a common cause."""
        return bool(self.features_outside or self.sites_found or self.common_cause)


def derive(report: NightReport) -> Derived:
    """Count everything that the page says beyond the fields of `report`."""
    lead, summary = report.lead_feature, report.agent_summary
    return Derived(
        **_ranks(report),
        **_teams(report),
        **_checks(report),
        missing_share=max(0.0, 1.0 - report.arrived_share),
        missing=_missing(report),
        degraded=report.arrived_share < DEGRADED_SHARE,
        answered=lead.estimate.value is not None,
        verdict_open=_verdict_open(lead),
        features_outside=tuple(
            f.feature.name for f in report.features if f.estimate.outside
        ),
        sites_found=tuple(s.name for s in report.site_rows if s.found),
        extrapolated=sum(a.found and a.extrapolated for a in report.agents),
        misfit=summary.misfit_p is not None and summary.misfit_p < MISFIT_LEVEL,
        expected_per_bar=summary.tested / max(1, len(summary.p_counts)),
        corrections=sum(c.what != "late" for c in report.changes),
        late_shards=sum(c.what == "late" for c in report.changes),
        refused_files=sum(q.quarantined_files for q in report.quality),
        rows=sum(q.rows for q in report.quality),
        incomplete_rows=sum(q.incomplete for q in report.quality),
        **_over_nights(report),
    )


def _ranks(report: NightReport) -> dict[str, Any]:
    values = [p.estimate.value for p in report.series if p.estimate.value is not None]
    tonight = report.lead_feature.estimate.value
    lower = 0 if tonight is None else sum(v < tonight for v in values)
    higher = 0 if tonight is None else sum(v > tonight for v in values)
    return {
        "nights": len(values),
        "nights_before": len(values) - (tonight is not None),
        "nights_lower": lower,
        "rank_high": None if tonight is None else 1 + higher,
        "rank_low": None if tonight is None else 1 + lower,
        "history": sum(
            p.estimate.value is not None and p.estimate.basis == "complete"
            for p in report.series
            if p.night < report.night
        ),
    }


def _teams(report: NightReport) -> dict[str, Any]:
    tested = [t for t in report.teams if t.tested == "tested"]
    found = [t for t in tested if t.found]
    up = sum(_direction(t) > 0 for t in found)
    down = sum(_direction(t) < 0 for t in found)
    enough = max(up, down) >= COMMON_CAUSE_SHARE * len(tested)
    return {
        "teams_tested": len(tested),
        "teams_found": len(found),
        "teams_not_seen": sum(t.tested == "not seen" for t in report.teams),
        "teams_too_few": sum(t.tested == "too few" for t in report.teams),
        "teams_up": up,
        "teams_down": down,
        "common_cause": len(tested) >= COMMON_CAUSE_TEAMS and enough,
    }


def _checks(report: NightReport) -> dict[str, Any]:
    outcomes = [v.outcome for v in report.verdicts]
    failed = [v.title for v in report.verdicts if v.outcome in ("failed", "error")]
    return {
        "checks_passed": outcomes.count("passed"),
        "checks_failed": tuple(failed),
        "checks_not_run": outcomes.count("not run"),
    }


def _over_nights(report: NightReport) -> dict[str, Any]:
    changes, cliques = report.change_summary, report.clique_summary
    return {
        "changes_found": changes.found if changes else 0,
        "drift_found": sum(row.found for row in report.drift),
        "season_found": sum(row.found for row in report.season),
        "cliques_found": cliques.found if cliques else 0,
    }


def ordered_teams(report: NightReport) -> list[GroupRow]:
    """Teams that shifted, highest first; then those furthest from their own median."""
    rows = sorted(report.teams, key=lambda t: t.name)
    found = [t for t in rows if t.found]
    found.sort(key=lambda t: -(t.estimate.value or 0.0))
    others = [t for t in rows if not t.found]
    others.sort(key=lambda t: (t.tested != "tested", -abs(_direction(t))))
    return found + others


def ordered_agents(report: NightReport) -> list[AgentRow]:
    """Agents that stand out first, then by p, distance and name: a total order."""
    return sorted(report.agents, key=lambda a: (not a.found, a.p, -a.d2, a.agent))


def ordered_changes(report: NightReport) -> list[ChangeRow]:
    """Agents found to have changed first, then by p and name: a total order."""
    rows = report.changes_of_agents
    return sorted(rows, key=lambda c: (not c.found, c.p, c.agent, c.kind))


def _direction(team: GroupRow) -> float:
    value, median = team.estimate.value, team.estimate.usual_median
    return 0.0 if value is None or median is None else value - median


def _missing(report: NightReport) -> tuple[MissingSite, ...]:
    rows = []
    for site in report.sites:
        tonight = site.site in report.missing_sites
        owed = sum(cell == "missing" for cell in site.strip)
        if tonight or owed:
            rows.append(
                MissingSite(
                    site.site,
                    max(owed, int(tonight)),
                    tonight,
                    site.age_seconds,
                )
            )
    return tuple(rows)


def _verdict_open(lead: FeatureNight) -> bool:
    """Whether silent sites could turn outside into usual, or usual into outside."""
    estimate: Estimate = lead.estimate
    if estimate.basis == "complete":
        return False
    lower, upper = lead.worst_lower, lead.worst_upper
    low, high = estimate.usual_lower, estimate.usual_upper
    if lower is None or upper is None or low is None or high is None:
        return True
    if estimate.outside:
        return lower <= high and upper >= low
    return lower < low or upper > high
