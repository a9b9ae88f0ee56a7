"""A variance as a function of the lag: noise, random walk and trend, none negative."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

__all__ = ["fit_lags", "lag_grid"]

Floats = NDArray[np.float64]

MOST_LAGS = 12
SHORTEST_GRID = 5
_TERMS = 3
# The random walk first: it is what a single lag is taken for.
_ORDER = (1, 0, 2)
_SETS = tuple(s for n in range(1, _TERMS + 1) for s in combinations(_ORDER, n))


def lag_grid(age: int, nights: int) -> NDArray[np.int64]:
    """Lags at which the past is replayed for an age.

    Parameters
    ----------
    age : int
        Nights of silence, at least 1.
    nights : int
        Nights of history that can be compared.

    Returns
    -------
    int64 array
        1 … min(age, nights / 2), at most 12, evenly spaced, ends included; 1 … 5 for
        ages below 4, so that the fit has something to stand on.  Always holds 1.
    """
    wanted = SHORTEST_GRID if age < SHORTEST_GRID - 1 else age
    last = max(1, min(wanted, nights // 2))
    lags = np.linspace(1, last, min(last, MOST_LAGS))
    return np.unique(np.rint(lags).astype(np.int64))


def fit_lags(lags: Floats, values: Floats, at: Floats) -> Floats:
    """Fit ``a + b k + c k²`` with a, b, c >= 0 and read it at other lags.

    Parameters
    ----------
    lags : float64 array, shape (L,)
        Positive.
    values : float64 array, shape (L, d)
        One curve per column; NaN entries are left out.
    at : float64 array, shape (m,)

    Returns
    -------
    float64 array, shape (m, d)
        Never negative; NaN for a column without any value.

    Notes
    -----
    Rows are weighted 1/k, because the error of a mean square of overlapping
    differences grows with the lag.  a is noise, b a random walk, c a trend: each is a
    variance, hence not negative.  The least-squares solution under that constraint is
    the best of the seven unconstrained ones whose terms are all >= 0 (Lawson & Hanson,
    Solving Least Squares Problems, 1974, chapter 23), so no iteration is
    needed.  Where lags are too few to tell terms apart, the random walk is taken.

    Examples
    --------
    >>> lags = np.array([1.0, 2.0, 3.0])
    >>> fit_lags(lags, 2.0 * lags[:, None] ** 2, np.array([10.0])).round(6)
    array([[200.]])
    """
    seen = np.isfinite(values)
    target = np.where(seen, values, 0.0) / lags[:, None]
    design = lags[:, None] ** np.arange(_TERMS) / lags[:, None]
    gram = np.einsum("ld,li,lj->dij", seen.astype(np.float64), design, design)
    moment = np.einsum("li,ld->di", design, target)
    best = np.zeros(moment.shape)
    gain = np.zeros(len(moment))
    for chosen in _SETS:
        found, drop = _solve(gram, moment, list(chosen))
        better = drop > gain * (1.0 + 1e-12)
        best = np.where(better[:, None], found, best)
        gain = np.where(better, drop, gain)
    curve: Floats = at[:, None] ** np.arange(_TERMS) @ best.T
    return np.where(seen.any(axis=0), curve, np.nan)


def _solve(gram: Floats, moment: Floats, chosen: list[int]) -> tuple[Floats, Floats]:
    """Coefficients on a set of terms, and the fall of the squares; -1 if refused."""
    part = gram[:, chosen][:, :, chosen]
    size = np.sqrt(np.einsum("dii->di", part))
    size = np.where(size > 0, size, 1.0)
    scaled = part / size[:, :, None] / size[:, None, :]
    wanted = moment[:, chosen] / size
    regular = np.abs(np.linalg.det(scaled)) > 1e-12
    scaled = np.where(regular[:, None, None], scaled, np.eye(len(chosen)))
    answer = np.linalg.solve(scaled, wanted[..., None])[..., 0]
    drop = np.einsum("di,di->d", answer, wanted)
    allowed = regular & (answer >= 0).all(axis=1)
    found = np.zeros(moment.shape)
    found[:, chosen] = answer / size
    return found, np.where(allowed, drop, -1.0)
