"""Student's test and interval where a nuisance parameter is known by a few nodes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["averaged_t"]

Floats = NDArray[np.float64]


def averaged_t(
    estimates: Floats,
    errors: Floats,
    dof: NDArray[Any],
    weight: Floats,
    level: float,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Student's test and interval, averaged over nodes.

    Parameters
    ----------
    estimates, errors : float64 arrays, shape (k, ...)
        Of every node; NaN is not tested.
    dof : integer or float64 array, shape (...)
    weight : float64 array, shape (k,)
    level : float
        Of the interval.

    Returns
    -------
    estimate, lower, upper, p : float64 arrays, shape (...)
        The mixture's mean, its equal-tailed quantiles, and the two-sided p of zero.
    """
    w = weight.reshape(-1, *[1] * (estimates.ndim - 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        z = estimates / errors
    tails = [(w * special.stdtr(dof, side * z)).sum(axis=0) for side in (-1.0, 1.0)]
    p = np.minimum(2.0 * np.minimum(*tails), 1.0)
    centre = (w * estimates).sum(axis=0)
    reach = special.stdtrit(dof, 1.0 - (1.0 - level) / 4.0) * errors
    bounds = []
    for share in ((1.0 - level) / 2.0, (1.0 + level) / 2.0):
        low = (estimates - reach).min(axis=0)
        high = (estimates + reach).max(axis=0)
        for _ in range(40):
            middle = (low + high) / 2.0
            with np.errstate(invalid="ignore", divide="ignore"):
                at = (middle - estimates) / errors
            below = (w * special.stdtr(dof, at)).sum(axis=0) < share
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        bounds.append((low + high) / 2.0)
    return centre, bounds[0], bounds[1], p
