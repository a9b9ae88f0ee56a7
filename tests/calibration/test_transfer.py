"""Both means are less wrong when a backlog is sent by value than in another order."""

from __future__ import annotations

import pytest

from tests.calibration.transfer_study import RULES, relative, study

pytestmark = pytest.mark.slow


def test_by_value_halves_both_errors_of_first_in_first_out() -> None:
    found = relative(study(200, "walk"))
    assert set(found) == set(RULES)
    current, window = found["value, both"]
    assert current <= 0.5
    assert window <= 0.5
    # Each objective is at its best on its own mean, and no rule beats it there.
    assert min(found, key=lambda rule: found[rule][0]) == "value, current"
    assert min(found, key=lambda rule: found[rule][1]) == "value, window"


def test_another_drift_than_the_model_s_costs_little() -> None:
    found = relative(study(200, "misspecified"))
    current, window = found["value, both"]
    assert current <= 0.5
    assert window <= 0.5
    assert found["LIFO"][0] < found["random"][0] < 1.0
