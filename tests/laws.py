"""The laws of a summary, as one call that every class with a `merge` passes.

A test gives a strategy of three blocks that fit together, how a block becomes a state,
how two blocks are joined, and how a state is restored.  Which laws apply follows from
the methods the class has: `rollup` makes it grouped, `subtract` makes it invertible.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol, TypeVar

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stats.summary import Summary, merge_all, pack

__all__ = ["Restore", "check_laws", "same_bytes", "state_bytes"]

B = TypeVar("B")
S = TypeVar("S", bound=Summary)


class Restore(Protocol):
    """Turns the arrays of a state back into the state."""

    def __call__(self, arrays: Mapping[str, NDArray[Any]], /) -> Summary: ...


def state_bytes(summary: Summary) -> bytes:
    """Canonical bytes of a state."""
    return pack(
        summary.to_arrays(), kind=type(summary).__name__, version=summary.state_version
    )


def same_bytes(expected: Summary, actual: Summary) -> None:
    """Assert bit-equal states, naming the arrays that differ."""
    if state_bytes(expected) == state_bytes(actual):
        return
    one, two = expected.to_arrays(), actual.to_arrays()
    assert sorted(one) == sorted(two)
    for key in sorted(one):
        np.testing.assert_array_equal(two[key], one[key], err_msg=key)
    raise AssertionError(f"{expected!r} and {actual!r} differ in dtype or shape")


def check_laws(
    blocks: st.SearchStrategy[tuple[B, B, B]],
    build: Callable[[B], S],
    join: Callable[[B, B], B],
    restore: Restore,
    *,
    lattice: bool = False,
    forgotten: Collection[str] = (),
    same: Callable[[S, S], None] = same_bytes,
) -> None:
    """Check every law on drawn states.

    Parameters
    ----------
    blocks : strategy of three blocks with the same groups and features
    build : block -> state
    join : two blocks -> the block of both
    restore : arrays -> state
    lattice : whether merging a state with itself must give that state
    forgotten : names of arrays that a subtraction may set to NaN
    same : asserts equality of states for associativity, commutativity and homomorphism;
        bytes by default, the documented bound for a class that is not exact
    """

    @given(drawn=blocks, data=st.data())
    def laws(drawn: tuple[B, B, B], data: st.DataObject) -> None:
        x, y, _ = drawn
        a, b, c = (build(block) for block in drawn)
        before = [state_bytes(state) for state in (a, b, c)]
        assert isinstance(a, Summary)
        _identity(a)
        same(a.merge(b), b.merge(a))
        same(a.merge(b).merge(c), a.merge(b.merge(c)))
        same(a.merge(b), build(join(x, y)))
        _checkpoint(a.merge(b), restore)
        same_bytes(a.merge(b).merge(c), merge_all([a, b, c]))
        if lattice:
            same_bytes(a, a.merge(a))
            same_bytes(a.merge(b), a.merge(b).merge(a))
        if hasattr(a, "rollup"):
            _rollup(a, b, data, same)
        if hasattr(a, "subtract"):
            _invertible(a, b, forgotten)
        assert before == [state_bytes(state) for state in (a, b, c)], "a merge mutated"

    laws()


def _identity(a: Summary) -> None:
    same_bytes(a, a.merge(a.empty()))
    same_bytes(a, a.empty().merge(a))
    same_bytes(a.empty(), a.empty().merge(a.empty()))


def _checkpoint(a: Summary, restore: Restore) -> None:
    back = restore(a.to_arrays())
    same_bytes(a, back)
    assert back.digest() == a.digest()
    same_bytes(a.merge(a), back.merge(back))


def _rollup(a: Any, b: Any, data: st.DataObject, same: Callable[..., None]) -> None:
    n = a.n_groups
    parents = data.draw(st.integers(1, 3), label="parents")
    draw = st.lists(st.integers(-1, parents - 1), min_size=n, max_size=n)
    parent = np.array(data.draw(draw, label="parent"), dtype=np.int64)
    same(
        a.rollup(parent, parents).merge(b.rollup(parent, parents)),
        a.merge(b).rollup(parent, parents),
    )
    same_bytes(a, a.rollup(np.arange(n), n))
    top = np.zeros(parents, dtype=np.int64)
    composed = np.where(parent >= 0, 0, -1)
    same(a.rollup(composed, 1), a.rollup(parent, parents).rollup(top, 1))


def _invertible(a: Any, b: Any, forgotten: Collection[str]) -> None:
    expected = a.to_arrays()
    actual = a.merge(b).subtract(b).to_arrays()
    assert sorted(actual) == sorted(expected)
    for key, values in expected.items():
        wanted = np.asarray(values)
        if key in forgotten:
            wanted = np.where(np.isnan(actual[key]), np.nan, wanted)
        one = pack({key: wanted}, kind=key, version=0)
        assert one == pack({key: actual[key]}, kind=key, version=0), key
    same_bytes(a, a.subtract(a.empty()))
    same_bytes(a.empty(), a.subtract(a))
