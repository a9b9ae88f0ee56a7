"""Each part of the rule is needed: without it a cell of the coverage study fails."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from stats import missing_data, missing_variance
from tests.calibration import missing_study as study
from tests.calibration.missing_populations import Cell


def short_by(cell: Cell, repetitions: int) -> float:
    return study.run(cell, np.random.default_rng(7), repetitions).short_by


def no_drift(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        missing_data, "common_change", lambda _, now, before: 0 * (now - before)[0]
    )


def no_block(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        missing_variance.VarianceParts, "total",
        property(lambda parts: parts.pool + parts.noise),
    )  # fmt: skip


def no_covariance(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(missing_variance, "repeated_noise", lambda _: 1.0)


@pytest.mark.parametrize(
    ("mutant", "cell", "repetitions"),
    [
        (no_drift, Cell("common walk", 8, 7, 0.6), 500),
        (no_block, Cell("regions silent", 40, 7, 0.6), 500),
        (no_covariance, Cell("stationary", 40, 1, 0.6, agents=5), 3_000),
    ],
)
def test_coverage_falls_without(
    mutant: Callable[[pytest.MonkeyPatch], None],
    cell: Cell,
    repetitions: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert short_by(cell, repetitions) < 2.0
    mutant(monkeypatch)
    assert short_by(cell, repetitions) > 2.0
