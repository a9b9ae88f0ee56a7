"""What a contender computed, and how far two answers are apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Answer = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Contender:
    """One who answers, in one or more ways of which the cheapest is quoted.

    Attributes
    ----------
    name : str
    variants : mapping of str to callable
        Each computes the whole answer, files included.
    tolerance : float
        How far its answer may be from ours, see `difference`.
    """

    name: str
    variants: Mapping[str, Callable[[], Answer]]
    tolerance: float


def difference(ours: Answer, theirs: Answer) -> float:
    """Return the largest difference over all groups and features.

    Of a covariance relative to the two standard deviations, of a standard deviation
    relative to itself, of mean, minimum and maximum relative to |mean| + sd.  Counts
    have to be equal, and so has what is missing: otherwise infinite.
    """
    if sorted(ours) != sorted(theirs):
        raise ValueError(f"difference: {sorted(ours)} beside {sorted(theirs)}")
    if "covariance" in ours:
        variance = np.diagonal(ours["covariance"], axis1=1, axis2=2)
        sd = np.sqrt(variance)
        scale = {"covariance": sd[:, :, None] * sd[:, None, :]}
    else:
        level = np.abs(ours["mean"]) + ours["sd"]
        scale = dict.fromkeys(("mean", "minimum", "maximum"), level)
        scale["sd"] = ours["sd"]
    if "count" in ours and not np.array_equal(ours["count"], theirs["count"]):
        return float("inf")
    return max(_apart(ours[k], theirs[k], scale[k]) for k in scale if k in ours)


def _apart(
    ours: NDArray[Any], theirs: NDArray[Any], scale: NDArray[np.float64]
) -> float:
    if not np.array_equal(np.isnan(ours), np.isnan(theirs)):
        return float("inf")
    apart = np.abs(theirs.astype(np.float64) - ours)
    known = ~np.isnan(apart)
    return float(np.max(apart[known] / scale[known]))
