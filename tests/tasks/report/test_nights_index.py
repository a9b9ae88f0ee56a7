"""The page of all nights: built from summaries alone, newest first."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from tasks.report.headline import summary_line
from tasks.report.nights_index import render_index
from tasks.report.render import LinkError
from tests.page import Element, parse, words
from tests.reports import NIGHT, calm, verdicts
from tests.special_nights import found, refused, storm

SPECIAL = {0: storm, 3: found, 5: refused}


def summaries(n: int) -> list[dict[str, Any]]:
    rows = []
    for k in range(n):
        night = (NIGHT - dt.timedelta(days=k)).isoformat()
        report = replace(SPECIAL.get(k, calm)(), night=night)
        rows.append(summary_line(report, page=f"{night}/report.html"))
    return rows


def body_rows(page: Element) -> list[Element]:
    return page.by_id("nights").all("tbody")[0].all("tr")


def test_the_verdict_counts_unusual_and_incomplete_nights() -> None:
    page = parse(render_index(summaries(30)))
    title = words(page.all("h1")[0].text)
    assert title == "1 of the last 17 nights was unusual; 2 incomplete."
    assert words(page.all("title")[0].text).startswith(title.rstrip("."))


def test_failed_runs_are_counted_and_marked() -> None:
    failed = summary_line(calm(verdicts=verdicts("failed")))
    page = parse(render_index([failed]))
    title = words(page.all("h1")[0].text)
    assert title == "The only night was usual; 1 run failed."
    assert "1 check failed" in words(body_rows(page)[0].text)


def test_rows_are_newest_first_and_say_what_the_night_said() -> None:
    page = parse(render_index(summaries(8)))
    rows = [words(r.text) for r in body_rows(page)]
    assert [r.split(" : ")[0] for r in rows] == [
        *("8 Mar", "7 Mar", "6 Mar", "5 Mar", "4 Mar", "3 Mar", "2 Mar", "1 Mar")
    ]
    storm_row = rows[0]
    assert storm_row.endswith("532 85 −9 to 33 64 % without EWR 18 of 18 0 of 414 1")
    assert "5 of 574" in rows[3]
    assert "none tested" in rows[5]


def test_the_newest_revision_is_shown_and_older_ones_are_linked() -> None:
    first = summary_line(storm(), page="r1.html")
    second = summary_line(replace(calm(), revision=2), page="r2.html")
    page = parse(render_index([first, second]))
    rows = body_rows(page)
    assert len(rows) == 1
    assert [a.attributes["href"] for a in rows[0].all("a")] == ["r2.html", "r1.html"]
    assert words(rows[0].text).endswith("0 of 574 2, 1")


def test_nights_beyond_sixty_are_listed_by_month() -> None:
    page = parse(render_index(summaries(75)))
    assert len(body_rows(page)) == 60
    older = [
        words(d.all("summary")[0].text) for d in page.by_id("older").all("details")
    ]
    assert older == [
        "January 2013: 7 nights, 0 unusual",
        "December 2012: 8 nights, 0 unusual",
    ]
    assert len(page.by_id("older").all("li")) == 15


def test_the_order_of_summaries_does_not_matter() -> None:
    rows = summaries(70)
    assert render_index(rows) == render_index(list(reversed(rows)))


def test_no_nights_is_a_page_that_says_so() -> None:
    page = parse(render_index([]))
    assert words(page.all("h1")[0].text) == "No night has been reported yet."
    assert page.all("table") == []


def test_names_are_escaped_and_pages_relative() -> None:
    line = summary_line(replace(calm(), dataset="<script>", agents_noun="<b>"))
    html = render_index([line])
    assert "<script>" not in html
    assert "<b>" not in html
    with pytest.raises(LinkError):
        render_index([line | {"page": "javascript:alert(1)"}])


def test_the_index_is_small() -> None:
    assert len(render_index(summaries(400)).encode()) <= 300_000
