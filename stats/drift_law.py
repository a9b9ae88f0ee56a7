"""The tail of a shift's distance, averaged over what is not known of the memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from stats.distance import marginal_distances
from stats.null_law import shrunk_law
from stats.shrinkage import correlation_scale, oas
from stats.tails import log_f_tail

__all__ = ["joint_log_p"]

Floats = NDArray[np.float64]

# Degrees of freedom per feature below which a covariance is shrunk.
DOF_PER_FEATURE = 3
_SEED = 20130308


def joint_log_p(
    parts: Sequence[tuple[Floats, Floats]], weight: Floats, dof: NDArray[np.int64]
) -> Floats:
    """Log p of shifts, each in units of its own standard error.

    Parameters
    ----------
    parts : sequence of (shift (g, d), covariance (g, d, d))
        One per node: a shift has the covariance's law; NaN is left out.
    weight : float64 array, shape (nodes,)
    dof : int64 array, shape (g,)

    Returns
    -------
    float64 array, shape (g,)
        NaN for a group without features.
    """
    groups = np.arange(len(dof))
    tails = []
    few = np.zeros(len(dof), dtype=bool)
    for shift, covariance in parts:
        d2, p, _ = marginal_distances(shift, groups, covariance)
        left = dof - p + 1.0
        with np.errstate(invalid="ignore", divide="ignore"):
            tails.append(log_f_tail(d2 * left / (dof * p), p, left))
        few = (p > 0) & (dof < DOF_PER_FEATURE * p)
    table = np.stack(tails)
    for group in np.flatnonzero(few):
        shrunk = [(shift[group], cov[group]) for shift, cov in parts]
        table[:, group] = _shrunk(shrunk, int(dof[group]))
    with np.errstate(divide="ignore"):
        log_weight = np.log(weight)[:, None]
    return np.asarray(special.logsumexp(table + log_weight, axis=0))


def _shrunk(parts: Sequence[tuple[Floats, Floats]], dof: int) -> Floats:
    """Log p at every node of one group whose covariance is shrunk.

    The law is tabulated once, at the middle node: correlations hardly depend on it.
    """
    shift, covariance = parts[len(parts) // 2]
    at = np.isfinite(shift) & (np.diag(covariance) > 0)
    n, grid = dof + 1, np.ix_(at, at)
    _, r = correlation_scale(covariance[grid])
    intensity = float(oas(covariance[grid], n)[1])
    law = shrunk_law(r, n, intensity, _SEED)
    out = []
    for moved, spread in parts:
        small, _ = oas(spread[grid], n)
        d2 = moved[at] @ np.linalg.solve(small, moved[at]) * (1.0 + 1.0 / n)
        out.append(law.log_tail(np.asarray(d2)))
    return np.array(out, dtype=np.float64)
