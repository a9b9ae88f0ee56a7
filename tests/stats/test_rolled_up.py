"""Sums from which summaries are taken out again: the bytes of never having had them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stats.labelled import Labelled
from stats.moments import GroupMoments
from stats.quantiles import GroupQuantiles
from stats.rolled_up import RolledUp
from stats.summary import Incompatible, InvalidInput
from stats.window_sums import WindowSums
from tests.laws import check_laws, same_bytes
from tests.strategies import Block, block_triples, join_blocks

LABELS = ("a", "b", "c", "d")


def build(block: Block) -> WindowSums:
    rows = (block.values, block.groups, block.n_groups)
    return WindowSums(GroupMoments.from_block(*rows), GroupQuantiles.from_block(*rows))


def part(seed: int, *, rows: int = 6, absent: float = 0.2) -> Labelled[WindowSums]:
    """Random rows of some of the groups, magnitudes 1e±6, some values missing."""
    rng = np.random.default_rng(seed)
    labels = tuple(sorted(rng.choice(LABELS, rng.integers(1, 4), replace=False)))
    x = rng.normal(size=(rows, 2)) * np.array([1e6, 1e-6])
    x[rng.random(x.shape) < absent] = np.nan
    groups = rng.integers(0, len(labels), rows)
    return Labelled(labels, build(Block(x, groups, len(labels))))


def folded_again(state: RolledUp, held: dict[int, Labelled[WindowSums]]) -> RolledUp:
    lost = set(state.unknown())
    members = [p for p in held.values() if lost & set(p.labels)]
    return state.fold_again(members)


def test_window_sums_obey_the_laws() -> None:
    check_laws(
        block_triples(), build, join_blocks, WindowSums.from_arrays,
        forgotten={"rows.minimum", "rows.maximum"},
    )  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 3)), max_size=12))
def test_any_sequence_of_changes_leaves_the_bytes_of_a_rebuild(
    events: list[tuple[int, int]],
) -> None:
    """Event (shard, version): late, the same again, corrected, or 0: retracted."""
    held = {99: part(99)}
    state = RolledUp.fold(list(held.values()))
    for shard, version in events:
        out = [held.pop(shard)] if shard in held else []
        into = [part(10 * shard + version)] if version else []
        held |= dict.fromkeys([shard] * len(into), *into)
        state = folded_again(state.change(out, into), held)
        same_bytes(RolledUp.fold(list(held.values())), state)
    same_bytes(state, RolledUp.from_arrays(state.to_arrays()))


def test_an_extreme_that_left_is_unknown_until_it_is_folded_again() -> None:
    high, low = (
        Labelled(("a",), build(Block(np.array([[x]]), np.zeros(1, np.int64), 1)))
        for x in (9.0, 1.0)
    )
    left = RolledUp.fold([high, low]).change([high], [])
    assert left.unknown() == ("a",)
    with pytest.raises(Incompatible, match="no member of group 'a'"):
        left.fold_again([])
    assert left.fold_again([low]).groups.rows.maximum == np.array([[1.0]])
    same_bytes(RolledUp.fold([low]), left.fold_again([low]))
    assert RolledUp.fold([low]).change([], [high]).unknown() == ()


def test_a_group_goes_with_its_last_member_even_if_it_held_no_value() -> None:
    nothing: NDArray[np.float64] = np.full((2, 2), np.nan)
    silent = Labelled(("z",), build(Block(nothing, np.zeros(2, np.int64), 1)))
    first = RolledUp.fold([part(1)])
    both = first.change([], [silent])
    assert both.labels == (*first.labels, "z")
    same_bytes(first, both.change([silent], []))
    twice = both.change([], [silent])
    assert "z" in twice.change([silent], []).labels


def test_what_was_never_added_cannot_be_taken_out() -> None:
    state = RolledUp.fold([part(1)])
    one = np.zeros(part(2).n_groups, np.int64)
    stranger = Labelled(("y",), part(2).groups.rollup(one, 1))
    with pytest.raises(Incompatible, match="'y' does not hold"):
        state.change([stranger], [])
    with pytest.raises(Incompatible):
        state.change([part(1), part(1)], [])
    assert state.change([], []) is state
    with pytest.raises(InvalidInput, match="nothing to add"):
        RolledUp.fold([])
    with pytest.raises(InvalidInput, match="without labels"):
        RolledUp.from_arrays({})
    with pytest.raises(InvalidInput, match="WindowSums: moments of"):
        WindowSums(part(1).groups.rows, part(2).groups.rollup(one, 9).bins)
