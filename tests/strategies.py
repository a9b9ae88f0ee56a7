"""Hypothesis strategies of reachable data: the columns that break summation code."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

__all__ = [
    "COLUMNS",
    "TAME",
    "Block",
    "block_triples",
    "columns",
    "join_blocks",
    "values",
]

_LARGEST = float(np.finfo(np.float64).max)
_SMALLEST = 5e-324

# One element strategy per kind of column.
COLUMNS: dict[str, st.SearchStrategy[float]] = {
    "small integers": st.integers(-9, 9).map(float),
    "mean far above sd": st.integers(-5, 5).map(lambda k: 1e9 + k / 8),
    "any finite": st.floats(allow_nan=False, allow_infinity=False),
    "float32": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "denormal": st.integers(-5, 5).map(lambda k: k * _SMALLEST),
    "cancelling": st.sampled_from([1e16, -1e16, 1.0, _LARGEST, -_LARGEST, _SMALLEST]),
    "signed zeros": st.sampled_from([0.0, -0.0]),
    "missing": st.just(float("nan")),
    "gaps": st.sampled_from([float("nan"), 1.5, -2.25, 3.0]),
    "infinite": st.sampled_from([float("inf"), float("-inf"), 1.0, float("nan")]),
    "unit interval": st.floats(0, 1),
}
# Kinds whose squares stay finite.
TAME = ("small integers", "missing", "gaps", "unit interval", "mean far above sd")


class Block(NamedTuple):
    """Rows of features, and the group of every row."""

    values: NDArray[np.float64]
    groups: NDArray[np.int64]
    n_groups: int


def columns(n: int, kinds: tuple[str, ...]) -> st.SearchStrategy[list[float]]:
    """One column of `n` values of one kind, or the same value throughout."""
    elements = st.sampled_from(kinds).map(COLUMNS.__getitem__)
    varied = elements.flatmap(lambda e: st.lists(e, min_size=n, max_size=n))
    constant = elements.flatmap(lambda e: e.map(lambda value: [value] * n))
    return varied | constant


@st.composite
def values(
    draw: st.DrawFn, n: int, d: int, kinds: tuple[str, ...] = tuple(COLUMNS)
) -> NDArray[np.float64]:
    """An (n, d) array; every column is of its own kind."""
    drawn = [draw(columns(n, kinds)) for _ in range(d)]
    return np.array(drawn, dtype=np.float64).reshape(d, n).T


@st.composite
def block_triples(draw: st.DrawFn, rows: int = 7) -> tuple[Block, Block, Block]:
    """Three blocks with the same groups and features; blocks may be empty."""
    d = draw(st.integers(1, 3))
    n_groups = draw(st.integers(1, 3))

    def block() -> Block:
        n = draw(st.sampled_from([0, 1, 2, rows]))
        x = draw(values(n, d))
        group = st.lists(st.integers(-1, n_groups - 1), min_size=n, max_size=n)
        return Block(x, np.array(draw(group), dtype=np.int64), n_groups)

    return block(), block(), block()


def join_blocks(one: Block, two: Block) -> Block:
    """All rows of both."""
    return Block(
        np.concatenate([one.values, two.values]),
        np.concatenate([one.groups, two.groups]),
        one.n_groups,
    )
