"""Determinants and distances of positive definite matrices, or a refusal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stats.summary import InvalidInput

__all__ = ["ScaleMatrix"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# A pivot below this many units in the last place per feature is made of rounding.
_NOISE = 64.0


class ScaleMatrix:
    """Cholesky factors of many matrices of unit diagonal, and their diagonals.

    Parameters
    ----------
    matrices : float64 array, shape (g, p, p)
        Symmetric.
    where : str
        Start of the error text.

    Raises
    ------
    InvalidInput
        When one is not positive definite to working precision: the variance that is
        left of a feature, given those before it, is below 64 p units in the last place.

    Examples
    --------
    >>> ScaleMatrix(4.0 * np.eye(2)[None], "example").log_determinant().round(4)
    array([2.7726])
    """

    __slots__ = ("_deviation", "_factor")

    def __init__(self, matrices: Floats, where: str) -> None:
        p = matrices.shape[-1]
        diagonal = np.einsum("gii->gi", matrices)
        good = np.isfinite(matrices).all(axis=(1, 2)) & (diagonal > 0).all(axis=1)
        self._deviation = np.sqrt(np.where(good[:, None], diagonal, 1.0))
        unit = matrices / self._deviation[:, :, None] / self._deviation[:, None, :]
        unit[~good] = np.eye(p)
        self._factor, pivot = _factors(unit)
        smallest = np.where(good, pivot.min(axis=1), 0.0)
        limit = _NOISE * p * np.finfo(np.float64).eps
        bad = np.flatnonzero(smallest < limit)
        if len(bad):
            raise InvalidInput(
                f"{where}: the scale of {len(bad)} of {len(matrices)} groups is "
                f"singular to working precision, first group {bad[0]}: smallest pivot "
                f"{smallest[bad[0]]:.3g}, needed {limit:.3g}. Leave out features that "
                "follow from others, or give a larger prior scale."
            )

    def log_determinant(self) -> Floats:
        """Log of every determinant, shape (g,)."""
        pivots = np.einsum("gii->gi", self._factor)
        found: Floats = 2.0 * (np.log(pivots) + np.log(self._deviation)).sum(axis=1)
        return found

    def distance(self, gap: Floats, group: Ints) -> Floats:
        """Squared lengths of gaps (n, p) under the inverse matrix of their group."""
        scaled = gap / self._deviation[group]
        solved = np.linalg.solve(self._factor[group], scaled[:, :, None])[:, :, 0]
        found: Floats = (solved**2).sum(axis=1)
        return found


def _factors(unit: Floats) -> tuple[Floats, Floats]:
    """Lower factors and their squared pivots; a pivot of 0 where there is none."""
    try:
        factor = _cholesky(unit)
    except np.linalg.LinAlgError:
        factor = np.stack([_factor_or_zero(one) for one in unit])
    return factor, np.asarray(np.einsum("gii->gi", factor) ** 2)


def _factor_or_zero(matrix: Floats) -> Floats:
    try:
        return _cholesky(matrix)
    except np.linalg.LinAlgError:
        return np.zeros_like(matrix)


def _cholesky(matrix: Floats) -> Floats:
    return np.asarray(np.linalg.cholesky(matrix), np.float64)
