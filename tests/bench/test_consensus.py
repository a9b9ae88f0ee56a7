"""The section on the consensus at small size: both modes, over the same rows."""

from pathlib import Path

from tests.bench import consensus
from tests.bench.data import Population
from tests.bench.options import Options


def test_the_quick_path_measures_both_modes(tmp_path: Path) -> None:
    options = Options(Population(), tmp_path, rounds=1, quick=True, quiet=True)
    section = consensus.measure(options)
    assert [c.units for c in section.comparisons] == [20_000, 20_000]
    assert all(figure.value > 0 for figure in section.figures)
