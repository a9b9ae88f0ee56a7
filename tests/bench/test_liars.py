"""The section on lying sources at small size: it counts what it says it counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import liars
from tests.bench.data import Population
from tests.bench.options import Options


def test_the_quick_path_reports_every_layout_and_rule(tmp_path: Path) -> None:
    options = Options(Population(), tmp_path, rounds=1, quick=True, quiet=True)
    section = liars.measure(options)
    values = {figure.what: figure.value for figure in section.figures}
    assert values["certified decisions that are wrong"] == 0
    assert values["trimmed means outside the honest range"] == 0
    decided = [what for what in values if what.startswith("decided: ")]
    assert len(decided) == 2 * 2 * 3
    assert values["decided: homogeneous, n = 13, f = 4, 4 hypotheses"] >= 90
    assert values["wrong: certified, 5 of 9 informative"] == 0
    assert values["wrong: mean, 5 of 9 informative"] == pytest.approx(100)
    assert values["wrong: Krum, 5 of 9 informative"] > 50
    goals = [figure for figure in section.figures if figure.goal is not None]
    assert len(goals) == 2 + 2 + 1
    assert all(figure.goal.holds(figure.value) for figure in goals if figure.goal)
