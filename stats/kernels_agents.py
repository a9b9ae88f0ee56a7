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
    """Add values (agents, times, d) to counts and sums (agents, d); NaN is missing.

    One step after the other in float64: the bits are those of the plain loop, for any
    strides.  Naive twin: tests/stats/test_clustered.py.
    """
    agents, times, d = values.shape
    for a in range(agents):
        for j in range(d):
            n = 0
            s = 0.0
            for t in range(times):
                x = np.float64(values[a, t, j])
                seen = x == x  # noqa: PLR0124 - false for NaN alone
                n += seen
                s += x if seen else 0.0
            count[a, j] += n
            total[a, j] += s
