"""Groups are joined by name, and names change nothing about the numbers."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats.labelled import Labelled
from stats.moments import GroupMoments
from stats.summary import InvalidInput, merge_all, pack, unpack
from tests.laws import check_laws, same_bytes
from tests.strategies import Block, block_triples

_NAMES = ("AA@EWR", "AA@JFK", "Ünïted@LGA", "WN", "", "日本")
RESTORE = partial(Labelled.from_arrays, inner=GroupMoments)
Named = list[tuple[str, list[float]]]


@st.composite
def named_blocks(draw: st.DrawFn) -> tuple[Named, Named, Named]:
    """Rows with the name of their group; every block knows other names."""
    blocks: tuple[Block, ...] = draw(block_triples())
    name = st.sampled_from(_NAMES)
    named = [[(draw(name), row.tolist()) for row in b.values] for b in blocks]
    d = blocks[0].values.shape[1]
    # One row of NaN fixes the number of features of an empty block.
    one, two, three = ([*rows, ("WN", [np.nan] * d)] for rows in named)
    return one, two, three


def build(rows: Named) -> Labelled[GroupMoments]:
    labels = tuple(sorted({name for name, _ in rows}))
    groups = np.array([labels.index(name) for name, _ in rows], dtype=np.int64)
    x = np.array([values for _, values in rows])
    return Labelled(labels, GroupMoments.from_block(x, groups, len(labels)))


def one_row(name: str, value: float) -> Labelled[GroupMoments]:
    return build([(name, [value])])


def test_laws():
    check_laws(named_blocks(), build, lambda x, y: x + y, RESTORE)


@given(named_blocks())
def test_every_name_keeps_its_own_rows(blocks):
    merged = merge_all([build(rows) for rows in blocks])
    rows = [row for block in blocks for row in block]
    for i, label in enumerate(merged.labels):
        own = np.array([values for name, values in rows if name == label])
        alone = GroupMoments.from_block(own, np.zeros(len(own), dtype=int), 1)
        same_bytes(alone, merged.groups.take(np.array([i])))


def test_names_are_joined_not_positions():
    merged = one_row("b", 2.0).merge(one_row("a", 1.0)).merge(one_row("b", 4.0))
    assert merged.labels == ("a", "b")
    assert merged.groups.mean().tolist() == [[1.0], [3.0]]
    assert repr(merged) == (
        "Labelled: groups=2 | GroupMoments: n=3 | groups=2 | features=1"
    )


def test_align_gives_empty_groups_to_unknown_names():
    aligned = one_row("b", 2.0).align(("a", "b", "c"))
    assert aligned.count.tolist() == [[0], [1], [0]]
    with pytest.raises(InvalidInput, match="1 labels, first 'b'"):
        one_row("b", 2.0).align(("a",))


def test_names_survive_packing():
    state = one_row("Ünïted@LGA", 1.0).merge(one_row("日本", 2.0))
    back = RESTORE(unpack(pack(state.to_arrays(), kind="Labelled", version=1))[2])
    assert back.labels == ("Ünïted@LGA", "日本")
    assert back.digest() == state.digest()
    assert back.digest() != one_row("Ünïted@LGA", 1.0).merge(one_row("x", 2.0)).digest()


def test_labels_that_do_not_fit_are_refused():
    groups = one_row("a", 1.0).groups
    with pytest.raises(InvalidInput, match="2 labels for 1 groups"):
        Labelled(("a", "b"), groups)
    two = groups.rollup(np.array([0]), 2)
    for labels in (("b", "a"), ("a", "a")):
        with pytest.raises(InvalidInput, match="not sorted and unique"):
            Labelled(labels, two)
    with pytest.raises(InvalidInput, match="Pass inner="):
        Labelled.from_arrays(one_row("a", 1.0).to_arrays())
