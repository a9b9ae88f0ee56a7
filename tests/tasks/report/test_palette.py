"""The table of colours: every pair that meets on a page can be told apart."""

from __future__ import annotations

import pytest

from tasks.report.palette import ROLES, css_variables


def luminance(colour: str) -> float:
    channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_black_on_white_is_twenty_one() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("front", "back", "least"),
    [
        ("ink", "page", 4.5),
        ("ink", "card", 4.5),
        ("muted", "page", 4.5),
        ("muted", "card", 4.5),
        ("muted", "usual", 4.5),
        ("ink", "missing-tint", 4.5),
        ("ink", "finding-tint", 4.5),
        ("ink", "estimate-tint", 4.5),
        ("estimate", "page", 4.5),
        ("estimate", "card", 4.5),
        ("estimate", "usual", 3.0),
        ("finding", "card", 4.5),
        ("finding", "finding-tint", 4.5),
        ("finding", "usual", 3.0),
        ("missing", "card", 4.5),
        ("missing", "missing-tint", 3.0),
        ("usual-edge", "card", 3.0),
    ],
)
def test_every_pair_of_roles_has_its_contrast(
    theme: str, front: str, back: str, least: float
) -> None:
    pair = (getattr(ROLES[front], theme), getattr(ROLES[back], theme))
    assert contrast(*pair) >= least


def test_both_themes_declare_every_role() -> None:
    for theme in ("light", "dark"):
        declared = [d.split(":")[0] for d in css_variables(theme).split(";")]
        assert declared == [f"--{name}" for name in ROLES]
