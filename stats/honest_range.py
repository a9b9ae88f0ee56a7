"""How far the log-odds of honest sources can be from those of all, if f of them lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["honest_range"]

Floats = NDArray[np.float64]


def honest_range(x: Floats, prior: Floats, f: int) -> tuple[Floats, Floats]:
    """Log-odds between which those of the honest voices lie if at most f lie.

    Parameters
    ----------
    x : float64 array, shape (g, voices, k)
        Beliefs; a voice that says nothing has zeros.
    prior : float64 array, shape (g, k)
        Log prior up to a constant.
    f : int

    Returns
    -------
    lower, upper : float64 arrays, shape (g, k)
        Against each rival, the sum over all but the f voices that help, or hurt, most;
        then the rivals together.
    """
    low, high = np.empty_like(prior), np.empty_like(prior)
    for h in range(prior.shape[1]):
        gap = np.sort(x[:, :, [h]] - x, axis=1)
        cut = max(gap.shape[1] - f, 0)
        rest = np.minimum(gap[:, cut:], 0.0)
        least = gap[:, :cut].sum(axis=1) + rest.sum(axis=1)
        rest = np.maximum(gap[:, :f], 0.0)
        most = gap[:, f:].sum(axis=1) + rest.sum(axis=1)
        with np.errstate(invalid="ignore"):
            ahead = prior[:, [h]] - prior
        ahead[np.isnan(ahead)] = np.inf  # neither is possible: no rival
        for out, between in ((low, least), (high, most)):
            rivals = np.delete(-(ahead + between), h, axis=1)
            out[:, h] = -special.logsumexp(rivals, axis=1)
    return low, high
