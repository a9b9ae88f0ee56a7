"""The section on labels at small size, and the algorithm it compares with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.annotators import Answers
from tests.bench import labels
from tests.bench.data import Population
from tests.bench.options import Options
from tests.label_rivals import loss, textbook


def test_the_textbook_by_hand() -> None:
    a = Answers(*map(np.array, ([0, 0, 1], [0, 1, 0], [1, 1, 0], [1, 0])), 2)
    q = np.array([[0.0, 1.0], [1.0, 0.0]])
    first = (q[1][:, None] * [[1, 0]] + q[0][:, None] * [[0, 1]] + 0.5) / 2
    second = np.array([[0.5, 0.5], [0.25, 0.75]])
    weight = [first[:, 1] * second[:, 1] / 2, first[:, 0] / 2]
    expected = [w / w.sum() for w in weight]
    np.testing.assert_allclose(textbook(a, iterations=1), expected, rtol=1e-12)
    assert loss(np.array([[0.25, 0.75]]), np.array([0])) == pytest.approx(np.log(4))


@pytest.mark.slow
def test_the_quick_path_measures_everything(tmp_path: Path) -> None:
    options = Options(Population(), tmp_path, rounds=1, quick=True, quiet=True)
    section = labels.measure(options)
    assert len(section.comparisons) == 2
    assert len(section.figures) == 2 * 2 + 1
    goals = [figure for figure in section.figures if figure.goal is not None]
    assert len(goals) == 3
    assert all(figure.goal.holds(figure.value) for figure in goals if figure.goal)
