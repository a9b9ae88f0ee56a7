"""The section on agents that stand out, at small size: that it counts right."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from tests.bench import anomalies, anomaly_rivals


def test_precision_does_not_depend_on_the_order_of_ties() -> None:
    truth = np.array([True, False, True, False])
    assert anomalies.precision(np.array([4.0, 3.0, 2.0, 1.0]), truth) == (
        pytest.approx((1 + 2 / 3) / 2),
        0.5,
    )
    for order in ([0, 1, 2, 3], [1, 3, 0, 2]):
        average, _ = anomalies.precision(np.zeros(4), truth[order])
        assert average == pytest.approx(0.5)


@pytest.fixture(scope="module")
def silent() -> tuple[anomaly_rivals.Case, np.ndarray]:
    return anomalies.population("silence", 1_200)


def test_ours_finds_what_is_injected(silent) -> None:
    case, truth = silent
    score, changes = anomaly_rivals.ours(case)
    assert truth.any()
    assert anomalies.precision(score, truth > 0)[0] > 0.8
    figures = list(anomalies._decisions("silence", changes, truth, 1_200))
    assert [f.what.split(":")[0] for f in figures] == ["silence", "silence"]
    assert figures[1].value == changes.found[truth > 0].mean()


@pytest.mark.parametrize("name", ["diagonal z, largest", "PyOD IForest", "PyOD ECOD"])
def test_others_are_given_rows_without_gaps(silent, name) -> None:
    if name.startswith("PyOD") and importlib.util.find_spec("pyod") is None:
        pytest.skip("pyod is not installed; `make bench` installs it")
    case, truth = silent
    train = anomaly_rivals.representations(case, case.plan.nulls[0])
    rows = anomaly_rivals.representations(case, case.plan.at)
    for what, values in rows.items():
        assert np.isfinite(values).all()
        scores = anomaly_rivals.detectors()[name](train[what], values)
        assert scores.shape == truth.shape
        assert np.isfinite(scores).all()
