"""Examples of `NightReport` that differ from the calm night in one respect each."""

from __future__ import annotations

import random
from dataclasses import replace

from tasks.report.night_report import NightReport
from tasks.report.rows import (
    AgentSummary,
    BaselineRow,
    Change,
    Estimate,
    GroupRow,
    SeriesPoint,
)
from tests.reports import (
    FEATURES,
    SITES,
    TEAMS,
    agent,
    calm,
    estimate,
    features,
    group,
    site_arrival,
)


def storm() -> NightReport:
    """The storm with EWR silent for two nights and one correction at JFK."""
    rng = random.Random(3)
    base = calm()
    means = features((88.0, 85.2, 148.0, 1064.0, 414.0), "arrived only")
    partial = estimate(15.6, 5.0, basis="arrived only")
    last = replace(base.series[-2], estimate=partial, arrived_share=0.64)
    tonight = SeriesPoint(base.night, means[1].estimate, 0.64)
    summary = replace(base.agent_summary, tested=414, untested=118, misfit_p=0.00002)
    change = Change(
        "JFK", "2013-03-05", "corrected", "0.1", "0.2", 301, 318, -4.4, -3.9
    )
    return replace(
        base,
        arrived_share=0.64,
        missing_sites=("EWR",),
        sites=(site_arrival("EWR", 0.36, 2), *base.sites[1:]),
        series=(*base.series[:-2], last, tonight),
        features=means,
        teams=tuple(storm_team(name, rng) for name in TEAMS),
        site_rows=(
            unseen(base.site_rows[0]),
            *(group("site", s, s, rng, found=True) for s in SITES[1:]),
        ),
        agent_summary=summary,
        changes=(change,),
    )


def storm_team(name: str, rng: random.Random) -> GroupRow:
    """All shifted but those at EWR, which are silent, and one that is too small."""
    site = name.split("@")[1]
    if site == "EWR":
        return unseen(group("team", name, site, rng))
    if name == "9E@LGA":
        small = group("team", name, site, rng)
        return replace(small, tested="too few", p=None, q=None)
    return group("team", name, site, rng, found=True)


def unseen(row: GroupRow) -> GroupRow:
    """A team or site of which nothing arrived."""
    return replace(
        row, estimate=estimate(None), tested="not seen", p=None, q=None, agents=0
    )


def found(n: int = 5) -> NightReport:
    """An otherwise usual night on which `n` aircraft stand out."""
    rng = random.Random(5)
    base = calm()
    return replace(
        base,
        agents=tuple(agent(k, rng, found=k < n) for k in range(max(8, n))),
        agent_summary=replace(base.agent_summary, found=n),
    )


def with_lead(report: NightReport, lead: Estimate) -> NightReport:
    """Give the lead feature another estimate, tonight and in the series."""
    return replace(
        report,
        features=tuple(
            replace(f, estimate=lead) if f.feature.name == report.lead else f
            for f in report.features
        ),
        series=(*report.series[:-1], replace(report.series[-1], estimate=lead)),
    )


def refused() -> NightReport:
    """Nothing arrived: no number may be shown."""
    base = calm(
        arrived_share=0.0,
        missing_sites=SITES,
        sites=tuple(site_arrival(s, 1 / 3, 3) for s in SITES),
        agents=(),
        agent_summary=AgentSummary(0, 0, 0, None, None, 0.05, 0, (), None),
        quality=(),
        site_rows=(),
        teams=(),
    )
    nothing = replace(
        base,
        features=tuple(
            replace(f, estimate=estimate(None), last_night=None) for f in base.features
        ),
    )
    return with_lead(nothing, estimate(None))


def fleet(agents: int, teams: int = 1000, sites: int = 20) -> NightReport:
    """Many agents: `teams` and `sites` fixed, one in 200 agents stands out."""
    rng = random.Random(1)
    names = [f"site-{k:02d}" for k in range(sites)]
    hits = min(agents // 20, 500)
    base = found(hits)
    return replace(
        base,
        sites=tuple(site_arrival(s, 1 / sites) for s in names),
        teams=tuple(
            group("team", f"team-{k:04d}", names[k % sites], rng, found=k % 20 == 0)
            for k in range(teams)
        ),
        site_rows=tuple(group("site", s, s, rng) for s in names),
        agent_summary=replace(
            base.agent_summary, tested=agents, p_counts=(agents // 20,) * 20
        ),
        within_between=tuple((a, b, 0.5) for a in names for b in names if a <= b),
        baselines=tuple(
            BaselineRow("team", f"team-{k:04d}", f, 100, 1.0, 0.5, 1.5, 9.0)
            for k in range(teams)
            for f in FEATURES
        ),
    )


def teams_found(n: int) -> NightReport:
    """A calm night on which `n` teams shifted."""
    base = calm()
    rows = tuple(
        replace(t, found=True, q=0.01) if k < n else t for k, t in enumerate(base.teams)
    )
    return replace(base, teams=rows)


def site_found() -> NightReport:
    """A calm night on which one site shifted as a whole."""
    base = calm()
    first, *rest = base.site_rows
    return replace(base, site_rows=(replace(first, found=True, q=0.01), *rest))


def speed_outside() -> NightReport:
    """A calm night but for one feature that is not the lead."""
    return replace(calm(), features=features((6.2, 5.31, 152.0, 1031.0, 414.0)))
