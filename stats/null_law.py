"""What distance a row of the baseline's own kind has: one law per set of features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stats.heavy_tails import heavy_log_p
from stats.sampled_law import SampledLaw
from stats.shrunk_law import ShrunkLaw
from stats.tails import new_row_log_p

__all__ = ["NullLaw", "serial_rows", "shrunk_law"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class NullLaw:
    """Law of the squared distance of a new row to a fitted baseline.

    Attributes
    ----------
    n : int
        Independent rows that the covariance is worth: fewer than there are for a
        robust fit or serially correlated rows.
    stretch : float
        What distances are multiplied by before the law is asked: 1 unless rows are
        serially correlated.
    correlation : float64 array, shape (d, d)
        Before shrinkage.
    intensity : float
        Shrinkage of the correlations, in [0, 1].
    tail_weights : float64 array, shape (8,)
        Probability of each of `heavy_tails.DEGREES`; the first one is the normal law.
    seed : int
        Of the simulated parts.
    """

    n: int
    stretch: float
    correlation: Floats
    intensity: float
    tail_weights: Floats
    seed: int

    def log_p(self, d2: Floats, seen: Bools) -> Floats:
        """Natural logarithm of P(distance >= d2) for rows with the features seen.

        Parameters
        ----------
        d2 : float64 array, shape (m,)
        seen : bool array, shape (m, d)
            Features in each distance.

        Returns
        -------
        float64 array, shape (m,)
            NaN without features, and without shrinkage for n <= features.
        """
        out = np.full(len(d2), np.nan)
        masks, which = np.unique(seen, axis=0, return_inverse=True)
        for index, mask in enumerate(masks):
            if mask.any():
                rows = which.reshape(-1) == index
                out[rows] = self._one(d2[rows] * self.stretch, mask)
        return out

    def _one(self, d2: Floats, mask: Bools) -> Floats:
        features = int(mask.sum())
        if self.intensity == 0:
            log_p = new_row_log_p(d2, features, self.n)
        else:
            r = self.correlation[np.ix_(mask, mask)]
            law = shrunk_law(r, self.n, self.intensity, self.seed)
            log_p = law.log_tail(d2)
        if self.n <= features:
            return log_p
        return heavy_log_p(log_p, self.n, features, self.tail_weights)


def shrunk_law(
    r: Floats, n: int, intensity: float, seed: int
) -> ShrunkLaw | SampledLaw:
    """Law of a shrunk distance: sampled where there are no more rows than features.

    Parameters as `ShrunkLaw.fit`, of any rank.
    """
    law = ShrunkLaw if n > len(r) else SampledLaw
    return law.fit(r, n, intensity, seed)


def serial_rows(n: int, phi: float) -> tuple[float, float]:
    """Independent rows that n rows of an AR(1) series are worth.

    Parameters
    ----------
    n : int
    phi : float
        Correlation of neighbouring rows, in [0, 1).

    Returns
    -------
    centre : float
        For the mean, n (1 - phi) / (1 + phi), at least 2.
    covariance : float
        For variances and correlations, n (1 - phi²) / (1 + phi²), at least 2.

    Notes
    -----
    Source: Bartlett, J. Royal Statistical Society 98 (1935), with every feature
    following the same phi.

    Examples
    --------
    >>> [round(rows) for rows in serial_rows(1_000, 0.6)]
    [250, 471]
    """
    centre = n * (1.0 - phi) / (1.0 + phi)
    covariance = n * (1.0 - phi**2) / (1.0 + phi**2)
    return max(centre, 2.0), max(covariance, 2.0)
