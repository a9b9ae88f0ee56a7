"""Counts by source obey the laws of a summary, and add over partitions of tasks."""

import numpy as np
import pytest
from hypothesis import strategies as st

from stats.label_model import SourceCounts, fit_model
from stats.label_rows import label_rows
from stats.summary import Incompatible, InvalidInput
from tests.laws import check_laws

N_SOURCES, N_CLASSES = 3, 2
# Every source answers in every block: all blocks number the sources alike.
ALL = [(-1, source, 0) for source in range(N_SOURCES)]


def build(block: dict[tuple[int, int], int]) -> SourceCounts:
    """Count answers {(task, source): label}; probabilities follow from the task."""
    rows = ALL + [(task, source, label) for (task, source), label in block.items()]
    table = label_rows(*(list(column) for column in zip(*rows, strict=True)), N_CLASSES)
    p = np.where(table.tasks == -1, 0.0, 1.0 / (3.0 + table.tasks))
    known = table.tasks >= 0
    return SourceCounts.from_block(table, np.stack([p, known - p], axis=1), kept=known)


@st.composite
def blocks(draw):
    """Draw three blocks without a task in common."""
    found = []
    for first in (0, 10, 20):
        keys = st.tuples(st.integers(first, first + 4), st.integers(0, N_SOURCES - 1))
        found.append(draw(st.dictionaries(keys, st.integers(0, 1), max_size=8)))
    return tuple(found)


def test_laws() -> None:
    check_laws(blocks(), build, lambda a, b: a | b, SourceCounts.from_arrays)


def test_counts_are_expected_answers() -> None:
    rows = label_rows([0, 0, 1], [0, 1, 0], [1, 0, 0], 2)
    counts = SourceCounts.from_block(rows, np.array([[0.25, 0.75], [1.0, 0.0]]))
    expected = [[[1.0, 0.25], [0.0, 0.75]], [[0.25, 0.0], [0.75, 0.0]]]
    np.testing.assert_array_equal(counts.answers * 2.0**-30, expected)
    np.testing.assert_array_equal(counts.classes * 2.0**-30, [1.25, 0.75])
    assert repr(counts) == "SourceCounts: n=3 answers | sources=2"


def test_model_by_hand() -> None:
    counts = SourceCounts(
        np.array([[[6, 2], [1, 3]]]) * 2**30, np.array([8, 4]) * 2**30
    )
    accuracy = (9 + 2 * 0.85) / (12 + 2)
    row = (6 + 5 * accuracy) / (8 + 5)
    model = fit_model(counts, "dawid-skene", 5.0)
    np.testing.assert_allclose(np.exp(model.log_confusion[0, 0]), [row, 1 - row])
    np.testing.assert_allclose(np.exp(model.log_prior), [9 / 14, 5 / 14])
    coin = fit_model(counts, "one-coin", 5.0)
    np.testing.assert_allclose(np.exp(coin.log_confusion[0, 1, 1]), accuracy)
    np.testing.assert_allclose(coin.accuracy, [accuracy])


def test_refuses_other_shapes() -> None:
    two = SourceCounts(np.zeros((2, 2, 2), np.int64), np.zeros(2, np.int64))
    three = SourceCounts(np.zeros((3, 2, 2), np.int64), np.zeros(2, np.int64))
    with pytest.raises(Incompatible, match="shapes"):
        two.merge(three)
    with pytest.raises(InvalidInput, match="do not fit"):
        SourceCounts.from_arrays({"answers": np.zeros((2, 2, 3)), "classes": [0, 0]})
