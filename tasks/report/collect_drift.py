"""The report's rows on baselines: drift, weekdays, spread."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stats.drift import Drift
from stats.transforms import Transforms
from tasks.baselines import Level, LevelNights
from tasks.drift import RECENT
from tasks.night import Night
from tasks.report.collect_groups import number, short_name
from tasks.report.findings import DriftRow, QuantileRow, SeasonRow
from tasks.report.rows import FeatureLabel
from tasks.schema_scale import schema_transforms

__all__ = ["drift_rows", "quantile_rows", "season_rows"]

Floats = NDArray[np.float64]
Labels = tuple[FeatureLabel, ...]

_LEVELS: tuple[Level, ...] = ("all", "site", "team")


def drift_rows(night: Night, labels: Labels) -> tuple[DriftRow, ...]:
    """Compare the last seven nights of every group with the window before them.

    All features together for every group; single features where they are found, and
    at level all.  Features that are compared on another scale are turned back.
    """
    rows: list[DriftRow] = []
    transforms = schema_transforms(night.schema)
    for name in _LEVELS:
        level = night.baselines.levels[name]
        if level.drift is None:
            continue
        drift = level.drift.week
        before = _reference(level.cells)
        for i in np.flatnonzero(np.isfinite(drift.q)).tolist():
            rows.append(_joint(name, level, drift, i))
            for j, feature in enumerate(labels):
                if name == "all" or drift.feature_found[i, j]:
                    rows.append(
                        _mean(name, level, drift, before, transforms, feature, i, j)
                    )
                if name == "all" or drift.variance_found[i, j]:
                    rows.append(_variance(name, level, drift, feature, i, j))
    return tuple(row for row in rows if np.isfinite(row.p))


def _reference(cells: Floats) -> Floats:
    """Mean over the nights before the recent ones, (g, d); NaN without any."""
    past = cells[:-RECENT]
    seen = np.isfinite(past)
    n = seen.sum(axis=0)
    total = np.where(seen, past, 0.0).sum(axis=0)
    mean: Floats = np.full(total.shape, np.nan)
    np.divide(total, n, out=mean, where=n > 0)
    return mean


def _joint(name: Level, level: LevelNights, drift: Drift, i: int) -> DriftRow:
    return DriftRow(
        level=name,
        group=short_name(level.labels[i]),
        feature=None,
        nights_recent=int(drift.recent[i]),
        nights_before=int(drift.reference[i]),
        before=None,
        now=None,
        difference=None,
        lower=None,
        upper=None,
        p=float(np.exp(drift.log_p[i])),
        q=float(drift.q[i]),
        found=bool(drift.found[i]),
        what="joint",
    )


def _mean(
    name: Level,
    level: LevelNights,
    drift: Drift,
    before: Floats,
    transforms: Transforms,
    feature: FeatureLabel,
    i: int,
    j: int,
) -> DriftRow:
    start = before[i, j]
    moves = (0.0, drift.difference[i, j], drift.lower[i, j], drift.upper[i, j])
    then, now, low, high = _turned_back(transforms, j, [start + m for m in moves])
    return DriftRow(
        level=name,
        group=short_name(level.labels[i]),
        feature=feature,
        nights_recent=int(drift.recent[i]),
        nights_before=int(drift.reference[i]),
        before=number(then),
        now=number(now),
        difference=number(now - then),
        lower=number(low - then),
        upper=number(high - then),
        p=float(drift.p[i, j]),
        q=float(drift.feature_q[i, j]),
        found=bool(drift.feature_found[i, j]),
        what="mean",
    )


def _variance(
    name: Level,
    level: LevelNights,
    drift: Drift,
    feature: FeatureLabel,
    i: int,
    j: int,
) -> DriftRow:
    ratio, lower, upper = np.sqrt(
        [drift.variance_ratio[i, j], drift.variance_lower[i, j],
         drift.variance_upper[i, j]]
    )  # fmt: skip
    return DriftRow(
        level=name,
        group=short_name(level.labels[i]),
        feature=feature,
        nights_recent=int(drift.recent[i]),
        nights_before=int(drift.reference[i]),
        before=None,
        now=None,
        difference=number(ratio),
        lower=number(lower),
        upper=number(upper),
        p=float(drift.variance_p[i, j]),
        q=float(drift.variance_q[i, j]),
        found=bool(drift.variance_found[i, j]),
        what="variance",
    )


def season_rows(night: Night, labels: Labels) -> tuple[SeasonRow, ...]:
    """Weekday effects over all sites; none while there are fewer than three weeks."""
    level = night.baselines.all
    if level.drift is None or not np.isfinite(level.drift.season.p[0]).any():
        return ()
    season, transforms = level.drift.season, schema_transforms(night.schema)
    centre = np.nanmean(level.cells[:, 0], axis=0)
    rows = []
    for j, feature in enumerate(labels):
        middle = _turned_back(transforms, j, [centre[j]])[0]
        effects, lower, upper = (
            tuple(
                number(x - middle)
                for x in _turned_back(transforms, j, centre[j] + part[:, 0, j])
            )
            for part in (season.effect, season.lower, season.upper)
        )
        rows.append(
            SeasonRow(
                feature=feature,
                weeks=int(season.nights[0]) // 7,
                effects=effects,
                lower=lower,
                upper=upper,
                p=number(season.p[0, j]),
                found=bool(season.found[0, j]),
            )
        )
    return tuple(rows)


def quantile_rows(night: Night, labels: Labels) -> tuple[QuantileRow, ...]:
    """Five quantiles of every group and feature over the nights before tonight."""
    rows = []
    for name in _LEVELS:
        level = night.baselines.levels[name]
        found = level.baseline.quantile
        for i, group in enumerate(level.labels):
            for j, feature in enumerate(labels):
                n = int(level.window.count[i, j])
                if n:
                    five = (number(x) for x in found[:, i, j])
                    rows.append(QuantileRow(name, short_name(group), feature, n, *five))
    return tuple(rows)


def _turned_back(transforms: Transforms, j: int, values: object) -> Floats:
    """Values of feature j from the scale on which it is compared to its unit."""
    column = np.asarray(values, np.float64)
    wide = np.zeros((len(column), len(transforms.kinds)))
    wide[:, j] = column
    found: Floats = transforms.invert(wide)[:, j]
    return found
