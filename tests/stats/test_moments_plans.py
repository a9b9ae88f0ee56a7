"""Random data of changing scales, cut, shuffled and merged at random: one digest.

Each plan draws values whose scale, bits and gaps change from block to block, sums them
whole, value by value (groups of ten rows), and as random parts in a random merge tree.
"""

import numpy as np
import pytest
from numpy.typing import NDArray

from stats.moments import GroupMoments
from stats.summary import merge_all
from tests.laws import same_bytes

_EDGES = [1.0, -1.0, 0.0, 2**-43, 1 - 2**-53, 3 * 2**-44, 1.5, 2 - 2**-52]


def _values(rng: np.random.Generator) -> NDArray[np.floating]:
    times, d = (
        int(rng.choice([1, 3, 64, 70, 128, 192])),
        int(rng.choice([1, 2, 3, 5, 8])),
    )
    x = rng.normal(size=(max(1, int(rng.integers(1, 4000)) // times), times, d))
    for _ in range(rng.integers(0, 6)):
        first, last = sorted(rng.integers(0, len(x) + 1, 2))
        part = x[first:last, :, rng.integers(0, d)]
        with np.errstate(over="ignore"):
            part[...] = _change(rng, part)
    if rng.random() < 0.6:
        x[rng.random(x.shape) < rng.choice([0.001, 0.02, 0.3, 0.9])] = np.nan
    with np.errstate(over="ignore"):
        return x.astype(rng.choice(["f4", "f8"]))


def _change(rng: np.random.Generator, part: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give a stretch of one feature another scale, other bits or odd values."""
    rare = rng.random(part.shape) < 0.005
    changes = (
        lambda: np.ldexp(part, int(rng.integers(-1100, 900))),
        lambda: np.ldexp(part, rng.integers(-60, 60, part.shape)),
        lambda: np.round(part * 64) / 64,
        lambda: np.zeros_like(part),
        lambda: rng.choice(_EDGES, part.shape),
        lambda: np.exp(3 * np.minimum(part, 200)),
        lambda: np.where(rare, np.inf * rng.choice([-1, 1]), part),
        lambda: np.where(rare, 1e300, part),
    )
    return changes[rng.integers(len(changes))]()


def _by_value(
    x: NDArray[np.floating], groups: NDArray[np.int64], n: int, *, pairs: bool
) -> GroupMoments:
    """Twin: too few rows of a group for a tile."""
    flat, of_row = x.reshape(-1, x.shape[2]), np.repeat(groups, x.shape[1])
    fine, parent = np.full(len(flat), -1), []
    for g in range(n):
        rows = np.flatnonzero(of_row == g)
        fine[rows] = len(parent) + np.arange(len(rows)) // 10
        parent += [g] * -(-len(rows) // 10)
    parts = GroupMoments.from_block(flat, fine, len(parent), pairs=pairs)
    return parts.rollup(np.array(parent, dtype=np.int64), n)


def _run(seed: int) -> int:
    """Run one plan; return how many rows it summed."""
    rng = np.random.default_rng([20261125, seed])
    x = _values(rng)
    n, pairs = int(rng.integers(1, 5)), bool(rng.random() < 0.8)
    groups = rng.integers(-1, n, len(x))
    columns = np.ascontiguousarray(x.transpose(0, 2, 1)).transpose(0, 2, 1)
    whole = GroupMoments.from_block(columns, groups, n, pairs=pairs)
    same_bytes(whole, _by_value(x, groups, n, pairs=pairs))
    order = rng.permutation(len(x))
    cuts = np.sort(rng.integers(0, len(x) + 1, rng.integers(0, 6)))
    parts = [
        GroupMoments.from_block(x[index], groups[index], n, pairs=pairs)
        for index in np.split(order, cuts)
    ]
    while len(parts) > 1:
        taken = [parts.pop(rng.integers(len(parts))) for _ in range(2)]
        parts.append(merge_all(taken))
    same_bytes(parts[0], whole)
    extra = GroupMoments.from_block(x[:5], groups[:5], n, pairs=pairs)
    back = whole.merge(extra).subtract(extra).to_arrays()
    for name, array in whole.to_arrays().items():
        if name not in {"minimum", "maximum"}:
            np.testing.assert_array_equal(back[name], array)
    return x.shape[0] * x.shape[1]


def test_sixty_random_plans_give_one_digest():
    assert sum(_run(seed) for seed in range(60)) > 60_000


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_thousand_random_plans_give_one_digest():
    assert sum(_run(seed) for seed in range(60, 10_060)) > 10_000_000
