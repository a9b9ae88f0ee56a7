"""The section about silent sites at small size."""

from __future__ import annotations

from pathlib import Path

from tests.bench.data import Population
from tests.bench.missing import measure
from tests.bench.options import Options
from tests.calibration.missing_populations import MISFITS, SCENARIOS


def test_every_scenario_is_measured_beside_simpler_intervals(tmp_path: Path) -> None:
    section = measure(Options(Population(), tmp_path, quick=True, quiet=True))
    found = {figure.what: figure for figure in section.figures}
    assert len(found) == len(section.figures)
    assert len(found) == 4 * len(SCENARIOS) + len(MISFITS) + 3
    with_goal = [figure for figure in section.figures if figure.goal is not None]
    assert len(with_goal) == 2 * len(SCENARIOS) + 1
    coverage = [figure for figure in with_goal if figure.unit == "%"]
    assert all(60 < figure.value <= 100 for figure in coverage)
    assert all("arrived only" in figure.note for figure in coverage)
    assert found["jump at silent sites"].value < 60
