"""Sections over many nights: something is found, nothing is, or it was not tested."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tasks.report.behaviour import size_words
from tasks.report.derived import derive
from tasks.report.figures import Axis
from tasks.report.findings import CHANGE_KINDS
from tasks.report.headline import headline
from tasks.report.night_report import NightReport
from tasks.report.render import render_html, render_json
from tasks.report.small_figures import box, weekdays
from tests.over_nights import (
    change,
    changed,
    nothing_over_nights,
    over_nights,
    too_short,
)
from tests.page import Element, parse, words
from tests.reports import ARRIVAL, calm
from tests.special_nights import fleet, found

SECTIONS = ("behaviour", "drift", "season", "collusion")


def section(report: NightReport, name: str) -> Element:
    return parse(render_html(report)).by_id(name)


def heading(report: NightReport, name: str) -> str:
    return words(section(report, name).all("h2")[0].text)


def body(report: NightReport, name: str, place: int = 0) -> list[list[str]]:
    rows = section(report, name).all("tbody")[place].all("tr")
    return [[words(cell.text) for cell in row.all("th", "td")] for row in rows]


@pytest.mark.parametrize(
    ("name", "some", "none"),
    [
        (
            "behaviour",
            "7 of 571 aircraft changed over several nights",
            "None of 571 aircraft changed over several nights",
        ),
        (
            "drift",
            "3 of 9 baselines moved away from the nights before",
            "None of 9 baselines moved away from the nights before",
        ),
        (
            "season",
            "2 of 5 features depend on the day of the week",
            "None of 5 features depends on the day of the week",
        ),
        (
            "collusion",
            "2 groups of aircraft move together beyond chance",
            "No group of aircraft moves together beyond chance",
        ),
    ],
)
def test_headings_state_the_finding(name: str, some: str, none: str) -> None:
    assert heading(changed(), name) == some
    assert heading(nothing_over_nights(), name) == none


def test_what_was_not_tested_says_what_it_needs() -> None:
    needs = {name: section(too_short(), name) for name in SECTIONS}
    said = {name: words(e.all("p")[0].text) for name, e in needs.items()}
    assert said == {
        "behaviour": "Not tested: needs 14 nights, 9 are there.",
        "drift": "Not tested: needs 20 nights, 9 are there.",
        "season": "Not tested: needs 21 nights, 9 are there.",
        "collusion": "Not tested: needs 30 nights, 9 are there.",
    }
    assert all(e.all("table") == [] for e in needs.values())


@pytest.mark.parametrize("name", SECTIONS)
def test_a_test_that_was_not_made_is_never_told_as_nothing_found(name: str) -> None:
    text = words(section(calm(), name).text)
    assert "Not tested tonight." in text
    assert "None of" not in text
    assert "No group" not in text


def test_an_agent_that_changed_has_its_kind_size_start_and_q() -> None:
    rows = body(changed(), "behaviour")
    assert rows[0][:6] == [
        "N34228 AA@EWR",
        str(changed().changes_of_agents[0].nights),
        "mean shift",
        "Arrival delay",
        "+2.3 SD",
        "17 Feb",
    ]
    assert [row[2] for row in rows] == [*CHANGE_KINDS, "mean shift"]
    assert rows[2][5] == "–"
    assert rows[4][3:6] == ["–", "6 nights", "21 Feb"]
    assert rows[1][-1] == "0.0012 extrapolated ▶"


@pytest.mark.parametrize(
    ("kind", "size", "expected"),
    [
        ("mean shift", -1.26, "−1.3 SD"),
        ("slow drift", 0.5, "+0.5 SD"),
        ("variance inflation", 2.04, "× 2.0 SD"),
        ("correlation break", 2.6, "+2.6 SD"),
        ("silence", 1.0, "1 night"),
        ("constant feature moved", 30.0, "+30.0 min"),
        ("mean shift", None, "–"),
    ],
)
def test_the_size_is_told_in_the_measure_of_its_kind(
    kind: str, size: float | None, expected: str
) -> None:
    import random

    row = change(0, random.Random(1), found=True)
    row = replace(row, kind=kind, size=size, main_feature=ARRIVAL)
    assert words(size_words(row)) == expected


def test_kinds_are_counted_in_their_fixed_order() -> None:
    text = words(section(changed(), "behaviour").text)
    assert "Mean shift 2, variance inflation 1, correlation break 1" in text


def test_the_list_of_agents_tells_the_kind_and_since_when() -> None:
    told = [row[2] for row in body(changed(), "agents", 1)]
    kinds = ("mean shift", "variance inflation", "correlation break")
    days = ("28 Feb", "1 Mar", "2 Mar")
    assert [
        text.endswith(f" {kind} since {day}")
        for text, kind, day in zip(told, kinds, days, strict=True)
    ] == [True, True, True]
    assert all(" since " not in row[2] for row in body(found(), "agents", 1))


def test_drift_gives_both_windows_and_the_interval() -> None:
    rows = body(changed(), "drift")
    joint, mean, spread = rows
    assert joint[0] == "EWR all features together"
    assert joint[3:6] == ["–", "–", "–"]
    assert mean[0] == "EWR Arrival delay, min; mean"
    assert mean[1] == "7 recent, / 53 before"
    row = next(d for d in changed().drift if d.what == "mean")
    assert row.difference is not None
    assert mean[4] == f"+{row.difference:.0f}"
    assert spread[3:6] == ["40.2 → 65.1", "× 1.62", "1.25 to 2.11"]
    others = section(changed(), "drift").all("tbody")[1].all("tr")
    assert len(others) == 6


def test_collusion_is_suspected_not_proved() -> None:
    text = words(section(changed(), "collusion").text)
    assert "beyond chance at a false-discovery rate ≤ 5 %" in text
    assert "It is not proof" in text
    assert "N51000, N51001 and 12 more" in text
    assert "and 2 more" in text
    assert text.count("N51011") == 1
    assert "N51200" not in text, "a group that was not found is not listed"


def test_to_do_names_what_was_found_over_nights() -> None:
    told = {item.href: words(item.text) for item in headline(changed()).todo}
    assert told["#behaviour"] == (
        "Look at 7 aircraft that changed over several nights, first N34228 "
        "(mean shift since 17 February)."
    )
    assert (
        told["#drift"] == "Look at 3 baselines that moved away from the nights before."
    )
    assert (
        told["#collusion"]
        == "Ask why 2 groups of aircraft move together beyond chance."
    )
    quiet = {item.href for item in headline(nothing_over_nights()).todo}
    assert not quiet & {"#behaviour", "#drift", "#collusion"}


def test_findings_over_nights_leave_the_verdict_alone() -> None:
    assert headline(changed()).title == headline(found(3)).title


def test_counts_are_taken_once() -> None:
    counts = derive(changed())
    assert (
        counts.changes_found,
        counts.drift_found,
        counts.season_found,
        counts.cliques_found,
    ) == (7, 3, 2, 2)


def test_quantiles_stand_beside_the_baselines() -> None:
    part = section(changed(), "baselines")
    rows = part.all("tbody")[2].all("tr")
    cells = [words(cell.text) for cell in rows[0].all("th", "td")]
    first = changed().quantiles[0]
    assert first.q50 is not None
    assert cells[:3] == ["All sites", "Departure delay, min", "4,120"]
    assert cells[4] == f"{first.q50:.0f}".replace("-", "−")
    assert len(rows) == 5 * 4


def test_a_day_that_was_not_seen_has_no_mark() -> None:
    week = weekdays((1.0, None, -3.0), (0.5, None, -4.0), (1.5, None, 1.0), found=True)
    assert [day.x for day in week.days] == ["16.67", "83.33"]
    assert [day.apart for day in week.days] == [True, False]
    first = week.days[0]
    assert first.upper is not None
    assert first.lower is not None
    assert float(first.upper) < float(first.y) < float(first.lower) < float(week.zero)


def test_a_feature_that_does_not_depend_on_the_day_has_no_diamond() -> None:
    week = weekdays((1.0,), (0.5,), (1.5,), found=False)
    assert [day.apart for day in week.days] == [False]


def test_a_box_lies_on_the_axis_of_its_feature() -> None:
    row = replace(
        changed().quantiles[0], q05=0.0, q25=25.0, q50=50.0, q75=60.0, q95=90.0
    )
    plot = box(row, Axis(0.0, 100.0))
    assert (plot.line, plot.band, plot.tick) == (("0", "90"), ("25", "35"), "50")
    empty = box(replace(row, q05=None, q25=None, q50=None), Axis(0.0, 100.0))
    assert (empty.line, empty.band, empty.tick, empty.missing) == (
        None,
        None,
        None,
        True,
    )


def test_large_fleets_are_cut_and_stay_small() -> None:
    html = render_html(over_nights(fleet(100_000)))
    assert len(html.encode()) <= 500_000
    text = words(parse(html).text)
    for said in (
        "50 of 400; all in report.json",
        "30 of 1,002; all in report.json",
        "Not moved: 50 of 1,998; all in report.json",
        "20 of 50; all in report.json",
        "50 of 5,000 rows; all in report.json",
    ):
        assert said in text


def test_the_page_over_nights_does_not_grow_with_the_number_of_agents() -> None:
    small, large = (
        len(render_html(over_nights(fleet(n))).encode()) for n in (1_000, 100_000)
    )
    assert large <= 1.2 * small


def test_a_hostile_name_is_text_over_nights_too() -> None:
    evil = '<script>alert("x")</script>'
    report = changed()
    found_map = report.correlation_map
    assert found_map is not None
    hostile = replace(
        report,
        changes_of_agents=tuple(
            replace(c, entity=evil, team=evil, kind=evil)
            for c in report.changes_of_agents
        ),
        drift=tuple(replace(d, group=evil) for d in report.drift),
        correlation_map=replace(
            found_map, names=(evil,) * 12, sites=(evil,) * 12, what=evil
        ),
        cliques=tuple(
            replace(c, members=(evil,), teams=(evil,)) for c in report.cliques
        ),
        quantiles=tuple(replace(q, group=evil) for q in report.quantiles),
    )
    html = render_html(hostile)
    assert "<script" not in html
    assert html.count("&lt;script&gt;alert(") > 50


def test_json_of_a_fleet_holds_every_row() -> None:
    import json

    content = json.loads(render_json(over_nights(fleet(1_000))))["report"]
    assert len(content["drift"]) == 3_000
    assert len(content["changes_of_agents"]) == 500
    assert len(content["quantiles"]) == 5 * (1 + 20 + 1_000)
    assert content["correlation_map"]["total"] == 1_000
    assert len(content["cliques"]) == 50
