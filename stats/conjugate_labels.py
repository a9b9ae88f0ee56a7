"""Rows that are one of k kinds: checked, and looked up in expected shares."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.conjugate_state import checked_rows, require
from stats.group_counts import GroupCounts

__all__ = ["check_kinds", "checked_labels", "log_share"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def checked_labels(
    values: ArrayLike, groups: ArrayLike, n_groups: int, k: int, where: str
) -> tuple[Ints, Ints]:
    """Whole numbers in [0, k) and groups; a missing row has label 0 and group -1.

    Raises
    ------
    InvalidInput
        For other values, or shapes that do not fit.
    """
    x, group = checked_rows(values, groups, n_groups, where)
    x = np.where(np.isnan(x), 0.0, x)
    bad = (x != np.floor(x)) | (x < 0) | (x >= k)
    first = x[bad][0] if bad.any() else 0
    require(
        not bad.any(), where,
        f"{int(bad.sum())} values are none of the {k} kinds, the first is {first}",
        f"Give whole numbers in [0, {k}), NaN for what is missing.",
    )  # fmt: skip
    return x.astype(np.int64), group


def check_kinds(sums: GroupCounts, k: int, where: str) -> None:
    """Refuse counts of another number of kinds than the prior has."""
    found = sums.counts.shape[1]
    require(
        found == k, where, f"{found} columns of counts for {k} kinds",
        "Give one column and one prior value per kind.",
    )  # fmt: skip


def log_share(alpha: Floats, label: Ints, group: Ints) -> Floats:
    """Log of the expected share of a label in a group; NaN for group -1."""
    out = np.full(len(label), np.nan)
    seen = group >= 0
    share = alpha / alpha.sum(axis=1, keepdims=True)
    out[seen] = np.log(share[group[seen], label[seen]])
    return out
