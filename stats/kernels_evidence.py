"""Compiled scatter of weighted log-likelihood ratios into exact sums of many cells.

A weight is an integer k, the ratio l a float64: k l has at most 70 bits, so it is added
as an integer and no product is rounded.  Rows may come in any order.  Naive twin:
tests/stats/test_evidence.py.
"""

from __future__ import annotations

import numpy as np

from stats.compiled import compiled
from stats.kernels import add_product, parts

__all__ = ["add_rows", "reach", "warm"]


@compiled
def reach(ratio, weight):  # type: ignore[no-untyped-def]  # compiled
    """Lowest and highest grid position of the rows that count; 0 and -1 for none."""
    low, high = np.int64(1 << 20), np.int64(-1)
    for i in range(len(ratio)):
        if weight[i] and ratio[i] != 0.0:
            _, s, _ = parts(ratio[i])
            low = min(low, s)
            high = max(high, s)
    return (low, high) if high >= 0 else (np.int64(0), high)


@compiled
def add_rows(  # type: ignore[no-untyped-def]  # compiled
    signed, size, counts, cell, ratio, weight, base, first, last
):
    """Add rows whose cell lies in [first, last) to the limbs and counters there.

    `signed` and `size` (last - first, K) int64 take k l and its size; `counts`
    (cells, 3) takes n, Σk and Σk².
    """
    for i in range(len(cell)):
        at = cell[i]
        if at < first or at >= last:
            continue
        k = weight[i]
        counts[at, 0] += 1
        counts[at, 1] += k
        counts[at, 2] += k * k
        if k and ratio[i] != 0.0:
            m, s, negative = parts(ratio[i])
            u = np.uint64(k)
            add_product(signed[at - first], base, m, u, s, negative)
            add_product(size[at - first], base, m, u, s, False)


def warm() -> None:
    """Compile, or load from the cache on disk."""
    ratio, weight = np.ones(1), np.ones(1, dtype=np.int64)
    reach(ratio, weight)
    limbs, counts = np.zeros((1, 40), np.int64), np.zeros((1, 3), np.int64)
    cell = np.zeros(1, np.int64)
    add_rows(limbs, limbs.copy(), counts, cell, ratio, weight, 32, 0, 1)
