"""Ratios that one source took over from another, bit by bit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats as distributions

__all__ = ["copied_rows"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Fewer equal rows say nothing, whatever their probability.
_FEWEST = 3
# The rarest kind of agent is taken to be one in this many: agents of one kind get
# similar ratios from everybody.
_KINDS = 20.0


def copied_rows(table: Floats, first: Ints, second: Ints) -> tuple[Ints, Floats]:
    """Count equal ratios of pairs of sources, and how improbable they are.

    Parameters
    ----------
    table : float64 array, shape (agents, sources)
        NaN where a source has said nothing.
    first, second : int64 arrays, shape (pairs,)

    Returns
    -------
    copies : int64 array, shape (pairs,)
        Agents for whom both gave the same ratio, which neither gave for another.
    p : float64 array, shape (pairs,)
        1 below three copies; NaN where no source gave any ratio once only.

    Notes
    -----
    Sources that answer yes or no repeat few values over and over; these do not count.
    Of c values that both gave once, at most 20 c / n stand at the same agent by
    chance, were they handed out anew among n shared agents; the tail is Poisson.
    """
    once = [_given_once(table[:, s]) for s in range(table.shape[1])]
    copies = np.zeros(len(first), dtype=np.int64)
    p = np.ones(len(first))
    for k, (a, b) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        if not (once[a].any() and once[b].any()):
            p[k] = np.nan
            continue
        at = once[a] & once[b] & (table[:, a] == table[:, b])
        copies[k] = np.count_nonzero(at)
        if copies[k] >= _FEWEST:
            shared = np.count_nonzero(~np.isnan(table[:, [a, b]]).any(axis=1))
            values = np.intersect1d(table[once[a], a], table[once[b], b])
            chance = min(_KINDS / shared, 1.0) * len(values)
            p[k] = distributions.poisson.sf(copies[k] - 1, chance)
    return copies, p


def _given_once(x: Floats) -> Bools:
    """Whether a ratio is the only one of its value; False for NaN."""
    order = np.argsort(x, kind="stable")
    value = x[order]
    differs = np.diff(value) != 0
    alone = np.append(True, differs) & np.append(differs, True) & ~np.isnan(value)
    out = np.zeros(len(x), dtype=np.bool_)
    out[order] = alone[: len(x)]
    return out
