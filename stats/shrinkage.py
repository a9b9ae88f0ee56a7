"""Shrink a correlation matrix towards the identity, so that it can be inverted."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.summary import InvalidInput

__all__ = ["correlation_scale", "ledoit_wolf", "oas"]

Floats = NDArray[np.float64]


def oas(covariance: ArrayLike, n: ArrayLike) -> tuple[Floats, Floats]:
    """Oracle approximating shrinkage, on the correlation scale.

    Parameters
    ----------
    covariance : array_like, shape (..., d, d)
        Sample covariance; any ddof, since only its correlations are shrunk.
    n : array_like, shape (...)
        Observations behind it.

    Returns
    -------
    shrunk : float64 array, shape (..., d, d)
        Same variances; correlations multiplied by 1 - intensity.
    intensity : float64 array, shape (...)
        In [0, 1].  NaN, as the matrix, where the covariance holds NaN or n < 1.

    Raises
    ------
    InvalidInput
        When the last two axes are not square.

    Notes
    -----
    With R the correlation matrix and a = tr(R²)/d²: ρ = min(1, (a + 1) / ((n + 1)
    (a - 1/d))).  On the covariance scale the feature with the largest unit would
    decide.  A constant feature has correlation 0 with the others.
    Source: Chen, Wiesel, Eldar, Hero, IEEE Trans. Signal Processing 58 (2010), in the
    form without the 2/d terms.

    Examples
    --------
    >>> shrunk, intensity = oas([[1.0, 0.5], [0.5, 1.0]], 11)
    >>> float(intensity.round(4))
    1.0
    """
    matrix = _square(covariance, "oas")
    scale, r = correlation_scale(matrix)
    d = matrix.shape[-1]
    count = np.asarray(n, np.float64)
    a = (r**2).sum(axis=(-2, -1)) / d**2
    excess = a - 1.0 / d
    known = np.isfinite(a) & (count >= 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (a + 1.0) / ((count + 1.0) * excess)
    rho = np.where(excess > 0, np.minimum(found, 1.0), 1.0)
    rho = np.where(known, rho, np.nan)
    return _pull(scale, r, rho), rho


def ledoit_wolf(values: ArrayLike) -> tuple[Floats, float]:
    """Ledoit and Wolf's shrinkage of standardised rows; needs the rows themselves.

    Parameters
    ----------
    values : array_like, shape (n, d)
        Complete rows: no NaN.

    Returns
    -------
    shrunk : float64 array, shape (d, d)
        Covariance (ddof 1) with correlations multiplied by 1 - intensity.
    intensity : float
        In [0, 1].

    Raises
    ------
    InvalidInput
        For fewer than two rows or missing values.

    Notes
    -----
    intensity = min(1, Σ‖z zᵀ - R‖² / (n² ‖R - I‖²)) over standardised rows z.  It needs
    fourth moments, which sums and products do not hold.
    Source: Ledoit, Wolf, J. Multivariate Analysis 88 (2004), on the correlation scale.
    """
    x = np.asarray(values, np.float64)
    if x.ndim != 2 or len(x) < 2 or not np.isfinite(x).all():
        raise InvalidInput(
            f"ledoit_wolf: values of shape {x.shape} are not two or more complete "
            "rows. Drop rows with missing values, or use oas."
        )
    n = len(x)
    centred = x - x.mean(axis=0)
    covariance = centred.T @ centred / (n - 1)
    scale, r = correlation_scale(covariance)
    z = centred / np.where(scale > 0, scale, 1.0) * np.sqrt(n / (n - 1))
    length4 = float(((z**2).sum(axis=1) ** 2).sum())
    noise = max(length4 / n - float((r**2).sum()), 0.0) / n
    distance = float(((r - np.eye(len(r))) ** 2).sum())
    rho = min(noise / distance, 1.0) if distance > 0 else 1.0
    return _pull(scale, r, np.asarray(rho)), rho


def correlation_scale(covariance: Floats) -> tuple[Floats, Floats]:
    """Standard deviations (..., d) and correlations (..., d, d) of a covariance.

    A feature without variance has the identity's row and column.
    """
    d = covariance.shape[-1]
    variance = np.einsum("...ii->...i", covariance)
    scale = np.sqrt(np.maximum(variance, 0.0))
    safe = np.where(scale > 0, scale, 1.0)
    r = covariance / (safe[..., :, None] * safe[..., None, :])
    constant = scale == 0
    either = constant[..., :, None] | constant[..., None, :]
    r = np.where(either, 0.0, r)
    return scale, np.where(np.eye(d, dtype=bool) & ~np.isnan(r), 1.0, r)


def _pull(scale: Floats, r: Floats, rho: Floats) -> Floats:
    d = r.shape[-1]
    keep = np.where(np.eye(d, dtype=bool), 1.0, (1.0 - rho)[..., None, None])
    shrunk: Floats = r * keep * scale[..., :, None] * scale[..., None, :]
    return shrunk


def _square(covariance: ArrayLike, where: str) -> Floats:
    matrix = np.asarray(covariance, np.float64)
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2]:
        raise InvalidInput(
            f"{where}: shape {matrix.shape} is not square. Give (..., d, d)."
        )
    return matrix
