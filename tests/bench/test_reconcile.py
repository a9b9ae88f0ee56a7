"""The section about late shards at small size."""

from __future__ import annotations

from pathlib import Path

from tests.bench.data import Population
from tests.bench.options import Options
from tests.bench.reconcile import measure


def test_a_late_shard_costs_three_merges_at_any_size(tmp_path: Path) -> None:
    section = measure(Options(Population(), tmp_path, quick=True, quiet=True))
    merges, *shares = section.figures
    assert merges.what == "merges for one late shard; 28 from nothing"
    assert (merges.value, merges.goal is not None) == (3, True)
    assert len(shares) == 4
    assert all(figure.value > 0 for figure in shares)
