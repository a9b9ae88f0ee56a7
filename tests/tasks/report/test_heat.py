"""The heat map: which groups are shown, in which order and colour, what is hatched."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from itertools import pairwise

import pytest

from tasks.report.heat import by_site_and_likeness, heat, heat_class, strongest
from tasks.report.palette import HEAT_STEPS, ROLES
from tasks.report.render import render_html
from tasks.report.together import correlation_map as shown_map
from tests.colours import contrast
from tests.over_nights import changed, correlation_map, over_nights
from tests.page import Element, parse, words
from tests.special_nights import fleet


@pytest.mark.parametrize(
    ("r", "expected"),
    [
        (0.0, "z"),
        (0.0999, "z"),
        (-0.0999, "z"),
        (0.1, "p1"),
        (0.2999, "p1"),
        (0.3, "p2"),
        (-0.3, "n2"),
        (0.5, "p3"),
        (-0.7, "n4"),
        (0.9, "p5"),
        (1.0, "p5"),
        (-1.0, "n5"),
        (None, "none"),
        (float("nan"), "none"),
    ],
)
def test_colours_change_at_tenths_and_are_symmetric(
    r: float | None, expected: str
) -> None:
    assert heat_class(r) == expected


def test_the_strongest_are_those_with_one_high_correlation_of_either_sign() -> None:
    r = [
        [0.99, 0.1, 0.0, -0.8],
        [0.1, 0.99, 0.3, 0.0],
        [0.0, 0.3, 0.99, None],
        [-0.8, 0.0, None, 0.99],
    ]
    assert strongest(r, 2) == [0, 3]
    assert strongest(r, 3) == [0, 1, 3]
    assert strongest(r, 9) == [0, 1, 2, 3]


def test_sites_stay_together_and_neighbours_are_alike() -> None:
    names = ["a", "b", "c", "d"]
    sites = ["x", "y", "x", "x"]
    r = [
        [1.0, 0.0, 0.1, 0.9],
        [0.0, 1.0, 0.0, 0.0],
        [0.1, 0.0, 1.0, 0.7],
        [0.9, 0.0, 0.7, 1.0],
    ]
    order = [names[k] for k in by_site_and_likeness(names, sites, r)]
    assert order == ["d", "a", "c", "b"]


def test_the_order_does_not_depend_on_the_order_given() -> None:
    rng = random.Random(4)
    found = correlation_map(tuple(f"g{k:02d}" for k in range(20)), rng)
    expected = [found.names[k] for k in order_of(found.names, found.sites, found.r)]
    places = list(range(20))
    rng.shuffle(places)
    names = [found.names[k] for k in places]
    r = [[found.r[a][b] for b in places] for a in places]
    mixed = order_of(names, [found.sites[k] for k in places], r)
    assert [names[k] for k in mixed] == expected


def order_of(names, sites, r):
    return by_site_and_likeness(names, sites, r)


def test_every_cell_is_drawn_once_in_its_colour() -> None:
    found = correlation_map(tuple(f"g{k:02d}" for k in range(25)), random.Random(6))
    drawn = heat(found.r, found.sites)
    painted = {}
    for name, path in drawn.paths:
        for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1", path):
            for k in range(int(width)):
                cell = (int(y), int(x) + k)
                assert cell not in painted
                painted[cell] = name
    expected = {
        (a, b): heat_class(value)
        for a, row in enumerate(found.r)
        for b, value in enumerate(row)
    }
    hatched = {cell for cell, name in expected.items() if name == "none"}
    assert len(hatched) == 2
    assert painted == {c: n for c, n in expected.items() if c not in hatched}
    assert [y // drawn.row_height for _, _, y in drawn.missing] == sorted(
        a for a, _ in hatched
    )


def test_borders_lie_between_sites() -> None:
    r = [[0.0] * 4 for _ in range(4)]
    assert heat(r, ["x", "x", "y", "y"]).borders == (("50", 36),)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_numbers_are_readable_on_every_colour(theme: str) -> None:
    for side in "pn":
        for step in range(1, HEAT_STEPS + 1):
            text = "ink" if step < HEAT_STEPS - 1 else "card"
            pair = (ROLES[text], ROLES[f"heat-{side}{step}"])
            assert contrast(*(getattr(role, theme) for role in pair)) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_steps_differ_from_their_neighbours(theme: str) -> None:
    for side in "pn":
        names = ["card", *(f"heat-{side}{k}" for k in range(1, HEAT_STEPS + 1))]
        colours = [getattr(ROLES[name], theme) for name in names]
        for a, b in pairwise(colours):
            assert contrast(a, b) >= 1.15


def together(html: str) -> Element:
    return parse(html).by_id("together")


def test_a_small_map_prints_its_numbers() -> None:
    report = changed()
    (table,) = [
        t
        for t in together(render_html(report)).all("table")
        if "heat" in t.attributes.get("class", "")
    ]
    rows = table.all("tbody")[0].all("tr")
    found = report.correlation_map
    assert found is not None
    printed = sorted(words(td.text) for r in rows for td in r.all("td")[1:])
    expected = sorted(
        "–" if x is None else f"{abs(x):.2f}" if x > -0.005 else f"−{-x:.2f}"
        for row in found.r
        for x in row
    )
    assert printed == expected
    assert len(rows) == 12


def test_a_large_map_is_cut_and_every_number_is_in_its_table() -> None:
    report = over_nights(fleet(1_000))
    section = together(render_html(report))
    assert "30 of 1,000 teams: those with the strongest single" in words(section.text)
    images = [s for s in section.all("svg") if s.attributes.get("role") == "img"]
    assert len(images) == 1
    (table,) = [
        t for t in section.all("table") if "heat" in t.attributes.get("class", "")
    ]
    assert [len(r.all("td")) for r in table.all("tbody")[0].all("tr")] == [31] * 30


def test_few_groups_are_named_in_the_head_many_are_numbered() -> None:
    report = changed()
    found = report.correlation_map
    assert found is not None
    few = replace(
        found,
        names=found.names[:4],
        sites=found.sites[:4],
        n=found.n[:4],
        r=tuple(row[:4] for row in found.r[:4]),
    )
    named = shown_map(replace(report, correlation_map=few))
    assert named is not None
    assert named["named"]
    many = shown_map(report)
    assert many is not None
    assert (many["named"], many["small"]) == (False, True)


def test_without_a_map_there_is_no_map() -> None:
    report = replace(changed(), correlation_map=None)
    assert shown_map(report) is None
    assert "Correlation of teams" not in words(together(render_html(report)).text)
