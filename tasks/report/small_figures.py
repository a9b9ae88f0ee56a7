"""Figures of one table row: the days of a week, and the box of a distribution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.report.figures import Axis, RowPlot, axis_over, place
from tasks.report.findings import QuantileRow

__all__ = ["Day", "Week", "box", "weekdays"]

WEEK_HEIGHT = 48
_AIR = 6


@dataclass(frozen=True, slots=True)
class Day:
    """One weekday: mark at (`x`, `y`), its interval from `upper` to `lower`.

    `apart` holds when the whole interval lies on one side of no difference.
    """

    x: str
    y: str
    upper: str | None
    lower: str | None
    apart: bool


@dataclass(frozen=True, slots=True)
class Week:
    """Seven days about the line of no difference, Monday first."""

    height: int
    zero: str
    days: tuple[Day, ...]


def weekdays(
    effects: Sequence[float | None],
    lower: Sequence[float | None],
    upper: Sequence[float | None],
    *,
    found: bool,
) -> Week:
    """Place the effects of the days of the week; a day that was not seen has no mark.

    Marks of a feature that does not depend on the day (`found` false) stay dots.
    """
    axis = axis_over([0.0, *effects, *lower, *upper])
    step = 100.0 / max(1, len(effects))
    room = WEEK_HEIGHT - 2 * _AIR

    def y(value: float) -> str:
        return place(WEEK_HEIGHT - _AIR - room * axis.at(value) / 100.0)

    days = []
    for k, (effect, low, high) in enumerate(zip(effects, lower, upper, strict=True)):
        if effect is None:
            continue
        ends = None if low is None or high is None else (y(high), y(low))
        apart = low is not None and high is not None and (low > 0 or high < 0)
        days.append(
            Day(
                x=place((k + 0.5) * step),
                y=y(effect),
                upper=ends and ends[0],
                lower=ends and ends[1],
                apart=found and apart,
            )
        )
    return Week(WEEK_HEIGHT, y(0.0), tuple(days))


def box(row: QuantileRow, axis: Axis, grid: tuple[str, ...] = ()) -> RowPlot:
    """Place a distribution: line from 5 % to 95 %, band of the middle half, median."""

    def at(value: float | None) -> str | None:
        return None if value is None else place(axis.at(value))

    line = band = None
    if row.q05 is not None and row.q95 is not None:
        line = (place(axis.at(row.q05)), place(axis.at(row.q95)))
    if row.q25 is not None and row.q75 is not None:
        left, right = axis.at(row.q25), axis.at(row.q75)
        band = (place(left), place(max(0.3, right - left)))
    return RowPlot(
        band=band,
        tick=at(row.q50),
        line=line,
        off_left=False,
        off_right=False,
        mark=None,
        shape="dot",
        open=False,
        tone="estimate",
        grid=grid,
        missing=row.q50 is None,
    )
