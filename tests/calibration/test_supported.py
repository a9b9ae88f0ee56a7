"""The weaker status: never seen wrong where what was declared is true, else it is."""

from __future__ import annotations

import numpy as np
import pytest

from stats.byzantine import decide
from tests.attacks import ATTACKS, TRUTH, attacked_runs
from tests.calibration.rules_study import LAYOUTS, RUNS, F

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("layout", "wrong", "open_"),
    [(LAYOUTS[0], (0, 0), (0, 3)), (LAYOUTS[2], (8, 20), (0, 100))],
    ids=lambda given: getattr(given, "name", None),
)
def test_shares_of_wrong_and_open_decisions(layout, wrong, open_) -> None:
    """Per cent under the worst attack, at least and at most."""
    rng = np.random.default_rng(5)
    shares = []
    for name in ATTACKS:
        (sent,) = attacked_runs(layout, name, RUNS, rng)
        found = decide(sent, F, informative=2 * F + 1)
        decided = found.hypothesis >= 0
        shares.append(
            [(decided & (found.hypothesis != TRUTH)).mean(), (~decided).mean()]
        )
    worst = 100 * np.max(shares, axis=0)
    for value, (least, most) in zip(worst, (wrong, open_), strict=True):
        assert least <= value <= most
