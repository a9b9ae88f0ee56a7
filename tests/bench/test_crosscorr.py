"""The section on cross-correlation: that everybody answers the same question."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from stats.top_pairs import top_correlated_pairs
from tests.bench import crosscorr
from tests.bench.data import Population
from tests.bench.options import Options


def test_brute_force_and_sums_agree() -> None:
    x = crosscorr.series(700)
    r = np.corrcoef(x.astype(np.float64))
    expected = r[np.triu_indices(700, 1)].mean()
    assert crosscorr.from_sums(x) == pytest.approx(expected, abs=1e-12)
    assert crosscorr.brute_force(x) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("k", [10, 400])
def test_faiss_finds_the_same_pairs(k: int) -> None:
    if importlib.util.find_spec("faiss") is None:
        pytest.skip("faiss is not installed; `make bench` installs it")
    x = crosscorr.series(900)
    ours = top_correlated_pairs(x, k)
    for name, call in crosscorr.with_faiss(x, k, 1).items():
        theirs = call()
        np.testing.assert_allclose(theirs.r, ours.r, atol=1e-6, err_msg=name)
        same = set(zip(theirs.i, theirs.j, strict=True))
        assert len(same & set(zip(ours.i, ours.j, strict=True))) >= 0.99 * k, name


def test_the_section_runs_at_small_size(tmp_path: Path) -> None:
    options = Options(
        Population(agents=100, chunk=50), tmp_path, rounds=1, quick=True, quiet=True
    )
    section = crosscorr.measure(options)
    names = " ".join(figure.what for figure in section.figures)
    assert all(word in names for word in ("float32", "exponent", "peak memory"))
    assert {c.ours for c in section.comparisons} >= {"sums"}
    peak = next(f for f in section.figures if "peak memory" in f.what)
    assert 10 < peak.value < 1_000
