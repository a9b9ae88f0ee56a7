"""Where the marks of an investigation lie: one panel per feature, one for p.

Horizontal places are per cent of the width, vertical ones pixels, as in the report.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tasks.history.record import History, HistoryNight, Place
from tasks.report.figures import Axis, axis_over, place, ticks
from tasks.report.wording import number, quantity, short_day

__all__ = ["Column", "Panel", "PanelMark", "feature_panel", "p_panel"]

HEIGHT, TOP, BOTTOM = 176, 22, 140
LEFT, RIGHT = 8.0, 1.0
# p shown at the top of its panel; smaller ones are drawn there.
_LOWEST_P = 1e-4
_HALF_COLUMN = 0.5


@dataclass(frozen=True, slots=True)
class Column:
    """Neighbouring nights of one state without rows: left edge and width."""

    x: str
    width: str
    state: str


@dataclass(frozen=True, slots=True)
class PanelMark:
    """One night: a mark at (`x`, `y`), and where it was before a revision.

    The interval is drawn where it fits: two rows of one agent give one that is many
    times as long as the panel.
    """

    x: str
    y: str
    upper: str | None
    lower: str | None
    marked: bool
    ring: str | None


@dataclass(frozen=True, slots=True)
class Panel:
    """One small plot over the nights of a place.

    Attributes
    ----------
    height, top, bottom : int
    ticks : tuple of (place, text)
    days : tuple of (place, text-anchor, text)
    band : (y, height) or None
        The usual range.
    columns : tuple of Column
    around : tuple of (x1, y1, x2, y2)
        Segments from night to night of what the place lies in; lone nights are
        short level lines.
    marks : tuple of PanelMark
    """

    height: int
    top: int
    bottom: int
    ticks: tuple[tuple[str, str], ...]
    days: tuple[tuple[str, str, str], ...]
    band: tuple[str, str] | None
    columns: tuple[Column, ...]
    around: tuple[tuple[str, str, str, str], ...]
    marks: tuple[PanelMark, ...]


def feature_panel(history: History, at: Place, j: int) -> Panel:
    """Place one feature: own usual range, what it lies in, points, gaps."""
    own = at.baseline[j]
    is_lead = j == history.lead_index
    values: list[float | None] = [own.usual_lower, own.usual_upper]
    for night in at.present:
        f = night.features[j]
        values += [f.mean, f.lower, f.upper] if history.kind != "agent" else [f.mean]
        values += [f.around, *(_before(night) if is_lead else ())]
    axis = axis_over(values, pad=0.08)
    unit = history.features[j][2]
    lines = _lines(axis, unit)
    middles = _middles(len(at.nights))
    marks = tuple(
        _mark(night, j, x, axis, ring=is_lead)
        for night, x in zip(at.nights, middles, strict=True)
        if night.features and night.features[j].mean is not None
    )
    band = None
    if own.usual_lower is not None and own.usual_upper is not None:
        high, low = _pixel(axis, own.usual_upper), _pixel(axis, own.usual_lower)
        band = (place(high), place(low - high))
    return Panel(
        HEIGHT, TOP, BOTTOM, lines, _days(at.nights, middles), band,
        _columns(at.nights, j), _around(at.nights, j, middles, axis), marks,
    )  # fmt: skip


def p_panel(at: Place) -> Panel:
    """Place how unusual every tested night was: p downwards from 1, on a log scale."""
    axis = Axis(-0.15, -math.log10(_LOWEST_P) + 0.15)
    middles = _middles(len(at.nights))
    marks = []
    for night, x in zip(at.nights, middles, strict=True):
        if night.p is None:
            continue
        height = _pixel(axis, min(-math.log10(night.p), -math.log10(_LOWEST_P)))
        foot = place(_pixel(axis, 0.0))
        marks.append(
            PanelMark(place(x), place(height), place(height), foot, night.marked, None)
        )
    lines = tuple(
        (place(_pixel(axis, float(k))), text)
        for k, text in enumerate(("p = 1", "0.1", "0.01", "0.001", "0.0001"))
    )
    return Panel(
        HEIGHT, TOP, BOTTOM, lines, _days(at.nights, middles), None,
        _columns(at.nights, None), (), tuple(marks),
    )  # fmt: skip


def _middles(nights: int) -> list[float]:
    step = (100.0 - LEFT - RIGHT) / max(1, nights)
    return [LEFT + (k + 0.5) * step for k in range(nights)]


def _pixel(axis: Axis, value: float) -> float:
    return BOTTOM - (BOTTOM - TOP) * axis.at(value) / 100.0


def _lines(axis: Axis, unit: str) -> tuple[tuple[str, str], ...]:
    """Grid lines with their values; the highest carries the unit."""
    values, decimals = ticks(axis.low, axis.high, 4)
    shown = [v for v in values if axis.low <= v <= axis.high]
    out = [(place(_pixel(axis, v)), number(v, decimals)) for v in shown]
    if out:
        out[-1] = (out[-1][0], quantity(shown[-1], unit, decimals))
    return tuple(out)


def _before(night: HistoryNight) -> list[float | None]:
    return [c.lead_before for c in night.corrections]


def _mark(
    night: HistoryNight, j: int, x: float, axis: Axis, *, ring: bool
) -> PanelMark:
    f = night.features[j]
    y = _pixel(axis, f.mean or 0.0)
    old = next((v for v in _before(night) if v is not None), None) if ring else None
    was = None if old is None else _pixel(axis, old)
    ends = (f.lower, f.upper)
    fits = all(v is not None and axis.low <= v <= axis.high for v in ends)
    return PanelMark(
        x=place(x),
        y=place(y),
        upper=place(_pixel(axis, f.upper)) if fits and f.upper is not None else None,
        lower=place(_pixel(axis, f.lower)) if fits and f.lower is not None else None,
        marked=night.marked,
        ring=place(was) if was is not None and abs(was - y) >= 8 else None,
    )


def _columns(nights: Sequence[HistoryNight], j: int | None) -> tuple[Column, ...]:
    """Runs of nights without a value, told apart by why there is none."""
    step = (100.0 - LEFT - RIGHT) / max(1, len(nights))
    runs: list[tuple[str, int, int]] = []
    for k, night in enumerate(nights):
        state = _gap(night, j)
        if runs and runs[-1][0] == state:
            runs[-1] = (state, runs[-1][1], k + 1)
        else:
            runs.append((state, k, k + 1))
    return tuple(
        Column(place(LEFT + a * step), place((b - a) * step), state)
        for state, a, b in runs
        if state
    )


def _gap(night: HistoryNight, j: int | None) -> str:
    if night.state in ("silent", "refused"):
        return "silent"
    if night.state == "absent":
        return "absent"
    if j is None:
        return "" if night.p is not None else "none"
    return "" if night.features[j].mean is not None else "none"


def _around(
    nights: Sequence[HistoryNight], j: int, middles: Sequence[float], axis: Axis
) -> tuple[tuple[str, str, str, str], ...]:
    """Segments from night to night; a lone night is a short level line."""
    points = [
        (x, _pixel(axis, night.features[j].around or 0.0))
        if night.features and night.features[j].around is not None
        else None
        for night, x in zip(nights, middles, strict=True)
    ]
    half = _HALF_COLUMN * (100.0 - LEFT - RIGHT) / max(1, len(nights))
    out = []
    padded = [None, *points, None]
    for left, here in pairwise(padded):
        if left is not None and here is not None:
            out.append((left, here))
    for left, here, right in zip(padded, points, padded[2:], strict=False):
        if here is not None and left is None and right is None:
            x, y = here
            out.append(((x - half, y), (x + half, y)))
    return tuple(
        (place(x1), place(y1), place(x2), place(y2)) for (x1, y1), (x2, y2) in out
    )


def _days(
    nights: Sequence[HistoryNight], middles: Sequence[float]
) -> tuple[tuple[str, str, str], ...]:
    """Label the first and last night and every first of a month, not too close."""
    days = [(middles[0], "start", short_day(nights[0].night))]
    for night, x in zip(nights, middles, strict=True):
        if dt.date.fromisoformat(night.night).day == 1 and _apart(days, x) and x <= 80:
            days.append((x, "middle", short_day(night.night)))
    if _apart(days, middles[-1]):
        days.append((middles[-1], "end", short_day(nights[-1].night)))
    return tuple((place(x), anchor, text) for x, anchor, text in days)


def _apart(days: Sequence[tuple[float, str, str]], x: float) -> bool:
    return x - days[-1][0] >= 20.0
