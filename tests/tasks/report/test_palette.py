"""The table of colours: every pair that meets on a page can be told apart."""

from __future__ import annotations

import pytest

from tasks.report.palette import ROLES, css_variables
from tests.colours import contrast


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
