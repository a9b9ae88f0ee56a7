"""Every number that a reader sees on the page is in the JSON beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tasks.report.night_report import NightReport
from tasks.report.render import render_html, render_json
from tests.over_nights import changed
from tests.page import parse, words
from tests.reports import calm
from tests.special_nights import found, refused, storm

PROSE = {"95", "80", "0.001"}
"""Levels named in fixed sentences: 95 % intervals, the limit of 80 %, p < 0.001."""

SCALES = {"%": 100.0, "h": 1 / 3600, "d": 1 / 86400}
TOKEN = re.compile(
    r"(?<![\w.#:-])(\d[\d,]*(?:\.\d+)?)(?![\w:]*[A-Za-z@])(?: ([%hd])(?!\w))?"
)


def numbers(value: Any) -> Iterator[float]:
    """All numbers of the JSON, those inside its texts too."""
    if isinstance(value, dict):
        for item in value.values():
            yield from numbers(item)
    elif isinstance(value, list):
        yield float(len(value))
        for item in value:
            yield from numbers(item)
    elif isinstance(value, str):
        for text in re.findall(r"\d+(?:\.\d+)?", value):
            yield float(text)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield abs(float(value))


def unknown(report: NightReport, html: str) -> list[str]:
    """Number tokens of the page that no number of the JSON rounds to."""
    known = sorted(set(numbers(json.loads(render_json(report)))))
    page = parse(html)
    main = page.all("main")[0]
    words_section = page.by_id("method")
    assert words_section.parent is not None
    words_section.parent.children.remove(words_section)
    histogram = {f"{k / 20:.2f}" for k in range(21)}
    missing = []
    for token, unit in TOKEN.findall(words(main.text)):
        if token in PROSE | histogram:
            continue
        text = token.replace(",", "")
        decimals = len(text.partition(".")[2])
        scale = SCALES.get(unit, 1.0)
        rounded = {f"{round(x * scale, decimals):.{decimals}f}" for x in known}
        if text.endswith("0") and not decimals:
            rounded |= {f"{round(x * scale, -1):.0f}" for x in known}
        if text not in rounded:
            missing.append(f"{token} {unit}".strip())
    return missing


@pytest.mark.parametrize("make", [calm, storm, found, refused, changed])
def test_every_number_on_the_page_is_in_the_json(make: Any) -> None:
    report = make()
    assert unknown(report, render_html(report)) == []


def test_a_number_that_is_not_in_the_json_is_noticed() -> None:
    report = storm()
    html = render_html(report).replace("<td>532</td>", "<td>7,777</td>", 1)
    assert unknown(report, html) == ["7,777"]
    half = render_html(report).replace("95\xa0% interval 76", "95\xa0% interval 76.4")
    assert "76.4" in unknown(report, half)
