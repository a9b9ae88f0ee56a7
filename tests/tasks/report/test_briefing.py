"""The paragraph and the to-do list: what moved, what is missing, what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tasks.report.derived import derive
from tasks.report.headline import headline
from tasks.report.night_report import NightReport
from tasks.report.rows import SectionError
from tests.page import words
from tests.reports import SITES, TEAMS, calm, estimate, features, verdicts
from tests.special_nights import found, refused, storm, teams_found, with_lead

Make = Callable[[], NightReport]


def test_storm_names_common_cause_and_at_most_two_other_features() -> None:
    main = words(headline(storm()).paragraph[0])
    assert main == (
        "All 18 teams tested shifted the same way: a common cause, not single "
        "aircraft. None of 414 aircraft stands out from its team. Also outside the "
        "usual range: departure delay 88 min (usual 2 to 33) and speed 414 mph "
        "(usual 355 to 399)."
    )


def test_a_third_feature_outside_is_counted_not_listed() -> None:
    base = replace(storm(), features=features((88.0, 85.2, 300.0, 9000.0, 414.0)))
    assert "time in the air" in headline(base).paragraph[0]
    assert words(headline(base).paragraph[0]).endswith(", and 2 more.")


@pytest.mark.parametrize(
    ("shifted", "common"), [(22, False), (23, True), (28, True), (0, False)]
)
def test_a_common_cause_needs_four_fifths_of_teams_the_same_way(
    shifted: int, common: bool
) -> None:
    base = teams_found(shifted)
    high = tuple(
        replace(t, estimate=replace(t.estimate, value=90.0, usual_median=0.0))
        for t in base.teams
    )
    assert len(TEAMS) == 28
    assert common == derive(replace(base, teams=high)).common_cause


def test_teams_that_shift_apart_have_no_common_cause() -> None:
    base = teams_found(28)
    apart = tuple(
        replace(t, estimate=replace(t.estimate, value=90.0 * (-1) ** k, usual_median=0))
        for k, t in enumerate(base.teams)
    )
    derived = derive(replace(base, teams=apart))
    assert (
        derived.teams_up,
        derived.teams_down,
        derived.common_cause,
    ) == (14, 14, False)


def test_missing_data_says_arrived_only_and_whether_the_verdict_is_open() -> None:
    assert words(headline(storm()).paragraph[1]) == (
        "EWR holds 36 % of flights, so this is the mean of the arrived sites only, "
        "95 % interval 76 to 94 min. The missing flights could change the verdict."
    )


def bounds(lower: float | None, upper: float | None) -> NightReport:
    base = storm()
    return replace(
        base,
        features=tuple(
            replace(f, worst_lower=lower, worst_upper=upper)
            if f.feature.name == base.lead
            else f
            for f in base.features
        ),
    )


@pytest.mark.parametrize(
    ("lower", "upper", "is_open"),
    [
        (34.0, 573.0, False),
        (33.0, 573.0, True),
        (-500.0, -10.0, False),
        (None, None, True),
    ],
)
def test_the_verdict_is_open_if_the_worst_case_meets_the_usual_range(
    lower: float | None, upper: float | None, is_open: bool
) -> None:
    assert is_open == derive(bounds(lower, upper)).verdict_open


def test_a_usual_night_with_a_silent_site_is_open_if_bounds_leave_the_range() -> None:
    partial = estimate(5.0, basis="arrived only")
    inside, beyond = (
        replace(r, features=with_lead(r, partial).features)
        for r in (bounds(-8.0, 32.0), bounds(-8.0, 34.0))
    )
    assert (
        derive(inside).verdict_open,
        derive(beyond).verdict_open,
    ) == (False, True)


@pytest.mark.parametrize(("now", "word"), [(85.9, "inside"), (96.0, "outside")])
def test_a_reissue_compares_the_complete_value_with_the_estimate(
    now: float, word: str
) -> None:
    before = estimate(85.2, 9.0, basis="arrived only")
    base = replace(with_lead(calm(), estimate(now, 3.0)), revision=2)
    text = words(headline(replace(base, previous_revision=before)).paragraph[-1])
    assert text == (
        f"Revision 1 estimated 85 (76 to 94) from the sites that had arrived. The "
        f"complete value, {now:.0f} min, is {word} that interval."
    )


TODO: dict[str, tuple[Make, list[str]]] = {
    "nothing found": (calm, ["No aircraft needs investigating."]),
    "storm": (
        storm,
        [
            "Ask EWR for 2 missing nights: newest data is 55 h old, limit 36 h.",
            "No aircraft needs investigating.",
            "Read the list of aircraft with care: the reference fits this night "
            "badly (p < 0.001).",
            "Pass on 1 change: JFK, 5 March.",
        ],
    ),
    "found, one beyond all past nights": (
        found,
        [
            "Investigate 5 aircraft, first N14228 (AA@JFK).",
            "Take p of 1 aircraft as a bound: further out than every past night.",
        ],
    ),
    "checks failed first": (
        lambda: calm(verdicts=verdicts("passed", "not run", "failed")),
        [
            "Do not pass these numbers on: 1 check of this run failed.",
            "Find out why 1 check could not run.",
            "No aircraft needs investigating.",
        ],
    ),
    "a section failed": (
        lambda: calm(errors=(SectionError("teams", "not_enough_data", "no"),)),
        [
            "Repair section “teams”: not_enough_data.",
            "No aircraft needs investigating.",
        ],
    ),
    "nothing arrived": (
        refused,
        [
            f"Ask {s} for 3 missing nights: newest data is 55 h old, limit 36 h."
            for s in SITES
        ],
    ),
}


@pytest.mark.parametrize("case", TODO)
def test_the_to_do_list_is_imperative_and_in_order_of_urgency(case: str) -> None:
    make, expected = TODO[case]
    assert expected == [words(item.text) for item in headline(make()).todo]


def test_everything_found_points_to_a_common_cause_and_keeps_the_list() -> None:
    base = replace(found(8), teams=storm().teams)
    summary = replace(base.agent_summary, tested=8, found=8)
    report = replace(base, agent_summary=summary)
    assert (
        "everything does, which again points to a common cause"
        in (headline(report).paragraph[0])
    )
    assert "Investigate 8 aircraft" in words(headline(report).todo[0].text)
