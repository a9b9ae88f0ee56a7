"""The section about transfers at small size."""

from __future__ import annotations

from pathlib import Path

from tests.bench.data import Population
from tests.bench.options import Options
from tests.bench.transfer import measure


def test_every_rule_is_measured_on_both_means_and_drifts(tmp_path: Path) -> None:
    section = measure(Options(Population(), tmp_path, quick=True, quiet=True))
    found = {figure.what: figure.value for figure in section.figures}
    assert len(found) == len(section.figures) == 2 * 2 * 7
    first = [value for what, value in found.items() if what.startswith("FIFO")]
    assert first == [1.0] * 4
    assert all(0 < value < 3 for value in found.values())
    assert sum(figure.goal is not None for figure in section.figures) == 4
