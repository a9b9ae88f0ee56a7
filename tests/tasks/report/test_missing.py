"""What is missing, since when, and what it does: the words of the report."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from tasks.report.derived import derive
from tasks.report.headline import headline
from tasks.report.missing import lacking, missing_data
from tasks.report.night_report import NightReport
from tasks.report.render import render_html
from tests.page import words
from tests.special_nights import storm


def estimated(**changes: Any) -> NightReport:
    """The storm with EWR carried forward; `changes` are of its lead feature."""
    base = storm()
    silent = replace(base.sites[0], silent_nights=2, last_value=12.4)
    feature = base.lead_feature
    known = replace(
        feature,
        estimate=replace(feature.estimate, value=91.2, basis="estimated"),
        arrived=feature.estimate,
        **changes,
    )
    features = tuple(known if f is feature else f for f in base.features)
    return replace(base, features=features, sites=(silent, *base.sites[1:]))


def test_an_estimate_says_what_it_assumes() -> None:
    assert words(headline(estimated()).paragraph[1]) == (
        "EWR holds 36 % of flights, so this is an estimate for all sites, 95 % "
        "interval 76 to 94 min; it assumes that silent sites drift as in their "
        "history. The missing flights could change the verdict."
    )


def test_since_when_sites_are_silent_and_the_worst_case_first_when_degraded() -> None:
    worst = {"worst_lower": 11.0, "worst_upper": 573.0}
    report = estimated(**worst)
    since = "EWR is silent since 7 Mar, 2 nights; its last value was 12 min."
    bound = (
        "If EWR could hold any allowed value (−120 to 1,440): 11 to 573 min. So the "
        "missing rows could still change this verdict."
    )
    means = (
        "Estimate for all sites: 91 min (76 to 94); it assumes that silent sites "
        "drift as in their history. Arrived sites only: 85 min (76 to 94)."
    )
    unseen = "A jump at the missing site alone cannot be seen."
    degraded = derive(report)
    assert degraded.degraded
    said = words(missing_data(report, degraded))
    assert said == f"{since} {bound} {means} {unseen}"
    enough = replace(report, arrived_share=0.85)
    said = words(missing_data(enough, derive(enough)))
    assert said == f"{since} {means} {bound} {unseen}"
    short = estimated(**worst, flagged=True)
    assert words(missing_data(short, derive(short))).endswith(
        f"{unseen} For Arrival delay the history is too short to trust the interval."
    )
    every = replace(
        short, features=tuple(replace(f, flagged=True) for f in short.features)
    )
    assert words(missing_data(every, derive(every))).endswith(
        "The history is too short to trust the interval."
    )


def test_sites_without_a_known_value_are_told_apart() -> None:
    report = estimated()
    silent = report.sites[0]
    unknown = replace(silent, last_value=None)
    never = replace(silent, silent_nights=61, age_seconds=None)
    for site, expected in (
        (unknown, "EWR is silent since 7 Mar, 2 nights; nothing of it is known in"),
        (never, "EWR never delivered."),
    ):
        known = replace(report, sites=(site, *report.sites[1:]))
        assert words(missing_data(known, derive(known))).startswith(expected)


def test_what_arrived_comes_first_when_the_night_is_degraded() -> None:
    chips = [c.text for c in headline(estimated()).chips]
    assert words(chips[0]) == "Degraded: 64 % arrived"
    enough = replace(estimated(), arrived_share=0.85)
    chips = [c.text for c in headline(enough).chips]
    assert words(chips[-1]) == "Data incomplete: 85 % arrived"


def test_scores_and_statistics_of_rows_say_which_nights_their_window_lacks() -> None:
    base = estimated()
    lacks = dict(zip([s.site for s in base.sites], (2, 0, 1), strict=True))
    sites = tuple(replace(s, window_missing=lacks[s.site]) for s in base.sites)
    report = replace(base, sites=sites)
    nights = " and ".join(
        f"{site} {n} night{'s' if n > 1 else ''}" for site, n in lacks.items() if n
    )
    scores = f"The baseline is partial; it lacks {nights}."
    rows = f"For what arrived: the window lacks {nights}."
    about = {
        anchor: [each for each in (scores, rows) if each in words(part)]
        for anchor, part in re.findall(
            r'<section id="(\w+)"(.*?)</section>', render_html(report), re.S
        )
    }
    assert {a for a, said in about.items() if said == [scores]} == {"teams", "agents"}
    assert {a for a, said in about.items() if said == [rows]} >= {
        "together", "baselines",
    }  # fmt: skip
    many = tuple(replace(sites[0], site=f"s{k}", window_missing=1) for k in range(9))
    said = lacking(replace(report, sites=many))["nights"]
    assert words(said).endswith("s5 1 night and other sites (report.json)")
    assert lacking(base) == {"nights": "", "scores": "", "rows": ""}
