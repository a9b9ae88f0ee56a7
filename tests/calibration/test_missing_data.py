"""Intervals while sites are silent hold the truth as often as they say, cell by cell.

A cell fails below .95 less two standard errors of its 2,000 repetitions.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.calibration import missing_study as study

pytestmark = pytest.mark.slow

REPETITIONS = 2_000
TOLERANCE = 2 * np.sqrt(0.95 * 0.05 / REPETITIONS)
SEED = 20261126


def found(cells: list[study.Cell], repetitions: int = REPETITIONS) -> list[study.Found]:
    return [
        study.run(cell, np.random.default_rng([SEED, number]), repetitions)
        for number, cell in enumerate(cells)
    ]


@pytest.mark.parametrize("scenario", study.SCENARIOS)
def test_every_cell_covers_and_the_centre_is_right(scenario: str) -> None:
    results = found(study.cells([scenario]))
    assert len(results) == 45
    short = [r for r in results if r.coverage < 0.95 - TOLERANCE]
    assert short == []
    # 45 cells: Bonferroni at one in a hundred.
    assert max(abs(r.bias) / r.bias_error for r in results) < 3.9
    assert min(r.worst_coverage for r in results) >= 0.95
    if scenario == "stationary":
        assert max(r.ratio for r in results) <= 5.0
        assert max(r.coverage for r in results if r.cell.age <= 7) <= 0.99


@pytest.mark.parametrize("scenario", study.SCENARIOS)
def test_every_cell_covers_when_sites_went_silent_at_different_times(
    scenario: str,
) -> None:
    results = found(study.unequal_cells([scenario]))
    assert len(results) == 20
    assert [r for r in results if r.coverage < 0.95 - TOLERANCE] == []


@pytest.mark.parametrize("scenario", study.MISFITS)
def test_the_worst_case_covers_whatever_the_silent_sites_did(scenario: str) -> None:
    results = found(study.cells([scenario], ages_=(1, 7, 14)), 500)
    assert min(r.worst_coverage for r in results) >= 0.95


def test_a_jump_at_the_silent_sites_alone_is_not_seen() -> None:
    (result,) = found([study.Cell("jump at silent sites", 40, 1, 0.6)])
    assert result.coverage < 0.1
    assert result.worst_coverage == 1.0


def test_wider_with_age_and_with_missing_mass() -> None:
    cells = study.cells(["stationary"], sites=[40])
    width = {(r.cell.age, r.cell.silent): r.width for r in found(cells, 500)}
    for age in study.AGES:
        by_mass = [width[age, share] for share in study.SILENT]
        assert by_mass == sorted(by_mass)
    for share in study.SILENT:
        by_age = [width[age, share] for age in study.AGES]
        assert by_age == sorted(by_age)
