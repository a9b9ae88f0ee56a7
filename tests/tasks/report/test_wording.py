"""Numbers, dates and plurals: one table per rule."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest

from tasks.report import figures, wording
from tasks.report.wording import (
    age,
    clock,
    count,
    day_with_year,
    decimals_for,
    join_words,
    number,
    p_phrase,
    percent,
    plural,
    probability,
    quantity,
    short_day,
    span,
)


@pytest.mark.parametrize("module", [wording, figures])
def test_the_examples_in_the_docstrings_hold(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert (result.failed, result.attempted > 0) == (0, True)


@pytest.mark.parametrize(
    ("half_width", "decimals"),
    [
        (1380.0, -2),
        (138.0, -1),
        (77.0, 0),
        (9.0, 0),
        (0.45, 1),
        (0.03, 2),
        (0.0, 0),
        (None, 0),
        (float("nan"), 0),
    ],
)
def test_decimals_leave_one_or_two_digits_of_the_half_width(
    half_width: float | None, decimals: int
) -> None:
    assert decimals == decimals_for(half_width)


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (85.23, 0, "85"),
        (-9.4, 0, "−9"),
        (-0.4, 0, "0"),
        (1064.0, 0, "1,064"),
        (1064.0, -1, "1,060"),
        (5.25, 1, "5.2"),
        (None, 0, "–"),
        (float("inf"), 0, "–"),
    ],
)
def test_numbers_have_a_true_minus_and_thousands(
    value: float | None, decimals: int, text: str
) -> None:
    assert text == number(value, decimals)


def test_units_and_ranges_never_break() -> None:
    assert quantity(85.2, "min") == "85\N{NO-BREAK SPACE}min"
    assert quantity(None, "min") == "–"
    assert span(-9.0, 33.0) == "−9\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}33"
    assert span(None, 33.0) == "–"


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (0.004, "under 1 %"),
        (0.641, "64 %"),
        (0.997, "over 99 %"),
        (1.0, "100 %"),
    ],
)
def test_an_almost_whole_share_is_never_all_or_nothing(share: float, text: str) -> None:
    assert text == percent(share).replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.00512, "0.0051"),
        (0.0496, "0.050"),
        (0.2, "0.20"),
        (1.0, "1.00"),
        (1e-9, "< 0.001"),
        (None, "–"),
    ],
)
def test_p_values_have_two_digits(p: float | None, text: str) -> None:
    assert text == probability(p).replace("\N{NO-BREAK SPACE}", " ")


def test_p_reads_as_a_phrase() -> None:
    said = [p_phrase(p).replace("\N{NO-BREAK SPACE}", " ") for p in (0.0051, 1e-9)]
    assert said == ["p = 0.0051", "p < 0.001"]


def test_counts_agree_with_their_noun() -> None:
    said = [count(1, "flight"), count(2, "flight"), count(1200, "agent", "agents")]
    assert [s.replace("\N{NO-BREAK SPACE}", " ") for s in said] == [
        "1 flight",
        "2 flights",
        "1,200 agents",
    ]
    assert [plural(n) for n in ("team", "box", "city", "day")] == [
        "teams",
        "boxes",
        "cities",
        "days",
    ]


def test_lists_read_as_sentences() -> None:
    assert [join_words(w) for w in ([], ["A"], ["A", "B"], ["A", "B", "C"])] == [
        "",
        "A",
        "A and B",
        "A, B and C",
    ]


def test_dates_are_never_numbers_alone() -> None:
    said = (
        day_with_year("2013-03-08"),
        short_day("2013-03-08"),
        clock("2013-03-09T07:00:00+00:00"),
        clock("2013-03-09T07:00:00-05:00"),
    )
    assert tuple(s.replace("\N{NO-BREAK SPACE}", " ") for s in said) == (
        "Fri 8 March 2013",
        "8 Mar",
        "9 March 2013 07:00 UTC",
        "9 March 2013 07:00 UTC-05:00",
    )


def test_ages_change_to_days_when_hours_stop_helping() -> None:
    said = [age(s) for s in (7 * 3600.0, 99 * 3600.0, 9 * 86400.0, None)]
    assert [s.replace("\N{NO-BREAK SPACE}", " ") for s in said] == [
        "7 h",
        "99 h",
        "9 d",
        "never",
    ]
