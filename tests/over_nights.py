"""Examples of what a `NightReport` says over many nights, small and large."""

from __future__ import annotations

import random
from dataclasses import replace

from tasks.report.findings import (
    CHANGE_KINDS,
    ChangeRow,
    ChangeSummary,
    CliqueRow,
    CliqueSummary,
    CorrelationMap,
    DriftRow,
    NotTested,
    QuantileRow,
    SeasonRow,
)
from tasks.report.night_report import NightReport
from tests.reports import ARRIVAL, FEATURES, SITES, TEAMS, nights
from tests.special_nights import found


def changed() -> NightReport:
    """A night with every section over nights, twelve groups on its map."""
    rng = random.Random(21)
    report = found(3)
    agents = tuple(
        replace(a, kind=CHANGE_KINDS[k % 6], since=nights(9)[k]) if a.found else a
        for k, a in enumerate(report.agents)
    )
    return replace(
        report,
        agents=agents,
        changes_of_agents=tuple(change(k, rng, found=k < 7) for k in range(10)),
        change_summary=ChangeSummary(
            571, 7, (("silence", 1), ("mean shift", 2), *KINDS_ONCE), 0.05, 31_204
        ),
        drift=drift(SITES, rng),
        season=season(rng),
        correlation_map=correlation_map(TEAMS[:12], rng),
        cliques=(clique(0, 14), clique(1, 3), replace(clique(2, 5), found=False)),
        clique_summary=CliqueSummary(571, 60, 812, 2, 0.05),
        quantiles=quantiles(SITES, TEAMS[:4], rng),
    )


KINDS_ONCE = tuple((kind, 1) for kind in CHANGE_KINDS[1:4] + CHANGE_KINDS[5:])


def over_nights(report: NightReport) -> NightReport:
    """Give a fleet all sections over nights, each longer than a page may show."""
    rng = random.Random(22)
    sites = tuple(s.site for s in report.sites)
    teams = tuple(t.name for t in report.teams)
    found_changes = 400
    return replace(
        report,
        changes_of_agents=tuple(change(k, rng, found=k < 400) for k in range(500)),
        change_summary=ChangeSummary(
            report.agent_summary.tested,
            found_changes,
            (("mean shift", 400),),
            0.05,
            90_000,
        ),
        drift=drift(teams, rng),
        season=season(rng),
        correlation_map=replace(
            correlation_map(teams[:100], rng, sites), total=len(teams)
        ),
        cliques=tuple(clique(k, 40) for k in range(50)),
        clique_summary=CliqueSummary(90_000, 60, 5_000, 50, 0.05),
        quantiles=quantiles(sites, teams, rng),
    )


def too_short() -> NightReport:
    """A night whose window is too short for every test over nights."""
    return replace(
        found(3),
        not_tested=tuple(
            NotTested(section, needed, 9)  # type: ignore[arg-type]
            for section, needed in (
                ("behaviour", 14),
                ("drift", 20),
                ("season", 21),
                ("collusion", 30),
            )
        ),
    )


def nothing_over_nights() -> NightReport:
    """Every test over nights was made and found nothing."""
    report = changed()
    return replace(
        report,
        changes_of_agents=tuple(
            replace(c, found=False) for c in report.changes_of_agents
        ),
        change_summary=ChangeSummary(571, 0, (), 0.05, 31_204),
        drift=tuple(replace(d, found=False) for d in report.drift),
        season=tuple(replace(s, found=False) for s in report.season),
        cliques=(),
        clique_summary=CliqueSummary(571, 60, 812, 0, 0.05),
    )


def change(k: int, rng: random.Random, *, found: bool) -> ChangeRow:
    """One aircraft that changed, the kinds in turn."""
    kind = CHANGE_KINDS[k % len(CHANGE_KINDS)]
    silent = kind == "silence"
    parts = [rng.random() for _ in FEATURES]
    p = (0.00002 if found else 0.004) * (k + 1)
    return ChangeRow(
        entity=f"N{34228 + 41 * k}",
        agent=f"N{34228 + 41 * k}:UA:EWR",
        team=TEAMS[k % len(TEAMS)],
        site=TEAMS[k % len(TEAMS)].split("@")[1],
        kind=kind,
        nights=rng.randint(20, 58),
        p=p,
        q=min(1.0, 30 * p),
        found=found,
        extrapolated=found and k == 1,
        main_feature=None if silent else FEATURES[parts.index(max(parts))],
        size=6.0 if silent else 0.61 if kind == "correlation break" else 2.34,
        since=None if kind == "correlation break" else nights(20)[k % 20],
        contributions=() if silent else tuple(x / sum(parts) for x in parts),
    )


def drift(groups: tuple[str, ...], rng: random.Random) -> tuple[DriftRow, ...]:
    """Three rows for every group; all together moved for each third group."""
    rows = []
    for k, name in enumerate(groups):
        level = "site" if name in SITES else "team"
        moved = k % 3 == 0
        where = (level, name)
        nights_compared = (7, 53)
        test = (0.0004, 0.0071, True) if moved else (0.3, 0.61, False)
        change = rng.uniform(6, 12) if moved else rng.uniform(-2, 2)
        ratio = 1.62 if moved else 1.04
        rows += [
            DriftRow(*where, ARRIVAL, *nights_compared, 6.9, 6.9 + change, change,
                     change - 4.1, change + 4.1, *test, "mean"),
            DriftRow(*where, FEATURES[0], *nights_compared, 40.2, 40.2 * ratio, ratio,
                     ratio / 1.3, ratio * 1.3, *test, "variance"),
            DriftRow(*where, None, *nights_compared, None, None, None, None, None,
                     *test, "joint"),
        ]  # fmt: skip
    return tuple(rows)  # type: ignore[arg-type]


def season(rng: random.Random) -> tuple[SeasonRow, ...]:
    """Five features over eight weeks; the delays depend on the day, Sunday unseen."""
    rows = []
    for k, feature in enumerate(FEATURES):
        depends = k < 2
        size = 6.0 if depends else 1.0
        effects = [rng.uniform(-size, size) for _ in range(6)]
        effects[4] = size * 1.5
        half = 2.5
        rows.append(
            SeasonRow(
                feature,
                8,
                (*effects, None),
                (*(e - half for e in effects), None),
                (*(e + half for e in effects), None),
                0.0021 if depends else 0.4,
                depends,
            )
        )
    return tuple(rows)


def correlation_map(
    names: tuple[str, ...], rng: random.Random, sites: tuple[str, ...] = SITES
) -> CorrelationMap:
    """Alike inside a site, opposed between the first two sites, one pair too short."""
    where = tuple(n.split("@")[1] if "@" in n else sites[k % len(sites)]
                  for k, n in enumerate(names))  # fmt: skip
    r: list[list[float | None]] = [[None] * len(names) for _ in names]
    for a, site in enumerate(where):
        for b in range(a + 1):
            same = site == where[b]
            base = 0.6 if same else -0.35 if sites[0] in (site, where[b]) else 0.08
            value = max(-0.99, min(0.99, base + rng.gauss(0, 0.2)))
            r[a][b] = r[b][a] = value if (a, b) != (len(names) - 1, 0) else None
    return CorrelationMap(
        level="team",
        names=names,
        sites=where,
        n=tuple(rng.randint(5, 90) for _ in names),
        nights=60,
        what="mean correlation of nightly arrival delays between aircraft",
        r=tuple(tuple(row) for row in r),
    )


def clique(k: int, size: int) -> CliqueRow:
    """A suspected group of `size` aircraft from up to six teams."""
    members = tuple(f"N{51000 + 100 * k + j}" for j in range(min(size, 12)))
    return CliqueRow(
        members=members,
        size=size,
        teams=TEAMS[k % 9 : k % 9 + min(6, size)],
        nights=60,
        mean_r=0.71 - 0.005 * k,
        p=0.00001 * (k + 1),
        q=0.0031 + 0.0001 * k,
        found=True,
    )


def quantiles(
    sites: tuple[str, ...], teams: tuple[str, ...], rng: random.Random
) -> tuple[QuantileRow, ...]:
    """All, every site and team, each feature; skewed as delays are."""
    groups = [
        ("all", "all"),
        *(("site", s) for s in sites),
        *(("team", t) for t in teams),
    ]
    rows = []
    for level, name in groups:
        for k, feature in enumerate(FEATURES):
            middle = rng.uniform(-6, 6) + 100 * k
            rows.append(
                QuantileRow(
                    level,  # type: ignore[arg-type]
                    name, feature, 4_120,
                    middle - 22.0, middle - 11.5, middle, middle + 19.0, middle + 96.0,
                )
            )  # fmt: skip
    return tuple(rows)
