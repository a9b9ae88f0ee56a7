"""A detector whose p counts how often such a score really occurs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.calibration import TailCounts
from stats.pareto_tail import ParetoTail
from stats.summary import InvalidInput

__all__ = ["CalibratedDetector", "Scored"]

Floats = NDArray[np.float64]


class Scored(Protocol):
    """What gives every row a log p by a law of its own."""

    def log_p(self, x: ArrayLike) -> Floats:
        """Natural logarithm of p for rows (n, d), shape (n,)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class CalibratedDetector:
    """Ranks among null scores; beyond the largest of them a Pareto tail, flagged.

    Attributes
    ----------
    detector : Scored
        Gives the score: log p by the unit's own law.
    null : TailCounts
    pool : int
        Which pool of the counts.
    tail : ParetoTail

    Notes
    -----
    Up to the largest null score, P(p <= a) <= a whenever a new score is exchangeable
    with the null scores, whatever the law of the data: heavy tails cost nothing.  For
    one unit the null rows must not be in its baseline; for a pool the rate holds on
    the average over its units.

    Examples
    --------
    >>> from stats.anomaly import MahalanobisDetector
    >>> rows = np.random.default_rng(0).standard_t(5, (1_000, 2))
    >>> detector = MahalanobisDetector.fit(rows[:500]).calibrated(rows[500:])
    >>> detector.p_value([[0.0, 0.0], [60.0, 0.0]])[1] < 0.002
    np.True_
    >>> detector.extrapolated([[0.0, 0.0], [60.0, 0.0]])
    array([False,  True])
    """

    detector: Scored
    null: TailCounts
    pool: int
    tail: ParetoTail

    @classmethod
    def fit(cls, detector: Scored, null: TailCounts, pool: int = 0) -> Self:
        """Bind a detector to null scores.

        Raises
        ------
        InvalidInput
            When there is no such pool or it is empty.
        """
        if not 0 <= pool < null.n_groups:
            raise InvalidInput(
                f"CalibratedDetector: pool {pool} of {null.n_groups}. "
                f"Give one in [0, {null.n_groups})."
            )
        if null.size[pool] == 0:
            raise InvalidInput(
                f"CalibratedDetector: pool {pool} holds 0 null scores. "
                "Count scores of rows outside the baselines first."
            )
        return cls(detector, null, pool, ParetoTail.fit(null, pool))

    def __repr__(self) -> str:
        return f"CalibratedDetector: n={int(self.null.size[self.pool]):_} null scores"

    def log_p(self, x: ArrayLike) -> Floats:
        """Natural logarithm of `p_value`, which does not underflow; shape (n,)."""
        scores, codes = self._scores(x)
        ranks = np.log(self.null.calibrate(scores, codes))
        tail = np.minimum(ranks, self.tail.log_p(scores))
        return np.where(self.null.beyond(scores, codes), tail, ranks)

    def p_value(self, x: ArrayLike) -> Floats:
        """Share of null scores at least as extreme.

        Parameters
        ----------
        x : array_like, shape (n, d)

        Returns
        -------
        float64 array, shape (n,)
            (1 + #) / (1 + m) up to the largest null score, smaller beyond it; NaN
            where the detector has none.
        """
        return np.exp(self.log_p(x))

    def extrapolated(self, x: ArrayLike) -> NDArray[np.bool_]:
        """Whether p rests on the fitted tail, beyond every null score; shape (n,)."""
        return self.null.beyond(*self._scores(x))

    def _scores(self, x: ArrayLike) -> tuple[Floats, NDArray[np.int64]]:
        scores = self.detector.log_p(x)
        return scores, np.full(len(scores), self.pool, dtype=np.int64)
