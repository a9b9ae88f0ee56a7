"""States of the groups a block has: the laws, and the bits of all groups at once."""

import tracemalloc
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


def test_a_merge_of_neighbours_holds_what_they_touch():
    """Sixteen chunks of sorted groups must not be padded to all groups each."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(320, 6))

    def chunk(i: int) -> SparseGroups[GroupMoments]:
        return build(Block(x, np.arange(320) // 16 + 20 * i, 320))

    chunks = [chunk(i) for i in range(16)]
    merge_all(chunks)
    tracemalloc.start()
    merged = merge_all(chunks)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert merged.ids.tolist() == list(range(320))
    size = sum(array.nbytes for array in merged.to_arrays().values())
    assert peak < 6 * size


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
