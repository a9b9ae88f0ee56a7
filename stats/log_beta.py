"""The logarithm of the beta function, also where logarithms of gammas would cancel."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

__all__ = ["log_beta", "stirling_remainder"]

Floats = NDArray[np.float64]

# From here on the series below is exact to float64.
_LARGE = 10.0
_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)
# Coefficients of 1/x, 1/x³, … of log Γ(x) minus Stirling's formula, last one first.
_SERIES = (
    1 / 156, -691 / 360360, 1 / 1188, -1 / 1680, 1 / 1260, -1 / 360, 1 / 12,
)  # fmt: skip


def log_beta(a: ArrayLike, b: ArrayLike) -> Floats:
    """Log Γ(a) + log Γ(b) - log Γ(a + b).

    Parameters
    ----------
    a, b : array_like
        Positive; they broadcast.

    Returns
    -------
    float64 array

    Notes
    -----
    Gammas of 1e12 differ by less than their last digits; here the large parts cancel
    on paper, and what is left is computed: an error of a few 1e-15 of the result, or
    of the smaller of a and b where that is larger.
    Source: DiDonato and Morris, ACM Trans. Math. Software 18 (1992), section 2.

    Examples
    --------
    >>> float(log_beta(1.0, 1e15) + np.log(1e15))
    0.0
    """
    x, y = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(b, np.float64))
    small, large = np.minimum(x, y), np.maximum(x, y)
    total = small + large
    both = small >= _LARGE
    one = ~both & (large >= _LARGE)
    out = np.asarray(
        special.gammaln(small) + special.gammaln(large) - special.gammaln(total)
    )
    p, q, s = small[both], large[both], total[both]
    out[both] = (
        (p - 0.5) * np.log(p / s)
        + q * np.log1p(-p / s)
        - 0.5 * np.log(q)
        + _HALF_LOG_TWO_PI
        + (stirling_remainder(p) + stirling_remainder(q) - stirling_remainder(s))
    )
    p, q, s = small[one], large[one], total[one]
    rest = stirling_remainder(q) - stirling_remainder(s)
    lost = p - (s - 0.5) * np.log1p(p / q)
    out[one] = special.gammaln(p) - p * np.log(q) + (lost + rest)
    return out


def stirling_remainder(x: Floats) -> Floats:
    """Log Γ(x) minus Stirling's formula, (x - 1/2) log x - x + log(2π)/2.

    Parameters
    ----------
    x : float64 array
        10 or more; there the first seven terms of the series are exact to float64.

    Notes
    -----
    Source: Abramowitz and Stegun (1964), 6.1.41.
    """
    square = 1.0 / (x * x)
    total = np.zeros_like(x)
    for coefficient in _SERIES:
        total = total * square + coefficient
    return total / x
