"""The benchmark of the online tree at small size: it measures what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.bench import online
from tests.bench.data import Population
from tests.bench.options import Options


def test_every_figure_is_measured(tmp_path: Path) -> None:
    options = Options(Population(), tmp_path, rounds=1, quick=True, quiet=True)
    section = online.measure(options)
    names = [figure.what for figure in section.figures]
    assert [name.split(",")[0] for name in names] == [
        "update in a batch of 1",
        "update by a call from Python",
        "update by a call from Python",
        "1",
        "1",
    ]
    assert all(figure.value > 0 for figure in section.figures)
    assert len(section.comparisons) + 2 * len(section.skipped) == 2


def test_rows_that_are_timed_are_taken_in_at_five_levels() -> None:
    for shape in online._SHAPES[:2]:
        updates = online.Updates(*shape, 500)
        assert updates.tree.depth == online.LEVELS
        before = updates.tree.get_global_behavioral_baseline().n
        assert before >= shape[0]
        updates.batch()
        updates.one_by_one(100)
        updates.calls(1)
        after = updates.tree.get_global_behavioral_baseline().n
        assert after == before + 500 + 100 + 2 * 500
    scores = updates.tree.score(updates.who, updates.values)
    assert np.isfinite(scores.d2).all()


def test_the_shape_of_a_million_has_five_levels() -> None:
    agents, branching, leaf = online._SHAPES[-1]
    assert leaf * branching ** (online.LEVELS - 1) == agents


def test_river_gives_the_same_covariance() -> None:
    pytest.importorskip("river", reason="river is not installed; `make peers`")
    updates = online.Updates(1_000, 4, 4, 200)
    fresh = online.HierarchicalStatisticalTree(feature_dimensions=online.FEATURES)
    fresh.add_agent("a")
    fresh.update(["a"] * 200, updates.values)
    ours = fresh.get_global_behavioral_baseline().covariance
    levels = online.river_levels(updates.values)()
    assert len(levels) == online.LEVELS
    for level in levels:
        theirs = [[level[f"f{i}", f"f{j}"].get() for i in range(10)] for j in range(10)]
        assert np.array(theirs) == pytest.approx(ours, rel=1e-10)
