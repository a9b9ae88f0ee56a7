"""Add up the time steps of every agent."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray

__all__ = ["add_steps"]


@nb.njit(cache=True, nogil=True)
def add_steps(
    values: NDArray[Any], count: NDArray[np.float64], total: NDArray[np.float64]
) -> None:
    """Write counts and sums (agents, d) of values (agents, times, d); NaN is missing.

    One step after the other in float64: the bits are those of the plain loop, for any
    strides.  Four features at a time, because one sum waits for its last addition.
    Naive twin: tests/stats/test_clustered.py.
    """
    agents, times, d = values.shape
    for a in range(agents):
        for j in range(0, d, 4):
            # Past the last feature, the last one is summed again: the same sum.
            k, c, m = min(j + 1, d - 1), min(j + 2, d - 1), min(j + 3, d - 1)
            n0, n1, n2, n3 = 0, 0, 0, 0
            s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
            for t in range(times):
                w, x = np.float64(values[a, t, j]), np.float64(values[a, t, k])
                y, z = np.float64(values[a, t, c]), np.float64(values[a, t, m])
                n0 += w == w  # noqa: PLR0124 - false for NaN alone
                n1 += x == x  # noqa: PLR0124
                n2 += y == y  # noqa: PLR0124
                n3 += z == z  # noqa: PLR0124
                s0 += w if w == w else 0.0  # noqa: PLR0124
                s1 += x if x == x else 0.0  # noqa: PLR0124
                s2 += y if y == y else 0.0  # noqa: PLR0124
                s3 += z if z == z else 0.0  # noqa: PLR0124
            count[a, m], total[a, m] = n3, s3
            count[a, c], total[a, c] = n2, s2
            count[a, k], total[a, k] = n1, s1
            count[a, j], total[a, j] = n0, s0
