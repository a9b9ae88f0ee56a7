"""The verdict rules: one case per rule, in the order in which they apply."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tasks.report.headline import headline, markdown_summary, summary_line
from tasks.report.night_report import NightReport
from tasks.report.rows import FeatureLabel
from tests.page import words
from tests.reports import calm, estimate, verdicts
from tests.special_nights import (
    found,
    refused,
    site_found,
    speed_outside,
    storm,
    teams_found,
    with_lead,
)

Make = Callable[[], NightReport]


def lead(value: float, half: float = 4.0, **more: object) -> NightReport:
    return with_lead(calm(), estimate(value, half, **more))  # type: ignore[arg-type]


def without_phrase() -> NightReport:
    base = lead(85.2)
    neutral = FeatureLabel("arr_delay", "Arrival delay", "min")
    return replace(
        base,
        features=tuple(
            replace(f, feature=neutral) if f.feature.name == base.lead else f
            for f in base.features
        ),
    )


def first_nights() -> NightReport:
    base = with_lead(calm(), estimate(5.31, 4.0, None))
    features_ = tuple(
        replace(f, estimate=estimate(f.estimate.value, 4.0, None))
        for f in base.features
    )
    return replace(base, features=features_, series=base.series[-7:])


def refused_partly() -> NightReport:
    return replace(refused(), arrived_share=0.3, missing_sites=("EWR", "LGA"))


def silent(*sites: str) -> NightReport:
    return replace(found(), missing_sites=sites, arrived_share=0.6)


TITLES: dict[str, tuple[Make, str]] = {
    "a: nothing arrived": (
        refused,
        "No answer for 8 March: nothing has arrived, limit 1 night and 36 h",
    ),
    "a: too much is missing": (
        refused_partly,
        "No answer for 8 March: EWR and LGA with 70 % missing, limit 1 night and 36 h",
    ),
    "b: lead far outside": (
        lambda: lead(85.2),
        "Flights arrived 85 min late on average, far outside the usual −9 to 33",
    ),
    "b: lead outside": (
        lambda: lead(41.0),
        "Flights arrived 41 min late on average, outside the usual −9 to 33",
    ),
    "b: lead below": (
        lambda: lead(-21.4),
        "Flights arrived 21 min early on average, outside the usual −9 to 33",
    ),
    "b: without a phrase": (
        without_phrase,
        "Arrival delay averaged 85 min, far outside the usual −9 to 33",
    ),
    "b before c": (
        lambda: with_lead(found(), estimate(85.2)),
        "Flights arrived 85 min late on average, far outside the usual −9 to 33",
    ),
    "c: agents": (
        found,
        "5 of 574 aircraft stand out from their teams on an otherwise usual night",
    ),
    "c: one agent": (
        lambda: found(1),
        "1 of 574 aircraft stands out from its team on an otherwise usual night",
    ),
    "c: not otherwise usual": (
        lambda: replace(found(), features=speed_outside().features),
        "5 of 574 aircraft stand out from their teams",
    ),
    "d: teams": (
        lambda: teams_found(3),
        "3 of 28 teams shifted on an otherwise usual night",
    ),
    "d: sites": (site_found, "EWR shifted as a whole"),
    "e: another feature": (
        speed_outside,
        "Speed averaged 414 mph, outside the usual 355 to 399",
    ),
    "f: within": (
        calm,
        "Flights arrived 5 min late on average, within the usual −9 to 33",
    ),
    "f: on the edge": (
        lambda: lead(35.0),
        "Flights arrived 35 min late on average, on the edge of the usual −9 to 33",
    ),
    "first nights": (
        first_nights,
        "Flights arrived 5 min late on average; no usual range yet, "
        "6 of 14 nights needed",
    ),
    "suffix: one site": (
        storm,
        "Flights arrived 85 min late on average, far outside the usual −9 to 33; "
        "EWR is missing",
    ),
    "suffix: two sites": (
        lambda: silent("EWR", "LGA"),
        "5 of 574 aircraft stand out from their teams on an otherwise usual night; "
        "EWR and LGA are missing",
    ),
    "suffix: many sites": (
        lambda: silent("A", "B", "C", "D"),
        "5 of 574 aircraft stand out from their teams on an otherwise usual night; "
        "4 sites are missing",
    ),
    "suffix: a check failed": (
        lambda: calm(verdicts=verdicts("passed", "failed", "error")),
        "Flights arrived 5 min late on average, within the usual −9 to 33; "
        "2 checks of this run failed",
    ),
}


@pytest.mark.parametrize("case", TITLES)
def test_the_title_follows_the_first_rule_that_matches(case: str) -> None:
    make, expected = TITLES[case]
    assert expected == words(headline(make()).title)


CHIPS: dict[str, tuple[Make, tuple[str | None, ...]]] = {
    "calm": (calm, (None, "Usual night", None, "Data complete")),
    "storm": (storm, (None, "Unusual night", None, "Degraded: 64 % arrived")),
    "agents": (found, (None, "Usual night", "5 aircraft to check", "Data complete")),
    "teams": (
        lambda: teams_found(1),
        (None, "Usual night", "1 team to check", "Data complete"),
    ),
    "agents and teams": (
        lambda: replace(found(), teams=teams_found(3).teams),
        (None, "Usual night", "5 aircraft and 3 teams to check", "Data complete"),
    ),
    "site": (site_found, (None, "Unusual night", None, "Data complete")),
    "feature": (speed_outside, (None, "Unusual night", None, "Data complete")),
    "refused": (refused, (None, None, None, "No answer")),
    "first": (first_nights, (None, "No usual range yet", None, "Data complete")),
    "failed": (
        lambda: calm(verdicts=verdicts("failed")),
        ("1 check failed", "Usual night", None, "Data complete"),
    ),
}


@pytest.mark.parametrize("case", CHIPS)
def test_behaviour_findings_data_and_checks_are_separate_chips(case: str) -> None:
    make, expected = CHIPS[case]
    head = headline(make())
    chips = (
        head.checks_chip,
        head.behaviour_chip,
        head.findings_chip,
        head.data_chip,
    )
    assert expected == tuple(words(c.text) if c else None for c in chips)


def test_every_tone_has_its_own_shape() -> None:
    reports = [make() for make, _ in CHIPS.values()]
    heads = [headline(r) for r in reports]
    chips = [
        c
        for h in heads
        for c in (h.checks_chip, h.behaviour_chip, h.findings_chip, h.data_chip)
        if c
    ]
    assert {("estimate", "dot"), ("finding", "diamond"), ("missing", "hatch")} == {
        (c.tone, c.shape) for c in chips
    }


def test_the_markdown_is_the_same_verdict_with_markup_made_harmless() -> None:
    report = replace(storm(), agents_noun="<script>alert(1)</script> [x](y)")
    text = markdown_summary(report)
    assert text.splitlines()[0] == "# " + headline(report).title
    assert "<script>" not in text
    assert "\\[x\\]" in text


def test_the_summary_line_carries_the_verdict_of_the_page() -> None:
    report = storm()
    line = summary_line(report, page="2013-03-08/report.html")
    assert line["title"] == headline(report).title
    assert (line["night"], line["revision"], line["page"]) == (
        "2013-03-08",
        1,
        "2013-03-08/report.html",
    )
    assert (line["unusual"], line["teams_found"], line["teams_tested"]) == (
        True,
        18,
        18,
    )
    assert line["missing_sites"] == ["EWR"]
