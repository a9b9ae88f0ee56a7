"""How much likelier a distance is if a known shift has happened than if none has."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from stats.summary import InvalidInput

__all__ = ["ratio_from_distance"]

Floats = NDArray[np.float64]

# Rows whose series are summed at once, and terms after which one is given up on; the
# largest term of the allowed shifts comes long before.
_BLOCK, _MOST_TERMS = 65_536, 100_000
# Larger ones are no shift to look for but another unit of measurement.
_LARGEST_SHIFT = 1e6
_BIG = 1e200


def ratio_from_distance(
    d2: ArrayLike, features: ArrayLike, shift: ArrayLike, rows: ArrayLike = np.inf
) -> Floats:
    """Log-likelihood ratio of a shift of known size in an unknown direction.

    Parameters
    ----------
    d2 : array_like
        Squared distance of a new row to the mean of its baseline; NaN gives NaN.
    features : array_like
        Behind each distance, at least 1; fractions are allowed.
    shift : array_like
        Squared distance δ² between the two means, above 0, at most 1e6.
    rows : array_like
        Behind mean and covariance (ddof 1), more than features; infinite if both are
        known, which is the default.

    Returns
    -------
    float64 array
        Log of the noncentral over the central density at d2: F with noncentrality
        δ² n / (n + 1) for n rows, chi-square with δ² for known covariance.

    Raises
    ------
    InvalidInput
        For a distance below 0 or infinite, or another parameter out of range.

    Notes
    -----
    F: exp(-λ/2) ₁F₁((p + ν)/2; p/2; λ y/2), y = p f / (p f + ν), a sum of positive
    terms, rescaled so that it does not overflow.  Chi-square: a scaled Bessel function.
    Source: Johnson, Kotz, Balakrishnan, Continuous Univariate Distributions 2 (1995),
    chapters 29 and 30.

    Examples
    --------
    >>> ratio_from_distance([2.0, 40.0], 3, shift=25.0).round(2)
    array([-8.08, 14.98])
    """
    d, p, size, n = np.broadcast_arrays(
        *(np.asarray(v, np.float64) for v in (d2, features, shift, rows))
    )
    good = ~((d < 0) | np.isposinf(d)) & (p >= 1) & np.isfinite(p)
    good &= (size > 0) & (size <= _LARGEST_SHIFT) & (n > p)
    if not good.all():
        at = np.flatnonzero(~good)[0]
        raise InvalidInput(
            f"ratio_from_distance: d2 {d.flat[at]}, features {p.flat[at]}, shift "
            f"{size.flat[at]}, rows {n.flat[at]}. Give finite d2 >= 0, features >= 1, "
            f"a shift in (0, {_LARGEST_SHIFT:g}] and more rows than features."
        )
    found = np.full(d.size, np.nan)
    known = np.isinf(n.ravel())
    seen = ~np.isnan(d.ravel())
    flat = [v.ravel() for v in (d, p, size, n)]
    for first in range(0, d.size, _BLOCK):
        part = slice(first, first + _BLOCK)
        chi, f = known[part] & seen[part], ~known[part] & seen[part]
        found[part][chi] = _chi_square(*(v[part][chi] for v in flat[:3]))
        found[part][f] = _f_law(*(v[part][f] for v in flat))
    return found.reshape(d.shape)


def _chi_square(d: Floats, p: Floats, size: Floats) -> Floats:
    """Log ratio of noncentral to central chi-square densities."""
    x, order = np.sqrt(size * d), p / 2.0 - 1.0
    bessel = special.ive(order, x)
    usual = (x > 1.0) & (bessel > 0.0)
    y = np.where(usual, x, 1.0)
    log_bessel = np.log(np.where(usual, bessel, 1.0))
    log_sum = special.gammaln(p / 2.0) - order * np.log(y / 2.0) + log_bessel + y
    rest = ~usual
    if rest.any():
        log_sum[rest] = _log_series(x[rest] ** 2 / 4.0, None, p[rest] / 2.0)
    found: Floats = log_sum - size / 2.0
    return found


def _f_law(d: Floats, p: Floats, size: Floats, n: Floats) -> Floats:
    """Log ratio of noncentral to central F densities."""
    left, shift = n - p, size * n / (n + 1.0)
    odds = d * n / (n**2 - 1.0)  # p f / ν
    x = shift / 2.0 * odds / (1.0 + odds)
    return _log_series(x, (p + left) / 2.0, p / 2.0) - shift / 2.0


def _log_series(x: Floats, upper: Floats | None, lower: Floats) -> Floats:
    """Log of Σ (upper)_j / (lower)_j x^j / j!; without `upper` its factors are 1."""
    term, total = np.ones_like(x), np.ones_like(x)
    scale = np.zeros_like(x)
    for j in range(_MOST_TERMS):
        factor = x / ((lower + j) * (j + 1.0))
        if upper is not None:
            factor = factor * (upper + j)
        term = term * factor
        total = total + term
        large = total > _BIG
        if large.any():
            scale[large] += np.log(_BIG)
            term[large] /= _BIG
            total[large] /= _BIG
        if ((factor < 0.5) & (term <= 1e-17 * total)).all():
            break
    found: Floats = np.log(total) + scale
    return found
