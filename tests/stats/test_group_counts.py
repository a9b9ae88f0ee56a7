"""Counts per group: the laws, and refusals that apply nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st

from stats.group_counts import GroupCounts
from stats.summary import Incompatible, InvalidInput
from tests.laws import check_laws

Rows = list[tuple[int, int]]
ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(-1, 3)), max_size=9)


def build(rows: Rows) -> GroupCounts:
    label, group = np.array(rows, dtype=np.int64).reshape(-1, 2).T
    return GroupCounts.from_labels(label, group, 4, 3)


def test_laws():
    check_laws(
        st.tuples(ROWS, ROWS, ROWS), build, lambda a, b: a + b, GroupCounts.from_arrays
    )


def test_rows_are_counted_where_they_belong():
    found = build([(0, 0), (2, 0), (2, 0), (1, 3), (1, -1)])
    assert found.counts.tolist() == [[1, 0, 2], [0, 0, 0], [0, 0, 0], [0, 1, 0]]
    assert found.n.tolist() == [3, 0, 0, 1]
    assert repr(found) == "GroupCounts: n=4 | groups=4 | k=3"


@pytest.mark.parametrize(
    "counts", [[[-1, 2]], [[1.0, 2.0]], [1, 2], np.array([[2**63]], dtype=np.uint64)]
)
def test_what_is_no_count_is_refused(counts):
    with pytest.raises(InvalidInput, match="GroupCounts"):
        GroupCounts.from_counts(counts)


def test_counts_are_refused_before_they_wrap():
    large = GroupCounts.from_counts([[2**61, 0]])
    with pytest.raises(InvalidInput, match="fewer than"):
        large.merge(large)
    with pytest.raises(InvalidInput, match="fewer than"):
        GroupCounts.join([large, large], [np.array([0])] * 2, 1)


def test_counts_that_do_not_fit_are_refused():
    a, b = GroupCounts.from_counts([[1, 2]]), GroupCounts.from_counts([[1, 2, 3]])
    with pytest.raises(Incompatible, match="merge"):
        a.merge(b)
    with pytest.raises(Incompatible, match="join"):
        GroupCounts.join([a, b], [np.array([0])] * 2, 1)
    with pytest.raises(Incompatible, match="was not part of"):
        a.subtract(a.merge(a))
    with pytest.raises(InvalidInput, match="parent"):
        a.rollup(np.array([1]), 1)
    with pytest.raises(InvalidInput, match="no array"):
        GroupCounts.from_arrays({})
