"""The report's rows on groups: estimates, teams and sites, baselines, correlations."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from stats.crosscorr import mean_pairwise_correlation, top_correlated_pairs
from stats.intervals import correlation_interval
from stats.missing_data import MissingDataInterval
from storage.schema import Schema
from tasks.baselines import Level, LevelNights
from tasks.night import Night
from tasks.report.rows import (
    BaselineRow,
    Basis,
    Estimate,
    FeatureLabel,
    GroupRow,
    PairRow,
    Tested,
)
from tasks.scoring_groups import GroupFamily

__all__ = [
    "Basis",
    "baseline_rows",
    "correlations",
    "estimate",
    "feature_labels",
    "group_rows",
    "number",
    "short_name",
]

_PAIRS = 6
# Nights that two groups must share before their correlation is shown.
_MIN_NIGHTS = 14


def number(value: Any) -> float | None:
    """Return a float, or None for NaN and infinity."""
    found = float(value)
    return found if np.isfinite(found) else None


def short_name(label: str) -> str:
    """Name of a team for people: without the site that its label starts with."""
    return label.split("/", 1)[-1]


def feature_labels(schema: Schema) -> tuple[FeatureLabel, ...]:
    """How each feature is spoken of, in schema order."""
    return tuple(
        FeatureLabel(f.name, f.label, f.unit, f.above, f.below, f.minimum, f.maximum)
        for f in schema.features
    )


def estimate(
    level: LevelNights,
    night: int,
    group: int,
    feature: int,
    basis: Basis,
    filled: MissingDataInterval | None = None,
) -> Estimate:
    """One mean with its interval and usual range; no data is no number.

    With `filled` it is the estimate over all sites, where that has an interval.
    """
    n = int(level.n[night, group, feature])
    value, lower, upper = (
        number(part[night, group, feature])
        for part in (level.mean, level.lower, level.upper)
    )
    if filled is not None and np.isfinite(filled.upper[feature]):
        basis = "estimated"
        value, lower, upper = (
            number(part[feature])
            for part in (filled.estimate, filled.lower, filled.upper)
        )
    usual = [
        number(part[group, feature])
        for part in (level.usual_lower, level.usual_median, level.usual_upper)
    ]
    outside = bool(
        lower is not None
        and upper is not None
        and usual[0] is not None
        and usual[2] is not None
        and (lower > usual[2] or upper < usual[0])
    )
    return Estimate(
        n=n,
        value=value,
        lower=lower,
        upper=upper,
        usual_lower=usual[0],
        usual_upper=usual[2],
        usual_median=usual[1],
        outside=outside,
        basis=basis if n > 0 else "no data",
    )


def group_rows(
    night: Night,
    family: GroupFamily,
    level_name: Literal["team", "site"],
    labels: tuple[FeatureLabel, ...],
) -> tuple[GroupRow, ...]:
    """One row per team or site, those found first, then by p and name."""
    level = night.baselines.levels[level_name]
    lead = night.schema.names.index(night.schema.lead)
    rows = []
    for i, label in enumerate(level.labels):
        p, q = number(family.p[i]), number(family.q[i])
        tested: Tested = "tested"
        if p is None:
            tested = "too few" if level.agents[-1, i] else "not seen"
        main = None
        if p is not None:
            main = labels[int(np.nanargmax(family.contributions[i]))]
        rows.append(
            GroupRow(
                level=level_name,
                name=short_name(label),
                site=label.split("/", 1)[0],
                agents=int(level.agents[-1, i]),
                estimate=estimate(level, -1, i, lead, "complete"),
                tested=tested,
                p=p,
                q=q,
                found=bool(family.found[i]),
                main_feature=main,
            )
        )
    order = {True: 0.0, False: 1.0}
    return tuple(
        sorted(
            rows,
            key=lambda r: (order[r.found], 2.0 if r.p is None else r.p, r.site, r.name),
        )
    )


def baseline_rows(
    night: Night, labels: tuple[FeatureLabel, ...]
) -> tuple[BaselineRow, ...]:
    """Window mean with interval and sd for every group above the agents."""
    rows = []
    names: tuple[Level, ...] = ("all", "site", "team")
    for name in names:
        level = night.baselines.levels[name]
        sd = np.sqrt(level.window.variance())
        for i, label in enumerate(level.labels):
            for j, feature in enumerate(labels):
                rows.append(
                    BaselineRow(
                        level=name,
                        group=short_name(label),
                        feature=feature,
                        n=int(level.window.count[i, j]),
                        mean=number(level.window_mean[i, j]),
                        lower=number(level.window_lower[i, j]),
                        upper=number(level.window_upper[i, j]),
                        sd=number(sd[i, j]),
                    )
                )
    return tuple(rows)


def correlations(
    night: Night, feature: int
) -> tuple[tuple[PairRow, ...], tuple[tuple[str, str, float | None], ...]]:
    """Which teams' nightly means move together, before tonight and with it.

    Returns
    -------
    pairs : tuple of PairRow
        The highest correlations among teams that were there on all nights used.
    within_between : tuple of (site, site, r)
        Mean pairwise correlation of the teams within and between sites.
    """
    level = night.baselines.team
    means = level.mean[:, :, feature]
    present = np.isfinite(means)
    busy = present.mean(axis=1) >= 0.9
    steady = present[busy].all(axis=0) if busy.any() else np.zeros(0, dtype=bool)
    series = np.ascontiguousarray(means[busy][:, steady].T) if busy.any() else None
    if series is None or series.shape[0] < 2 or series.shape[1] < _MIN_NIGHTS:
        return (), ()
    names = [label for label, keep in zip(level.labels, steady, strict=True) if keep]
    n = series.shape[1]
    i, j, r = top_correlated_pairs(
        series, min(_PAIRS, len(names) * (len(names) - 1) // 2)
    )
    lower, upper = correlation_interval(np.full(len(r), n), r, 0.95)
    pairs = tuple(
        PairRow(
            short_name(names[a]),
            short_name(names[b]),
            n,
            float(rho),
            float(low),
            float(high),
        )
        for a, b, rho, low, high in zip(i, j, r, lower, upper, strict=True)
    )
    sites = sorted({name.split("/", 1)[0] for name in names})
    groups = np.array([sites.index(name.split("/", 1)[0]) for name in names])
    within, between = mean_pairwise_correlation(series, groups, len(sites))
    table = tuple(
        (a, b, number(within[p] if p == q else between[p, q]))
        for p, a in enumerate(sites)
        for q, b in enumerate(sites)
        if p <= q
    )
    return pairs, table
