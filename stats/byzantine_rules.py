"""Aggregation rules of the literature, to compare with: each fails under some attack.

They are made for gradients of equal meaning.  With evidence, sources see different
things, and a rule that picks the largest crowd throws away those who know better.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.summary import InvalidInput

__all__ = ["centered_clipping", "geometric_median", "krum"]

Floats = NDArray[np.float64]


def geometric_median(vectors: ArrayLike, *, steps: int = 100) -> Floats:
    """Point with the smallest sum of distances to all vectors.

    Parameters
    ----------
    vectors : array_like, shape (n, h)
        Finite.
    steps : int
        Iterations at most.

    Returns
    -------
    float64 array, shape (h,)

    Raises
    ------
    InvalidInput
        For a shape that is not (n, h), or values that are not finite.

    Notes
    -----
    Weiszfeld's algorithm, smoothed at the vectors themselves.
    Source: Pillutla, Kakade, Harchaoui, IEEE Trans. Signal Processing 70 (2022).
    """
    x = _checked(vectors, "geometric_median")
    middle = np.median(x, axis=0)
    # Half of the vectors say how large a small distance is: one far away must not.
    scale = float(np.median(np.linalg.norm(x - middle, axis=1)))
    for _ in range(steps if scale > 0 else 0):  # 0: half of them are in one place
        distance = np.maximum(np.linalg.norm(x - middle, axis=1), 1e-9 * scale)
        moved = (x / distance[:, None]).sum(axis=0) / (1.0 / distance).sum()
        if np.abs(moved - middle).max() <= 1e-12 * scale:
            break
        middle = moved
    found: Floats = middle
    return found


def krum(vectors: ArrayLike, f: int, *, keep: int = 1) -> Floats:
    """Mean of the vectors closest to their n - f - 2 nearest neighbours.

    Parameters
    ----------
    vectors : array_like, shape (n, h)
        Finite.
    f : int
        Lying vectors, known; n >= f + 3.
    keep : int
        Vectors averaged; more than 1 is multi-Krum.

    Returns
    -------
    float64 array, shape (h,)

    Raises
    ------
    InvalidInput
        For a shape that is not (n, h), values that are not finite, or too large an f.

    Notes
    -----
    Source: Blanchard et al., NeurIPS (2017).
    """
    x = _checked(vectors, "krum")
    n = len(x)
    if not 0 <= f <= n - 3 or not 1 <= keep <= n:
        raise InvalidInput(
            f"krum: f = {f} and keep = {keep} with {n} vectors. Give n >= f + 3 and "
            "1 <= keep <= n."
        )
    square = ((x[:, None] - x[None]) ** 2).sum(axis=2)
    nearest = np.sort(square, axis=1)[:, 1 : n - f - 1]
    order = np.argsort(nearest.sum(axis=1), kind="stable")
    found: Floats = x[order[:keep]].mean(axis=0)
    return found


def centered_clipping(vectors: ArrayLike, radius: float, *, steps: int = 10) -> Floats:
    """Mean of vectors pulled to within a radius of a centre, which moves to it.

    Parameters
    ----------
    vectors : array_like, shape (n, h)
        Finite.
    radius : float
        > 0, in the unit of the vectors.
    steps : int

    Returns
    -------
    float64 array, shape (h,)

    Raises
    ------
    InvalidInput
        For a shape that is not (n, h), values that are not finite, or a radius that
        is not > 0.

    Notes
    -----
    Starts at the coordinate-wise median.
    Source: Karimireddy, He, Jaggi, ICML (2021).
    """
    x = _checked(vectors, "centered_clipping")
    if not radius > 0:
        raise InvalidInput(
            f"centered_clipping: radius {radius}. Give a distance above 0."
        )
    middle: Floats = np.median(x, axis=0)
    for _ in range(steps):
        gap = x - middle
        distance = np.maximum(np.linalg.norm(gap, axis=1, keepdims=True), 1e-300)
        middle = middle + (gap * np.minimum(1.0, radius / distance)).mean(axis=0)
    return middle


def _checked(vectors: ArrayLike, where: str) -> Floats:
    x = np.asarray(vectors, np.float64)
    if x.ndim != 2 or not len(x) or not np.isfinite(x).all():
        raise InvalidInput(
            f"{where}: vectors {x.shape}, {int((~np.isfinite(x)).sum())} values not "
            "finite. Give (n, h) with n > 0, and leave out who sends no numbers."
        )
    return x
