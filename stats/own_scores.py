"""One night of each agent against its own past."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stats.own import OwnBaseline
from stats.summary import InvalidInput
from stats.tails import log_f_tail

__all__ = ["OwnScores", "score_own"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class OwnScores:
    """Scores of agents on one night; NaN where an agent could not be tested.

    Attributes
    ----------
    at : int
    d2 : float64 array, shape (a,)
        Squared distance from the own centre, expected near the number of features.
    log_p : float64 array, shape (a,)
        Natural logarithm of its F tail, before calibration (`stats.calibration`).
    contributions : float64 array, shape (a, d)
        Shares of the distance, sum 1; NaN in untested rows.
    main : int64 array, shape (a,)
        Feature with the largest share, -1 in untested rows.
    features : int64 array, shape (a,)
        Features that were seen and measured.
    nights : int64 array, shape (a,)
        Fit nights behind the agent's own baseline.
    """

    at: int
    d2: Floats
    log_p: Floats
    contributions: Floats
    main: NDArray[np.int64]
    features: NDArray[np.int64]
    nights: NDArray[np.int64]

    def __repr__(self) -> str:
        tested = int(np.isfinite(self.log_p).sum())
        return f"OwnScores: n={tested:_} | agents={len(self.d2):_} | at={self.at}"


def score_own(own: OwnBaseline, *, at: int | None = None) -> OwnScores:
    """Measure every agent on one night in the spread of its own nights.

    Parameters
    ----------
    own : OwnBaseline
    at : int, optional
        A night after the fit; the last one by default.

    Returns
    -------
    OwnScores

    Raises
    ------
    InvalidInput
        When the night is not after the fit.

    Notes
    -----
    d²/p ~ F(p, f) for normal nights, f the degrees of freedom behind the scale, own and
    prior.  Scale and centre are shrunk and real nights have heavier tails: compare with
    the same scores of earlier nights.
    """
    a, total, d = own.residual.shape
    night = total - 1 if at is None else at
    if not own.fit <= night < total:
        raise InvalidInput(
            f"score_own: night {night} of {total} with {own.fit} fit nights. "
            "Score a night after the fit."
        )
    d2, shares = np.full(a, np.nan), np.full((a, d), np.nan)
    features = np.zeros(a, dtype=np.int64)
    for rows in own.blocks():
        white = own.whitened(rows, slice(night, night + 1))
        square = white.rows[:, 0] ** 2
        distance = square.sum(axis=1)
        features[rows] = white.features[:, 0]
        d2[rows] = np.where(white.features[:, 0] > 0, distance, np.nan)
        even = np.full(square.shape, 1.0 / d)
        safe = distance[:, None]
        shares[rows] = np.divide(square, safe, out=even, where=safe > 0)
    seen = features > 0
    p = np.where(seen, features, 1).astype(np.float64)
    return OwnScores(
        at=night,
        d2=d2,
        log_p=log_f_tail(d2 / p, p, np.maximum(own.dof, 1.0)),
        contributions=np.where(seen[:, None], shares, np.nan),
        main=np.where(seen, np.where(seen[:, None], shares, 0.0).argmax(axis=1), -1),
        features=features,
        nights=own.nights,
    )
