"""Values to places: horizontal in per cent of the width, vertical in pixels.

The templates draw what these frozen records say and hold no maths.  Horizontal places
are per cent with two decimals, so one drawing serves every width and the text in it
keeps its size; equal input gives equal text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from tasks.report.rows import Estimate
from tasks.report.wording import number

__all__ = [
    "Axis",
    "Bars",
    "Cell",
    "Dumbbell",
    "RowPlot",
    "axis_over",
    "dumbbell",
    "estimates_axis",
    "histogram",
    "place",
    "row_plot",
    "shares",
    "strip",
    "ticks",
]

Tone = Literal["estimate", "finding", "missing"]


def place(x: float) -> str:
    """Two decimals without trailing zeros: the only way a coordinate is written.

    >>> place(12.5), place(100.0), place(-0.001)
    ('12.5', '100', '0')
    """
    text = f"{x:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear axis from `low` to `high` over the whole width."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Per cent from the left, cut at the ends."""
        share = (value - self.low) / (self.high - self.low)
        return 100.0 * min(1.0, max(0.0, share))

    def labels(
        self, target: int = 5, *, margin: float = 3.0
    ) -> tuple[tuple[str, str], ...]:
        """Round ticks as (place, text), none closer than `margin` % to an end."""
        values, decimals = ticks(self.low, self.high, target)
        return tuple(
            (place(self.at(v)), number(v, decimals))
            for v in values
            if margin <= self.at(v) <= 100.0 - margin
        )


def ticks(
    low: float, high: float, target: int = 5, *, whole: bool = False
) -> tuple[tuple[float, ...], int]:
    """Round values between `low` and `high`, and the decimals they need.

    `whole` keeps the step an integer, for counts.

    >>> ticks(-20.0, 100.0), ticks(0.0, 1.0, 4)
    (((0.0, 25.0, 50.0, 75.0, 100.0), 0), ((0.0, 0.25, 0.5, 0.75, 1.0), 2))
    """
    raw = max((high - low) / max(1, target), 1.0 if whole else 0.0)
    exponent = math.floor(math.log10(raw))
    steps = [(m, e) for e in (exponent, exponent + 1) for m in (1.0, 2.0, 2.5, 5.0)]
    factor, power = next(
        (m, e)
        for m, e in steps
        if m * 10.0**e >= raw * (1 - 1e-9) and not (whole and m == 2.5 and e < 1)
    )
    step = factor * 10.0**power
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    decimals = max(0, (1 if factor == 2.5 else 0) - power)
    return tuple(round(k * step, 12) + 0.0 for k in range(first, last + 1)), decimals


def axis_over(values: Iterable[float | None], pad: float = 0.05) -> Axis:
    """Make an axis that holds all values with air; one unit wide if they are equal."""
    known = [v for v in values if v is not None and math.isfinite(v)]
    if not known:
        return Axis(0.0, 1.0)
    low, high = min(known), max(known)
    if high - low < 1e-9 * max(1.0, abs(high)):
        return Axis(low - 0.5, high + 0.5)
    air = pad * (high - low)
    return Axis(low - air, high + air)


def estimates_axis(estimates: Sequence[Estimate]) -> Axis:
    """Make one axis for many estimates; only long intervals run off it."""
    values: list[float | None] = []
    for e in estimates:
        values += [e.value, e.usual_lower, e.usual_upper]
        if e.value is not None and e.lower is not None and e.upper is not None:
            half = (e.upper - e.lower) / 4
            values += [e.value - half, e.value + half]
    return axis_over(values)


@dataclass(frozen=True, slots=True)
class RowPlot:
    """One row's figure: band, tick, interval with arrows where it runs off, mark.

    `missing` rows have no value and are hatched from end to end.
    """

    band: tuple[str, str] | None
    tick: str | None
    line: tuple[str, str] | None
    off_left: bool
    off_right: bool
    mark: str | None
    shape: Literal["dot", "diamond"]
    open: bool
    tone: Tone
    grid: tuple[str, ...]
    missing: bool


def row_plot(
    estimate: Estimate,
    axis: Axis,
    *,
    flagged: bool | None = None,
    grid: tuple[str, ...] = (),
) -> RowPlot:
    """Place one estimate; `flagged` (default: outside) gives the diamond.

    Means without every site get an open mark.  A value beyond the axis has no mark,
    only the arrow, so that nothing is drawn where it is not.
    """
    outside = estimate.outside if flagged is None else flagged
    value, low, high = estimate.value, estimate.lower, estimate.upper
    ends = (
        (low, high)
        if value is not None and low is not None and high is not None
        else None
    )
    drawn = value is not None and axis.low <= value <= axis.high
    return RowPlot(
        band=_band(estimate, axis),
        tick=None
        if estimate.usual_median is None or value is None
        else place(axis.at(estimate.usual_median)),
        line=ends and (place(axis.at(ends[0])), place(axis.at(ends[1]))),
        off_left=bool(ends and ends[0] < axis.low),
        off_right=bool(ends and ends[1] > axis.high),
        mark=place(axis.at(value)) if drawn and value is not None else None,
        shape="diamond" if outside else "dot",
        open=estimate.partial,
        tone="finding" if outside else "estimate",
        grid=grid,
        missing=value is None,
    )


def _band(estimate: Estimate, axis: Axis) -> tuple[str, str] | None:
    low, high = estimate.usual_lower, estimate.usual_upper
    if low is None or high is None or estimate.value is None:
        return None
    left, right = axis.at(low), axis.at(high)
    return place(left), place(right - left)


@dataclass(frozen=True, slots=True)
class Dumbbell:
    """A moved figure: ring at the old place, diamond at the new, a line between."""

    before: str | None
    now: str | None
    line: tuple[str, str] | None


def dumbbell(before: float | None, now: float | None, axis: Axis) -> Dumbbell:
    """Place an old and a new value; closer than a mark (3 %) only the new is drawn."""
    old = None if before is None else axis.at(before)
    new = None if now is None else axis.at(now)
    if old is not None and new is not None and abs(old - new) < 3.0:
        old = None
    line = None
    if old is not None and new is not None:
        line = (place(min(old, new)), place(max(old, new)))
    return Dumbbell(
        None if old is None else place(old), None if new is None else place(new), line
    )


@dataclass(frozen=True, slots=True)
class Cell:
    """A run of equal nights in a site's strip."""

    state: str
    x: str
    width: str
    middle: str


def strip(cells: Sequence[str], *, join: bool = False) -> tuple[Cell, ...]:
    """Cells of one site, oldest first; `join` makes equal neighbours one rectangle."""
    step = 100.0 / max(1, len(cells))
    gap = 0.12 * step
    runs = (
        [(state, len(list(run))) for state, run in groupby(cells)]
        if join
        else [(state, 1) for state in cells]
    )
    placed, start = [], 0
    for state, length in runs:
        x, width = start * step, length * step
        placed.append(
            Cell(
                state,
                place(x + gap / 2),
                place(width - gap),
                place(x + width - step / 2),
            )
        )
        start += length
    return tuple(placed)


@dataclass(frozen=True, slots=True)
class Bars:
    """A histogram: bars as (x, width, y, height), the expected height, y ticks."""

    height: int
    base: int
    bars: tuple[tuple[str, str, str, str], ...]
    expected: str
    labels: tuple[tuple[str, str], ...]


def histogram(counts: Sequence[int], expected: float) -> Bars:
    """Place counts in equal bins over [0, 1], 160 px high, with the expected count."""
    height, base, top = 190, 160, 14
    highest = max([expected, 1.0, *counts])
    scale = (base - top) / highest
    left, width = 6.0, 94.0
    step = width / max(1, len(counts))
    bars = tuple(
        (
            place(left + k * step + 0.1 * step),
            place(0.8 * step),
            place(base - c * scale),
            place(c * scale),
        )
        for k, c in enumerate(counts)
    )
    values, decimals = ticks(0.0, highest, 4, whole=True)
    labels = tuple((place(base - v * scale), number(v, decimals)) for v in values)
    return Bars(height, base, bars, place(base - expected * scale), labels)


def shares(parts: Sequence[float]) -> tuple[tuple[str, str, str, str], ...]:
    """Shares as small bars (x, width, y, height), the largest 16 px high."""
    step = 100.0 / max(1, len(parts))
    largest = max([*parts, 1e-9])
    heights = [max(1.0, 16.0 * max(0.0, share) / largest) for share in parts]
    return tuple(
        (place(k * step + 0.1 * step), place(0.8 * step), place(18 - h), place(h))
        for k, h in enumerate(heights)
    )
