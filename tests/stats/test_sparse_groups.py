"""States of the groups a block has: the laws, and the bits of all groups at once."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats.moments import GroupMoments
from stats.sparse_groups import SparseGroups, touched_groups
from stats.summary import InvalidInput, merge_all
from tests.laws import check_laws, same_bytes
from tests.strategies import Block, block_triples, join_blocks

RESTORE = partial(SparseGroups.from_arrays, inner=GroupMoments)


def build(block: Block) -> SparseGroups[GroupMoments]:
    ids, codes = touched_groups(block.groups)
    return SparseGroups(ids, GroupMoments.from_block(block.values, codes, len(ids)))


def test_laws():
    check_laws(block_triples(), build, join_blocks, RESTORE)


@given(block_triples())
def test_dense_equals_the_summary_of_all_groups(blocks):
    n = blocks[0].n_groups + 2
    found = merge_all([build(block) for block in blocks]).dense(n)
    one, two, three = blocks
    whole = join_blocks(join_blocks(one, two), three)
    same_bytes(GroupMoments.from_block(whole.values, whole.groups, n), found)


@given(st.lists(st.integers(-2, 40), max_size=30))
def test_touched_groups_number_what_occurs(drawn):
    groups = np.array(drawn, dtype=np.int64)
    ids, codes = touched_groups(groups)
    assert ids.tolist() == sorted({g for g in drawn if g >= 0})
    back = [-1 if code < 0 else int(ids[code]) for code in codes]
    assert back == [max(g, -1) for g in drawn]


def one_row(group: int, value: float) -> SparseGroups[GroupMoments]:
    return build(Block(np.array([[value]]), np.array([group]), group + 1))


def test_a_merge_of_neighbours_is_as_large_as_what_they_touch(monkeypatch):
    """Sixteen chunks of sorted groups must not be padded to all groups each."""
    sizes: list[int] = []
    rollup = GroupMoments.rollup

    def counted(self, parent, n_parents):
        sizes.append(n_parents)
        return rollup(self, parent, n_parents)

    monkeypatch.setattr(GroupMoments, "rollup", counted)
    merged = merge_all([one_row(group, 1.0) for group in range(16)])
    assert merged.ids.tolist() == list(range(16))
    assert sum(sizes) == 4 * 2 * 16  # 16 * 16 if all were padded to all
    sizes.clear()
    merge_all([one_row(3, 1.0) for _ in range(16)])
    assert sizes == []


def test_numbers_that_do_not_fit_are_refused():
    groups = one_row(0, 1.0).groups
    with pytest.raises(InvalidInput, match="numbers for 1 groups"):
        SparseGroups(np.array([0, 1]), groups)
    two = groups.rollup(np.array([0]), 2)
    for ids in ([1, 0], [1, 1], [-1, 0]):
        with pytest.raises(InvalidInput, match="not sorted, unique"):
            SparseGroups(np.array(ids), two)
    with pytest.raises(InvalidInput, match="group 7 was seen"):
        one_row(7, 1.0).dense(7)
    assert repr(one_row(7, 1.0)) == (
        "SparseGroups: groups=1 | GroupMoments: n=1 | groups=1 | features=1"
    )
