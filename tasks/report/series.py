"""The lead feature night by night: places of dots, intervals, hatched columns, band."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from tasks.report.figures import Axis, Tone, axis_over, place, ticks
from tasks.report.night_report import NightReport
from tasks.report.phrases import decimals
from tasks.report.rows import SeriesPoint
from tasks.report.wording import number, quantity, short_day

__all__ = ["Series", "SeriesMark", "moved", "series"]

HEIGHT, TOP, BOTTOM = 250, 18, 218
LEFT, RIGHT = 5.0, 1.5


@dataclass(frozen=True, slots=True)
class SeriesMark:
    """One night: mark at (`x`, `y`), interval from `upper` to `lower` in pixels."""

    x: str
    y: str
    upper: str | None
    lower: str | None
    shape: Literal["dot", "diamond"]
    open: bool
    tone: Tone
    tonight: bool
    ring: str | None
    revised: bool


@dataclass(frozen=True, slots=True)
class Series:
    """The whole figure; `label` is tonight's value as (right end, y, text)."""

    height: int
    top: int
    bottom: int
    ticks: tuple[tuple[str, str], ...]
    days: tuple[tuple[str, str], ...]
    band: tuple[str, str] | None
    hatched: tuple[tuple[str, str, bool], ...]
    marks: tuple[SeriesMark, ...]
    label: tuple[str, str, str] | None


def moved(report: NightReport) -> dict[str, tuple[float | None, float | None]]:
    """Night -> lead figure before the first and after the last of its changes."""
    nights: dict[str, tuple[float | None, float | None]] = {}
    for change in report.changes:
        before = nights.get(change.night, (change.value_before, None))[0]
        nights[change.night] = (before, change.value_now)
    return nights


def series(report: NightReport) -> Series:
    """Place every night of the series; nights without a value keep a hatched column."""
    points = report.series
    lead = report.lead_feature
    changed = moved(report)
    axis = _axis(report, changed)
    scale = _Vertical(axis)
    step = (100.0 - LEFT - RIGHT) / max(1, len(points))
    middles = [LEFT + (k + 0.5) * step for k in range(len(points))]
    marks = tuple(
        _mark(p, x, scale, changed.get(p.night), tonight=p.night == report.night)
        for p, x in zip(points, middles, strict=True)
        if p.estimate.value is not None
    )
    hatched = tuple(
        (place(x - step / 2), place(step), p.estimate.value is None)
        for p, x in zip(points, middles, strict=True)
        if p.estimate.basis != "complete" or p.estimate.value is None
    )
    values, digits = ticks(axis.low, axis.high, 5)
    unit = lead.feature.unit
    labels = [(scale.y(v), number(v, digits)) for v in values]
    if labels:
        labels[-1] = (labels[-1][0], quantity(values[-1], unit, digits))
    low, high = lead.estimate.usual_lower, lead.estimate.usual_upper
    band = None
    if low is not None and high is not None:
        band = (scale.y(high), place(scale.pixel(low) - scale.pixel(high)))
    return Series(
        HEIGHT,
        TOP,
        BOTTOM,
        tuple(labels),
        _days(points, middles),
        band,
        hatched,
        marks,
        _label(report, middles, hatched, scale, step),
    )


class _Vertical:
    """Value to pixel, larger values higher."""

    def __init__(self, axis: Axis) -> None:
        self.axis = axis

    def pixel(self, value: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * self.axis.at(value) / 100.0

    def y(self, value: float) -> str:
        return place(self.pixel(value))


def _axis(
    report: NightReport, changed: dict[str, tuple[float | None, float | None]]
) -> Axis:
    values: list[float | None] = []
    for p in report.series:
        values += [p.estimate.value, p.estimate.lower, p.estimate.upper]
    e = report.lead_feature.estimate
    values += [e.usual_lower, e.usual_upper]
    shown = {p.night for p in report.series}
    values += [v[0] for night, v in changed.items() if night in shown]
    return axis_over(values)


def _mark(
    point: SeriesPoint,
    x: float,
    scale: _Vertical,
    change: tuple[float | None, float | None] | None,
    *,
    tonight: bool,
) -> SeriesMark:
    e = point.estimate
    value = e.value if e.value is not None else 0.0
    ring = None
    if change and change[0] is not None:
        old = scale.pixel(change[0])
        ring = place(old) if abs(old - scale.pixel(value)) >= 12 else None
    return SeriesMark(
        x=place(x),
        y=scale.y(value),
        upper=None if e.upper is None else scale.y(e.upper),
        lower=None if e.lower is None else scale.y(e.lower),
        shape="diamond" if e.outside else "dot",
        open=e.partial,
        tone="finding" if e.outside else "estimate",
        tonight=tonight,
        ring=ring,
        revised=change is not None,
    )


def _days(
    points: tuple[SeriesPoint, ...], middles: list[float]
) -> tuple[tuple[str, str], ...]:
    """Label the first night and every first of a month, at least 12 % apart."""
    days: list[tuple[float, str]] = []
    for k, (point, x) in enumerate(zip(points, middles, strict=True)):
        first = dt.date.fromisoformat(point.night).day == 1
        if k == 0 or (first and x - days[-1][0] >= 12 and x <= 96):
            days.append((x, short_day(point.night)))
    return tuple((place(x), text) for x, text in days)


def _label(
    report: NightReport,
    middles: list[float],
    hatched: tuple[tuple[str, str, bool], ...],
    scale: _Vertical,
    step: float,
) -> tuple[str, str, str] | None:
    """Tonight's value beside its mark, only when outside, left of the hatch."""
    lead = report.lead_feature
    e = lead.estimate
    if not e.outside or e.value is None or not report.series:
        return None
    if report.series[-1].night != report.night:
        return None
    edge = middles[-1] - step / 2
    lefts = {x for x, _, _ in hatched}
    while place(edge) in lefts:
        edge -= step
    text = quantity(e.value, lead.feature.unit, decimals(e))
    return place(edge), scale.y(e.value), text
