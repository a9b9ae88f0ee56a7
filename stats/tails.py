"""Log tail probabilities that do not underflow: F, and distances of rows left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

__all__ = ["left_out_distance", "log_f_tail", "new_row_log_p"]

Floats = NDArray[np.float64]

_TINY = 1e-280
_TERMS = 400


def log_f_tail(f: ArrayLike, p: ArrayLike, dof: ArrayLike) -> Floats:
    """Natural logarithm of P(F(p, dof) > f).

    Parameters
    ----------
    f : array_like
        Values; +inf gives -inf, NaN stays NaN, below 0 counts as 0.
    p, dof : array_like
        Degrees of freedom of numerator and denominator; NaN where either is not > 0.

    Returns
    -------
    float64 array, <= 0
        Relative error below 1e-10, also far beyond the 1e-308 of float64: there the
        continued fraction of the incomplete beta function is taken in logarithms.

    Notes
    -----
    The tail is I_z(dof/2, p/2) with z = dof / (dof + p f).
    Source: DLMF 8.17.22; the fraction converges fast for z below its mean.
    """
    x, a1, b1 = np.broadcast_arrays(*(np.asarray(v, np.float64) for v in (f, p, dof)))
    valid = (a1 > 0) & (b1 > 0) & ~np.isnan(x)
    x = np.where(valid, np.maximum(x, 0.0), 0.0)
    b, a = np.where(valid, a1, 1.0) / 2.0, np.where(valid, b1, 1.0) / 2.0
    odds = b * x / a
    z = 1.0 / (1.0 + odds)
    rest = np.where(odds > 0, 1.0 / (1.0 + 1.0 / np.where(odds > 0, odds, 1.0)), 0.0)
    tail = special.betainc(a, b, z)
    with np.errstate(divide="ignore"):
        out = np.atleast_1d(np.log(tail))
    far = np.atleast_1d((tail < _TINY) & np.isfinite(odds))
    if far.any():
        part = [np.atleast_1d(v)[far] for v in (a, b, z, rest)]
        out[far] = _log_betainc_far(*part)
    out = np.where(np.atleast_1d(valid), np.minimum(out, 0.0), np.nan)
    return out.reshape(x.shape)


def new_row_log_p(d2: ArrayLike, p: ArrayLike, n: ArrayLike) -> Floats:
    """Log p of the squared distance of one new row to the mean of n baseline rows.

    Parameters
    ----------
    d2 : array_like
        (x - mean)ᵀ S⁻¹ (x - mean), S the baseline's covariance with ddof 1.
    p, n : array_like
        Features and baseline rows; NaN where n <= p.

    Returns
    -------
    float64 array

    Notes
    -----
    d² n (n-p) / (p (n²-1)) ~ F(p, n-p) for normal rows: chi-square is wrong for an
    estimated covariance.  Source: Hotelling, Annals of Math. Statistics 2 (1931).
    """
    d, k, rows = (np.asarray(v, np.float64) for v in (d2, p, n))
    enough = rows > k
    safe = np.where(enough & (k > 0), rows - k, np.nan)
    factor = rows * safe / (np.where(k > 0, k, np.nan) * (rows**2 - 1.0))
    return log_f_tail(d * factor, k, safe)


def left_out_distance(d2: ArrayLike, n: ArrayLike) -> Floats:
    """Distance of a baseline row to the baseline without it, without a refit.

    Parameters
    ----------
    d2 : array_like
        Squared distance of the row to the baseline of n rows that contains it.
    n : array_like

    Returns
    -------
    float64 array
        Distance to mean and covariance of the other n - 1 rows; NaN for n < 3,
        infinite where the others leave the row's direction without variance.

    Notes
    -----
    (n-2) n² a / ((n-1) (n-1-n a)) with a = d² / (n-1): a rank-one downdate.
    """
    d, rows = (np.asarray(v, np.float64) for v in (d2, n))
    rows = np.where(rows < 3, np.nan, rows)
    a = d / (rows - 1.0)
    left = np.maximum(rows - 1.0 - rows * a, 0.0)
    with np.errstate(divide="ignore"):
        found: Floats = (rows - 2.0) * rows**2 * a / ((rows - 1.0) * left)
    return found


def _log_betainc_far(a: Floats, b: Floats, z: Floats, rest: Floats) -> Floats:
    """Return log I_z(a, b) by the modified Lentz continued fraction, DLMF 8.17.22."""
    tiny = 1e-300
    c = np.ones_like(z)
    d = 1.0 - (a + b) * z / (a + 1.0)
    d = 1.0 / np.where(np.abs(d) < tiny, tiny, d)
    h = d.copy()
    for m in range(1, _TERMS):
        for numerator in (
            m * (b - m) * z / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * z / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 + numerator * d
            d = 1.0 / np.where(np.abs(d) < tiny, tiny, d)
            c = 1.0 + numerator / c
            c = np.where(np.abs(c) < tiny, tiny, c)
            step = c * d
            h = h * step
        if np.all(np.abs(step - 1.0) < 1e-15):
            break
    log_z, log_rest = np.log(z), np.log(rest)
    return a * log_z + b * log_rest - np.log(a) - special.betaln(a, b) + np.log(h)
