"""Squared distances whose covariance may be constant, dependent or partly missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.shrinkage import correlation_scale

__all__ = ["Conditioned", "condition", "marginal_distances", "whiteners"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Smallest eigenvalue of a correlation matrix relative to its largest one.
EIGENVALUE_FLOOR = 1e-3
# Eigenvalues below this share of the largest one count as exact dependence.
_DEPENDENT = 1e-10
# Rows that are transformed at once; bounds the memory to rows x d².
_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class Conditioned:
    """Covariances that can be inverted, and what it took.

    Attributes
    ----------
    covariance : float64 array, shape (g, d, d)
        NaN in row and column of a feature without a variance.
    floored : bool array, shape (g, d)
        Features whose standard deviation was raised to its floor.
    condition : float64 array, shape (g,)
        Largest over smallest eigenvalue of the correlation matrix before any floor;
        infinite when singular, NaN when no feature has a variance.
    rank : int64 array, shape (g,)
        Directions that really vary: constant and dependent ones are not counted.
    """

    covariance: Floats
    floored: Bools
    condition: Floats
    rank: NDArray[np.int64]


def condition(
    covariance: Floats, floors: ArrayLike, *, dof: ArrayLike | None
) -> Conditioned:
    """Raise standard deviations and eigenvalues to their floors.

    Parameters
    ----------
    covariance : float64 array, shape (g, d, d)
        NaN off the diagonal is taken as uncorrelated.
    floors : array_like, shape (d,) or (g, d)
        Smallest standard deviation per feature, in its own unit; 0 is no floor.
    dof : array_like, shape (g,) or (g, d, d), or None
        Degrees of freedom of each covariance, or of its pairs of features, for the
        eigenvalue floor; None: no such floor.

    Returns
    -------
    Conditioned

    Notes
    -----
    A floored feature gets the identity's row and column of the correlation matrix;
    then eigenvalues below 1e-3 of the largest one, times what sampling alone does to
    the smallest one, (1 - √(d / dof))², are raised to that.  A pseudo-inverse
    would drop those directions instead, and be blind to a move along them.  Without a
    floor in play the covariance comes back unchanged, so that the F laws hold.
    Where pairs rest on other rows than their features, a share u of rows apart, the
    matrix carries noise of about √(u d / dof) and a direction with less variance is
    not known: eigenvalues are raised to twice that, and F laws become conservative.
    """
    d = covariance.shape[-1]
    floor = np.broadcast_to(np.asarray(floors, np.float64), covariance.shape[:-1])
    variance = np.einsum("...ii->...i", covariance)
    known = np.isfinite(variance)
    raw = np.sqrt(np.maximum(np.where(known, variance, 0.0), 0.0))
    floored = known & (raw <= floor) & (floor > 0)
    scale = np.where(floored, floor, raw)
    alone = floored | ~known | (raw == 0)
    _, r = correlation_scale(np.where(np.isnan(covariance), 0.0, covariance))
    r = np.where(alone[..., :, None] | alone[..., None, :], np.eye(d), r)
    values, vectors = np.linalg.eigh(r)
    real = known & ~floored & (raw > 0)
    worst = _condition_number(values, raw, known)
    dependent = (values <= _DEPENDENT * values[..., -1:]).sum(axis=-1)
    least = _eigenvalue_floor(values[..., -1], d, dof)[..., None]
    raised = np.maximum(values, least)
    lifted = np.einsum("gik,gk,gjk->gij", vectors, raised, vectors)
    weak = np.any(values < least, axis=-1)
    r = np.where(weak[:, None, None], (lifted + lifted.swapaxes(1, 2)) / 2.0, r)
    out = r * scale[..., :, None] * scale[..., None, :]
    out = np.where(known[..., :, None] & known[..., None, :], out, np.nan)
    rank = np.maximum(real.sum(axis=-1) - dependent, 0).astype(np.int64)
    return Conditioned(out, floored, worst, rank)


def _eigenvalue_floor(largest: Floats, d: int, dof: ArrayLike | None) -> Floats:
    """Smallest eigenvalue that is trusted, shape (g,)."""
    if dof is None:
        return np.full(largest.shape, -np.inf)
    pairs = np.asarray(dof, np.float64)
    noise = np.zeros(largest.shape)
    if pairs.ndim == 3:
        own = np.einsum("gii->gi", pairs)
        with np.errstate(invalid="ignore", divide="ignore"):
            shared = pairs / np.sqrt(own[:, :, None] * own[:, None, :])
        apart = 1.0 - np.where(np.isfinite(shared), shared, 1.0).min(axis=(1, 2))
        pairs = np.where(pairs > 0, pairs, np.inf).min(axis=(1, 2))
        noise = 2.0 * np.sqrt(apart * d / pairs)
    shrink = 1.0 - np.sqrt(d / np.maximum(pairs, 1.0))
    edge = EIGENVALUE_FLOOR * np.maximum(shrink, 0.0) ** 2
    floor: Floats = np.maximum(edge, EIGENVALUE_FLOOR**2) * largest
    return np.maximum(floor, noise)


def _condition_number(values: Floats, raw: Floats, known: Bools) -> Floats:
    constant = np.any(known & (raw == 0), axis=1)
    singular = (values[:, 0] <= _DEPENDENT * values[:, -1]) | constant
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(singular, np.inf, values[:, -1] / values[:, 0])
    return np.where(known.any(axis=1), ratio, np.nan)


def whiteners(covariance: Floats) -> Floats:
    """R^(-1/2) D⁻¹ of covariances D R D, shape (k, p, p): unit, uncorrelated features.

    The symmetric root keeps every component as close as possible to its own feature,
    so squared components say what each feature adds to the distance (corr-max).
    Source: Garthwaite, Koch, Australian and New Zealand J. Statistics 58 (2016).
    """
    scale, r = correlation_scale(covariance)
    values, vectors = np.linalg.eigh(r)
    root = np.einsum("kij,kj,klj->kil", vectors, values**-0.5, vectors)
    whitened: Floats = root / scale[:, None, :]
    return whitened


def marginal_distances(
    residual: Floats, groups: NDArray[np.int64], covariance: Floats
) -> tuple[Floats, NDArray[np.int64], Floats]:
    """Squared distance of every row over the features that it has.

    Parameters
    ----------
    residual : float64 array, shape (n, d)
        Row minus centre; not finite is missing.
    groups : int64 array, shape (n,)
        Whose covariance each row is measured with.
    covariance : float64 array, shape (g, d, d)
        Conditioned.  Features with NaN or zero variance count as missing.

    Returns
    -------
    d2 : float64 array, shape (n,)
        NaN for a row without any feature.
    p : int64 array, shape (n,)
        Features in it.
    parts : float64 array, shape (n, d)
        What each feature adds, >= 0, summing to d2; 0 for a missing one.

    Notes
    -----
    Rows are grouped by their mask of missing features; each mask takes the sub-matrix
    of the covariance, never a value put in for what is missing.
    """
    variance = np.einsum("gii->gi", covariance)
    usable = np.isfinite(variance) & (variance > 0)
    seen = np.isfinite(residual) & usable[groups]
    parts = np.zeros(residual.shape)
    masks, which = np.unique(seen, axis=0, return_inverse=True)
    which = which.reshape(-1)
    for index, mask in enumerate(masks):
        columns = np.flatnonzero(mask)
        if not columns.size:
            continue
        rows = np.flatnonzero(which == index)
        used, local = np.unique(groups[rows], return_inverse=True)
        w = whiteners(covariance[np.ix_(used, columns, columns)])
        for start in range(0, len(rows), _ROWS):
            chunk = slice(start, start + _ROWS)
            u = residual[np.ix_(rows[chunk], columns)]
            moved = np.einsum("nij,nj->ni", w[local.reshape(-1)[chunk]], u)
            parts[np.ix_(rows[chunk], columns)] = moved**2
    p = seen.sum(axis=1)
    d2 = np.where(p > 0, parts.sum(axis=1), np.nan)
    return d2, p.astype(np.int64), parts
