"""The section on evidence at small size: equal sums, and errors that are what is said.

Rivals that are not installed are left out.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.bench import evidence
from tests.bench.data import Population
from tests.bench.evidence_precision import WAYS, mixed, rational
from tests.bench.evidence_rivals import float_sums, table_rivals
from tests.bench.evidence_store import EvidenceFiles
from tests.bench.options import Options


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> EvidenceFiles:
    folder = tmp_path_factory.mktemp("evidence")
    return EvidenceFiles(folder, rows=5_000, agents=300, sources=2)


def test_the_store_and_its_rivals_have_the_same_rows(files: EvidenceFiles) -> None:
    found = files.sums(2)
    assert int(found.n.sum()) == 10_000
    both = [files.columns(number) for number in range(2)]
    ratio, weight, agent = (
        np.concatenate([columns[name] for columns in both])
        for name in ("log_ratio", "confidence", "agent")
    )
    expected = float_sums(ratio, np.rint(weight * 65536) / 65536, agent, 300)
    np.testing.assert_allclose(found.log_ratio()[:, 0], expected, atol=1e-12)
    assert found.digest() == files.sums(1).digest()
    rivals, skipped = table_rivals(files.parquet(), 1)
    assert len(rivals) + len(skipped) == 2
    for sums in rivals.values():
        np.testing.assert_allclose(
            sums(), float_sums(ratio, weight, agent, 300), atol=1e-12
        )


def test_the_truth_of_the_errors_is_rational() -> None:
    values = mixed(60)
    assert rational(values) == sum(map(Fraction, values.tolist()))
    assert rational(np.array([5e-324, -(2.0**999), 0.0])) == Fraction(5e-324) - 2**999
    assert (values == 1e16).sum() == (values == -1e16).sum() == 10
    errors = {w: abs(Fraction(f(values)) - rational(values)) for w, f in WAYS.items()}
    assert min(errors.values()) == errors["exact sums"] < 1e-15
    assert errors["Kahan"] > 0.1


@pytest.mark.slow
def test_the_quick_path_measures_everything(tmp_path: Path) -> None:
    options = Options(Population(), tmp_path, rounds=1, quick=True, quiet=True)
    section = evidence.measure(options)
    assert len(section.comparisons) + len(section.skipped) == 3
    whole = [f for f in section.figures if f.what.startswith("peak memory")]
    assert [f.what for f in whole] == ["peak memory, 50,000 rows"]
    assert 50 < whole[0].value < 2_000
    errors = [f for f in section.figures if f.what.endswith("exact sums")]
    assert len(errors) == 2
    assert all(f.goal is not None and f.goal.holds(f.value) for f in errors)
