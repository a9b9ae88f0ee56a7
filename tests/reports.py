"""Examples of `NightReport`: parts, and a calm night put together from them."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import replace
from typing import Any

from tasks.report.night_report import NightReport
from tasks.report.rows import (
    AgentRow,
    AgentSummary,
    BaselineRow,
    Estimate,
    FeatureLabel,
    FeatureNight,
    GroupRow,
    PairRow,
    Provenance,
    QualityRow,
    SeriesPoint,
    SiteArrival,
    Verdict,
)

NIGHT = dt.date(2013, 3, 8)
ARRIVAL = FeatureLabel(
    "arr_delay",
    "Arrival delay",
    "min",
    "arrived {value} late",
    "arrived {value} early",
    -120.0,
    1440.0,
)
FEATURES = (
    FeatureLabel("dep_delay", "Departure delay", "min", minimum=-60, maximum=1440),
    ARRIVAL,
    FeatureLabel("air_time", "Time in the air", "min", minimum=10, maximum=800),
    FeatureLabel("distance", "Distance", "mi", minimum=10, maximum=6000),
    FeatureLabel("speed", "Speed", "mph", minimum=50, maximum=800),
)
SITES = ("EWR", "JFK", "LGA")
TEAMS = tuple(
    f"{carrier}@{site}"
    for site, carriers in (
        ("EWR", "AA B6 DL EV MQ UA US VX WN"),
        ("JFK", "9E AA B6 DL EV MQ UA US VX"),
        ("LGA", "9E AA B6 DL EV FL MQ UA US WN"),
    )
    for carrier in carriers.split()
)


def nights(n: int) -> list[str]:
    """The last `n` nights up to the night of the examples, oldest first."""
    return [(NIGHT - dt.timedelta(days=n - 1 - k)).isoformat() for k in range(n)]


def estimate(
    value: float | None,
    half: float = 4.0,
    usual: tuple[float, float] | None = (-9.0, 33.0),
    *,
    n: int = 850,
    basis: str = "complete",
) -> Estimate:
    """An estimate whose `outside` follows from its interval and usual range."""
    if value is None:
        low, high = usual or (None, None)
        return Estimate(0, None, None, None, low, high, None, False, "no data")
    low, high = usual or (None, None)
    outside = usual is not None and (value - half > usual[1] or value + half < usual[0])
    return Estimate(
        n=n,
        value=value,
        lower=value - half,
        upper=value + half,
        usual_lower=low,
        usual_upper=high,
        usual_median=None if usual is None else (usual[0] + usual[1]) / 2 - 4,
        outside=outside,
        basis=basis,  # type: ignore[arg-type]
    )


def calm(**changes: Any) -> NightReport:
    """Everything arrived, nothing stands out; fields can be replaced."""
    rng = random.Random(8)
    values = (6.2, 5.31, 152.0, 1031.0, 377.0)
    report = NightReport(
        dataset="flights",
        night=NIGHT.isoformat(),
        revision=1,
        superseded_by=None,
        made="2013-03-09T07:00:00+00:00",
        agent_noun="aircraft",
        agents_noun="aircraft",
        row_noun="flight",
        team_noun="team",
        arrived_share=1.0,
        missing_sites=(),
        limit_nights=1,
        limit_seconds=36 * 3600.0,
        sites=tuple(map(site_arrival, SITES, (0.36, 0.34, 0.3))),
        series=series(rng),
        features=features(values),
        lead="arr_delay",
        previous_revision=None,
        site_rows=tuple(group("site", s, s, rng) for s in SITES),
        teams=tuple(group("team", t, t.split("@")[1], rng) for t in TEAMS),
        agents=tuple(agent(k, rng, found=False) for k in range(8)),
        agent_summary=agent_summary(rng),
        pairs=pairs(),
        within_between=within_between(SITES),
        baselines=baselines(),
        changes=(),
        quality=tuple(QualityRow(s, 320, 309, 11, 0.028, 3, 0) for s in SITES),
        verdicts=verdicts(),
        provenance=provenance(),
    )
    return replace(report, **changes)


def series(rng: random.Random) -> tuple[SeriesPoint, ...]:
    """Sixty usual nights and tonight."""
    past = [
        SeriesPoint(night, estimate(round(rng.gauss(5, 8), 3), rng.uniform(2, 5)), 1.0)
        for night in nights(61)[:-1]
    ]
    return (*past, SeriesPoint(NIGHT.isoformat(), estimate(5.31), 1.0))


def agent_summary(rng: random.Random) -> AgentSummary:
    """574 tested, none found, p-values about uniform."""
    return AgentSummary(
        tested=574,
        found=0,
        untested=61,
        found_last_night=2,
        tested_last_night=580,
        level=0.05,
        null_size=31_204,
        p_counts=tuple(rng.randint(22, 36) for _ in range(20)),
        misfit_p=0.41,
    )


def pairs() -> tuple[PairRow, ...]:
    """Eight pairs of teams, the first moves together most."""
    return tuple(
        PairRow(TEAMS[k], TEAMS[k + 9], 60, 0.93 - x, 0.85 - x, 0.96 - x)
        for k, x in enumerate(0.03 * k for k in range(8))
    )


def within_between(names: tuple[str, ...]) -> tuple[tuple[str, str, float | None], ...]:
    """Every pair of groups once; the first and last have too few nights."""
    ends = (names[0], names[-1])
    return tuple(
        (a, b, None if (a, b) == ends else 0.61 if a == b else 0.48)
        for k, a in enumerate(names)
        for b in names[k:]
    )


def provenance() -> Provenance:
    """Say where the example would come from."""
    return Provenance(
        run="brave-otter",
        snapshot="8KQX6M2N4B5T",
        ledger_digest="9f2c" * 16,
        result_digest="41ab" * 16,
        parameters=(("level", "0.05"), ("seed", "20130308"), ("window", "60 nights")),
        versions=(("numpy", "2.3.5"), ("python", "3.12.7")),
        window_first="2013-01-07",
        window_last="2013-03-07",
        window_nights=60,
    )


def site_arrival(site: str, share: float, missing: int = 0, n: int = 21) -> SiteArrival:
    """A strip of `n` nights of which the last `missing` have not arrived."""
    strip = ["arrived"] * (n - missing) + ["missing"] * missing
    if site == "JFK":
        strip[-4] = "corrected"
    return SiteArrival(
        site,
        share,
        tuple(nights(n)),
        tuple(strip),  # type: ignore[arg-type]
        55 * 3600.0 if missing else 7 * 3600.0,
        bool(missing),
        0 if missing else 320,
        350 if missing else 315,
    )


def features(
    values: tuple[float, ...], basis: str = "complete"
) -> tuple[FeatureNight, ...]:
    """The five features at `values`, with bounds while a site is missing."""
    usual = ((2.0, 33.0), (-9.0, 33.0), (145.0, 161.0), (977.0, 1063.0), (355.0, 399.0))
    half = (9.5, 9.0, 10.5, 77.0, 7.0)
    partial = basis == "arrived only"
    return tuple(
        FeatureNight(
            f,
            estimate(v, h, u, n=532 if partial else 850, basis=basis),
            v * 0.2,
            None if not partial else 0.64 * v + 0.36 * (f.minimum or 0.0),
            None if not partial else 0.64 * v + 0.36 * (f.maximum or 0.0),
        )
        for f, v, h, u in zip(FEATURES, values, half, usual, strict=True)
    )


def group(
    level: str, name: str, site: str, rng: random.Random, *, found: bool = False
) -> GroupRow:
    """A team or site; a found one lies far above its usual range."""
    n = rng.randint(4, 120)
    low = rng.uniform(-25, -5)
    value = rng.uniform(40, 180) if found else rng.uniform(-5, 25)
    e = estimate(
        round(value, 2), 90 / n**0.5 + 4, (low, low + rng.uniform(45, 90)), n=n
    )
    p = 0.0004 if found else rng.uniform(0.05, 0.95)
    q = 0.0051 if found else p
    main = ARRIVAL if found else None
    tested = "tested"
    return GroupRow(level, name, site, n, e, tested, p, q, found, main)  # type: ignore[arg-type]


def agent(k: int, rng: random.Random, *, found: bool) -> AgentRow:
    """One aircraft; a found one is far from its team."""
    parts = [rng.random() for _ in FEATURES]
    total = sum(parts)
    p = (0.00001 if found else 0.002) * (k + 1)
    return AgentRow(
        f"N{14228 + 37 * k}",
        f"N{14228 + 37 * k}:AA:JFK",
        "AA@JFK",
        "JFK",
        rng.randint(1, 4),
        60.0 - k,
        p,
        min(1.0, 40 * p),
        found,
        found and k == 0,
        FEATURES[parts.index(max(parts))],
        round(rng.uniform(100, 400), 2),
        round(rng.uniform(5, 30), 2),
        tuple(x / total for x in parts),
    )


def baselines() -> tuple[BaselineRow, ...]:
    """All, three sites and two teams, five features each."""
    groups = [
        ("all", "all"),
        *(("site", s) for s in SITES),
        *(("team", t) for t in TEAMS[:2]),
    ]
    return tuple(
        BaselineRow(
            level,  # type: ignore[arg-type]
            *(name, f, 51_204, 6.9 + k, 6.5 + k, 7.3 + k, 44.6 + k),
        )
        for level, name in groups
        for k, f in enumerate(FEATURES)
    )


def verdicts(*outcomes: str) -> tuple[Verdict, ...]:
    """Checks of the run with the given outcomes, by default three passed."""
    titles = ("Counts are conserved", "A sample recomputed", "Planted agents are found")
    return tuple(
        Verdict(
            f"check_{k}",
            titles[k % 3] if k < 3 else f"{titles[k % 3]} again",
            outcome,  # type: ignore[arg-type]
            850 + k,
            f"{850 + k} of {850 + k} rows agree with the ledger.",
            "no difference",
        )
        for k, outcome in enumerate(outcomes or ("passed", "passed", "passed"))
    )
