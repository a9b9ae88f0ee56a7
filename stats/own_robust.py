"""Which nights of a reference are far from the bulk of an agent and of its team."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from stats.own_fit import team_median
from stats.robust import robust_fit

__all__ = ["outlying_nights"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

# Share of ordinary normal nights that stay.
_KEPT = 0.99


def outlying_nights(past: Floats, starts: Ints, width: Floats) -> Bools:
    """Return the nights to leave out of a reference.

    Parameters
    ----------
    past : float64 array, shape (m, t, d)
        Residuals sorted by team; NaN is missing.
    starts : int64 array, shape (g,)
        First agent of each team.
    width : float64 array, shape (g, d)
        Spread of the team; features with 0 are not looked at.

    Returns
    -------
    bool array, shape (m, t)
        Nights whose distance from the agent's median, in the robust covariance of all
        nights of the team about theirs (`stats.robust.robust_fit`), is beyond the 99 %
        point.  None in teams with fewer than 4 d + 4 complete nights.

    Notes
    -----
    Distances are over complete nights; others are judged by their largest feature.
    A move along a weak direction hides from any single feature, so the covariance must
    itself be free of such nights: concentration steps see to that.
    """
    middle = team_median(past.swapaxes(0, 1))
    gap = past - np.where(np.isnan(middle), 0.0, middle)[:, None]
    out = np.zeros(past.shape[:2], dtype=bool)
    ends = np.append(starts[1:], len(past))
    for g, (low, high) in enumerate(zip(starts, ends, strict=True)):
        columns = np.flatnonzero(width[g] > 0)
        rows = gap[low:high][..., columns].reshape(-1, len(columns))
        whole: Bools = np.asarray(np.isfinite(rows).all(axis=1))
        d = len(columns)
        if d == 0 or whole.sum() < 4 * d + 4:
            continue
        out[low:high] = _far(rows, whole).reshape(high - low, -1)
    return out


def _far(rows: Floats, whole: Bools) -> Bools:
    d = rows.shape[1]
    centre, covariance = robust_fit(rows[whole])
    far = np.zeros(len(rows), dtype=bool)
    gap = rows - centre
    solved = np.linalg.solve(covariance, gap[whole].T).T
    far[whole] = (gap[whole] * solved).sum(axis=1) > special.chdtri(d, 1.0 - _KEPT)
    alone = np.abs(gap[~whole]) / np.sqrt(np.diag(covariance))
    single = np.sqrt(special.chdtri(1, (1.0 - _KEPT) / d))
    far[~whole] = (np.where(np.isfinite(alone), alone, 0.0) > single).any(axis=1)
    return far
