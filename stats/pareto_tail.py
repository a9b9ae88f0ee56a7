"""A generalised Pareto tail beyond the last null score that was seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.calibration import TailCounts

__all__ = ["ParetoTail"]

Floats = NDArray[np.float64]

_SHAPES = np.linspace(0.0, 1.0, 51)
_SHARE, _FEWEST = 0.02, 50


@dataclass(frozen=True, slots=True)
class ParetoTail:
    """Tail of the scores -log p of one pool above a threshold.

    Attributes
    ----------
    threshold : float
        Score from which on the tail holds.
    share : float
        Null scores above it, (1 + k) / (1 + m).
    shape, scale : float
        Of the excess: P(excess > e) = (1 + shape e / scale)^(-1 / shape); shape in
        [0, 1], 0 is exponential.
    exceedances : int
        Null scores that it was fitted to; 0: none could be fitted.

    Notes
    -----
    Maximum likelihood over the counted bins, above the largest 2 % of scores and at
    least 50.  A negative shape would put an end to the tail, and a score beyond
    it to p = 0: it is not allowed.  Extrapolation is an assumption, not a guarantee as
    ranks are.  Source: Pickands, Annals of Statistics 3 (1975).
    """

    threshold: float
    share: float
    shape: float
    scale: float
    exceedances: int

    @classmethod
    def fit(cls, null: TailCounts, pool: int) -> Self:
        """Fit to one pool of null scores; without 50 of them, to nothing."""
        edges, counts = null.exceedances(pool)
        m = int(counts.sum())
        above = np.cumsum(counts[::-1])[::-1]
        start = int((above >= max(_FEWEST, _SHARE * m)).sum()) - 1
        if start < 0:
            return cls(np.inf, 1.0, 0.0, 1.0, 0)
        k = int(above[start])
        upper = np.append(edges[1:], np.inf)
        seen = np.flatnonzero(counts[start:]) + start
        low = edges[seen] - edges[start]
        high = upper[seen] - edges[start]
        mean = float((counts[seen] * low).sum()) / k
        scales = max(mean, 1e-9) * np.geomspace(0.2, 2.5, 120)
        shape, scale = np.meshgrid(_SHAPES, scales, indexing="ij")
        likelihood = np.zeros(shape.shape)
        for lower, over, count in zip(low, high, counts[seen], strict=True):
            inside = np.exp(_log_tail(lower, shape, scale))
            inside = inside - np.exp(_log_tail(over, shape, scale))
            likelihood += count * np.log(np.maximum(inside, 1e-300))
        best = np.unravel_index(likelihood.argmax(), likelihood.shape)
        share = (1.0 + k) / (1.0 + m)
        return cls(
            float(edges[start]), share, float(shape[best]), float(scale[best]), k
        )

    def log_p(self, log_p: ArrayLike) -> Floats:
        """Log of the share of null scores at least as extreme, 0 without a fit.

        Only for scores above the threshold; finite for every finite log p.
        """
        excess = np.maximum(-np.asarray(log_p, np.float64) - self.threshold, 0.0)
        if self.exceedances == 0:
            return np.zeros(excess.shape)
        shape, scale = np.asarray(self.shape), np.asarray(self.scale)
        found: Floats = np.log(self.share) + _log_tail(excess, shape, scale)
        return found


def _log_tail(excess: ArrayLike, shape: Floats, scale: Floats) -> Floats:
    e = np.asarray(excess, np.float64)
    exponential = -e / scale
    if not np.isfinite(e).any():
        return np.full(np.broadcast(e, shape).shape, -np.inf)
    heavy = -np.log1p(shape * e / scale) / np.where(shape > 0, shape, 1.0)
    found: Floats = np.where(shape > 0, heavy, exponential)
    return found
