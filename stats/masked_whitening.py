"""Rows to unit, uncorrelated features when each row may lack some of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Whitened", "whiten_rows"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Whitened:
    """Rows in units in which their features do not correlate.

    Attributes
    ----------
    rows : float64 array, shape (m, k, d)
        Squares sum to the squared distance over the features that were seen, and show
        what each adds to it.  0 in rows without any.
    features : int64 array, shape (m, k)
        Features seen: the expected square sum.
    log_determinant : float64 array, shape (m, k)
        Of the correlation matrix of the features seen.
    """

    rows: Floats
    features: Ints
    log_determinant: Floats


def whiten_rows(
    z: Floats, groups: Ints, correlation: Floats, usable: Bools
) -> Whitened:
    """Whiten series of rows, each with the correlation matrix of its group.

    Parameters
    ----------
    z : float64 array, shape (m, k, d)
        Standardised rows; NaN is missing.
    groups : int64 array, shape (m,)
        In [0, g).
    correlation : float64 array, shape (g, d, d)
        Positive definite, with the identity's row for features that are not usable.
    usable : bool array, shape (g, d)
        Features that take part at all.

    Returns
    -------
    Whitened

    Notes
    -----
    A row with features O is completed by what R expects of the others given these,
    then multiplied by R^(-1/2): its square sum is then zᵀ R_OO⁻¹ z over O exactly, so
    sums over nights may mix rows with different gaps.  One matrix per group and
    pattern of gaps: R^(1/2) times R_OO⁻¹ put at its place.
    Source: symmetric root as Garthwaite, Koch, Australian and New Zealand J.
    Statistics 58 (2016).  Naive twin: tests/stats/test_own.py.
    """
    used, groups = np.unique(groups, return_inverse=True)
    correlation, usable = correlation[used], usable[used]
    values, vectors = np.linalg.eigh(correlation)
    root = np.einsum("gij,gj,gkj->gik", vectors, np.sqrt(values), vectors)
    inverse = np.einsum("gij,gj,gkj->gik", vectors, 1.0 / np.sqrt(values), vectors)
    seen = ~np.isnan(z) & usable[groups][:, None]
    filled = np.where(seen, z, 0.0)
    rows = np.matmul(filled, inverse[groups])
    features = seen.sum(axis=2)
    log_det = np.broadcast_to(
        np.log(values).sum(axis=1)[groups][:, None], features.shape
    ).copy()
    partial = features < usable.sum(axis=1)[groups][:, None]
    where = np.nonzero(partial)
    if where[0].size:
        patterns = seen[where]
        owners = groups[where[0]]
        first, index = _patterns(patterns, owners)
        mask, group = patterns[first], owners[first]
        both = mask[:, :, None] & mask[:, None, :]
        sub = np.where(both, correlation[group], np.eye(z.shape[2]))
        matrix = np.matmul(root[group], np.where(both, np.linalg.inv(sub), 0.0))
        rows[where] = np.einsum("nij,nj->ni", matrix[index], filled[where])
        log_det[where] = np.linalg.slogdet(sub)[1][index]
    return Whitened(rows, features, log_det)


def _patterns(patterns: Bools, groups: Ints) -> tuple[Ints, Ints]:
    """Return the first row of every pattern of a group, and each row's pattern."""
    packed = np.packbits(patterns, axis=1).astype(np.int64)
    keys = np.column_stack([groups, packed])
    _, first, index = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    return first, index.reshape(-1)
