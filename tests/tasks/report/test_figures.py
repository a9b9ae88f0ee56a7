"""Geometry: values to places, against places worked out by hand."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest

from tasks.report.derived import derive
from tasks.report.figures import (
    Axis,
    axis_over,
    dumbbell,
    estimates_axis,
    histogram,
    place,
    row_plot,
    shares,
    strip,
    ticks,
)
from tasks.report.sections import night
from tasks.report.series import BOTTOM, TOP, series
from tests.reports import calm, estimate, nights
from tests.special_nights import refused, storm, with_lead

AXIS = Axis(-20.0, 180.0)


def test_a_row_is_placed_on_its_axis() -> None:
    plot = row_plot(estimate(80.0, 10.0, (0.0, 40.0)), AXIS)
    assert plot.band == ("10", "20")
    assert plot.line == ("45", "55")
    assert (plot.mark, plot.tick) == ("50", "18")
    assert (plot.shape, plot.tone, plot.open, plot.missing) == (
        "diamond",
        "finding",
        False,
        False,
    )
    assert (plot.off_left, plot.off_right) == (False, False)


@pytest.mark.parametrize(
    ("value", "half", "off"),
    [(175.0, 20.0, (False, True)), (-15.0, 20.0, (True, False)), (80.0, 500.0, (1, 1))],
)
def test_an_interval_that_runs_off_gets_an_arrow(
    value: float, half: float, off: tuple[bool, bool]
) -> None:
    plot = row_plot(estimate(value, half, None), AXIS)
    assert (bool(off[0]), bool(off[1])) == (plot.off_left, plot.off_right)
    assert plot.line is not None
    assert all(0 <= float(x) <= 100 for x in plot.line)


def test_a_value_beyond_the_axis_has_an_arrow_and_no_mark() -> None:
    plot = row_plot(estimate(400.0, 10.0, None), AXIS)
    assert (plot.mark, plot.off_right) == (None, True)


def test_arrived_only_is_open_and_no_data_is_hatched_without_a_mark() -> None:
    assert row_plot(estimate(1.0, basis="arrived only"), AXIS).open
    nothing = row_plot(estimate(None), AXIS)
    assert (
        nothing.missing,
        nothing.mark,
        nothing.line,
        nothing.band,
    ) == (True, None, None, None)


def test_a_test_of_all_features_overrides_the_shape_of_one() -> None:
    usual = estimate(10.0)
    assert row_plot(usual, AXIS, flagged=True).shape == "diamond"
    assert row_plot(replace(usual, outside=True), AXIS, flagged=False).shape == "dot"


def test_no_first_nights_have_a_band() -> None:
    plot = row_plot(estimate(5.0, 4.0, None), AXIS)
    assert (plot.band, plot.tick) == (None, None)


def test_places_have_two_decimals_and_no_negative_zero() -> None:
    assert [place(100 / 3), place(-1e-9), place(100.0)] == ["33.33", "0", "100"]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-20.0, 100.0, ((0, 25, 50, 75, 100), 0)),
        (0.0, 1.0, ((0, 0.2, 0.4, 0.6, 0.8, 1), 1)),
        (987.0, 1141.0, ((1000, 1050, 1100), 0)),
        (0.0, 12.0, ((0, 2.5, 5, 7.5, 10), 1)),
    ],
)
def test_ticks_are_round(
    low: float, high: float, expected: tuple[tuple[float, ...], int]
) -> None:
    assert expected == ticks(low, high)


def test_ticks_lie_inside_and_evenly_for_any_range() -> None:
    rng = random.Random(4)
    for _ in range(300):
        low = rng.uniform(-1, 1) * 10 ** rng.randint(-4, 6)
        high = low + 10 ** rng.uniform(-3, 6)
        values, decimals = ticks(low, high)
        steps = [b - a for a, b in pairwise(values)]
        assert 2 <= len(values) <= 7
        slack = 1e-6 * (high - low)
        assert all(low - slack <= v <= high + slack for v in values)
        assert max(steps) - min(steps) <= 1e-6 * max(steps)
        assert all(abs(round(v, decimals) - v) < 1e-9 * max(1, abs(v)) for v in values)


def test_counts_have_whole_ticks() -> None:
    for highest in range(1, 60):
        values, decimals = ticks(0.0, float(highest), 4, whole=True)
        assert decimals == 0
        assert all(v == int(v) for v in values)


def test_axes_hold_every_value_and_survive_equal_or_no_values() -> None:
    axis = axis_over([3.0, None, float("nan"), 7.0])
    assert axis.low < 3.0
    assert axis.high > 7.0
    assert Axis(4.5, 5.5) == axis_over([5.0, 5.0])
    assert Axis(0.0, 1.0) == axis_over([None])
    common = estimates_axis([estimate(5.0), estimate(90.0), estimate(None)])
    assert common.low < -9.0
    assert common.high > 90.0


def test_the_strip_joins_equal_nights_only_when_asked() -> None:
    cells = ("arrived", "arrived", "missing", "arrived")
    single, joined = strip(cells), strip(cells, join=True)
    assert [c.state for c in single] == list(cells)
    assert [c.state for c in joined] == ["arrived", "missing", "arrived"]
    assert [c.x for c in joined] == ["1.5", "51.5", "76.5"]
    assert joined[0].width == "47"


def test_a_dumbbell_closer_than_a_mark_is_only_the_new_mark() -> None:
    far, near = dumbbell(0.0, 80.0, AXIS), dumbbell(80.0, 81.0, AXIS)
    assert (far.before, far.now, far.line) == ("10", "50", ("10", "50"))
    assert (near.before, near.now, near.line) == (None, "50.5", None)
    assert dumbbell(None, 80.0, AXIS).now == "50"


def test_histogram_bars_and_expected_line_share_one_scale() -> None:
    bars = histogram((10, 20, 0, 40), 20.0)
    heights = [float(h) for *_, h in bars.bars]
    assert heights == [36.5, 73.0, 0.0, 146.0]
    assert float(bars.expected) == bars.base - heights[1]
    assert bars.labels[0] == ("160", "0")


def test_shares_are_drawn_relative_to_the_largest() -> None:
    assert [h for *_, h in shares((0.6, 0.3, 0.0))] == ["16", "8", "1"]


def test_series_marks_are_open_on_hatched_columns_while_a_site_is_missing() -> None:
    figure = series(storm())
    assert (len(figure.marks), len(figure.hatched)) == (61, 2)
    assert [m.open for m in figure.marks[-3:]] == [False, True, True]
    tonight = figure.marks[-1]
    assert (
        tonight.tonight,
        tonight.shape,
        tonight.tone,
    ) == (True, "diamond", "finding")
    assert figure.label is not None
    assert figure.label[2] == "85\N{NO-BREAK SPACE}min"
    assert float(figure.label[0]) <= min(float(x) for x, *_ in figure.hatched)


def test_series_values_are_linear_in_pixels_and_inside_the_plot() -> None:
    figure = series(calm())
    points = calm().series
    top = max(points, key=lambda p: p.estimate.value or 0)
    y = {m.x: float(m.y) for m in figure.marks}
    assert len(y) == len(points)
    assert min(y.values()) == float(figure.marks[points.index(top)].y)
    assert all(TOP <= v <= BOTTOM for v in y.values())
    assert figure.label is None


def test_a_night_without_a_value_is_a_hatched_column_without_a_mark() -> None:
    figure = series(refused())
    assert (len(figure.marks), len(figure.hatched)) == (60, 1)
    assert figure.hatched[0][2]


def test_a_revised_night_has_a_diamond_and_a_ring_if_it_moved_far() -> None:
    report = storm()
    at = nights(61).index("2013-03-05")
    near = series(report).marks[at]
    assert (near.revised, near.ring) == (True, None)
    change = replace(report.changes[0], value_before=70.0)
    far = series(replace(report, changes=(change,))).marks[at]
    assert far.ring is not None
    assert float(far.ring) < float(far.y)


def test_the_heading_ranks_the_night() -> None:
    report = storm()
    assert night(report, derive(report))["heading"] == "The highest of 61 nights"
    low = with_lead(calm(), estimate(-80.0))
    assert night(low, derive(low))["heading"] == "The lowest of 61 nights"
    alone = replace(calm(), series=calm().series[-1:])
    assert night(alone, derive(alone))["heading"] == "The first night"
