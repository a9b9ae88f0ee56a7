"""From a matrix of group correlations to the map that a report keeps and shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stats.summary import InvalidInput
from tasks.report.collect_groups import number
from tasks.report.findings import CorrelationMap

__all__ = ["KEPT_GROUPS", "collect_map"]

KEPT_GROUPS = 100
"""Groups that `report.json` keeps of a larger map; the store holds the whole matrix."""


def collect_map(
    r: NDArray[np.floating[Any]],
    *,
    level: str,
    names: Sequence[str],
    sites: Sequence[str],
    n: Sequence[int],
    nights: int,
    what: str,
    keep: int = KEPT_GROUPS,
) -> CorrelationMap:
    """Keep the most correlated groups of a map, in the order in which they came.

    Parameters
    ----------
    r : float array, shape (groups, groups)
        Mean correlation within (diagonal) and between groups, symmetric; NaN where too
        few were seen.
    level : str
        What a group is, singular: "team" or "site".
    names, sites : sequence of str
        Name and site of every group.
    n : sequence of int
        Series in every group.
    nights : int
        Nights that every correlation is over.
    what : str
        What was correlated, in words.
    keep : int
        Groups kept: those with the highest absolute correlation with any other group.

    Returns
    -------
    CorrelationMap

    Raises
    ------
    InvalidInput
        If shapes do not agree.
    """
    groups = len(names)
    if r.shape != (groups, groups) or len(sites) != groups or len(n) != groups:
        raise InvalidInput(
            f"collect_map: {groups} names, {len(sites)} sites, {len(n)} counts and a "
            f"matrix of shape {r.shape}. Give one of each per group."
        )
    size = np.nan_to_num(np.abs(r), nan=0.0)
    np.fill_diagonal(size, 0.0)
    best = size.max(axis=1, initial=0.0)
    kept = np.sort(np.argsort(-best, kind="stable")[:keep]).tolist()
    return CorrelationMap(
        level=level,
        names=tuple(names[k] for k in kept),
        sites=tuple(sites[k] for k in kept),
        n=tuple(int(n[k]) for k in kept),
        nights=nights,
        what=what,
        r=tuple(tuple(number(r[a, b]) for b in kept) for a in kept),
        total=groups if groups > len(kept) else None,
    )
