"""What the online tree answers: scores of rows at every level, and baselines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stats.fdr import simes
from stats.kernels_online import moments
from stats.kernels_online_paths import REPEAT, TAKEN, TOO_OLD
from stats.summary import InvalidInput
from stats.tails import new_row_log_p

__all__ = ["STATUS", "Baseline", "Scores", "read_baseline"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STATUS = {TAKEN: "taken", REPEAT: "repeat", TOO_OLD: "too_old"}


# Not frozen: one is made for every row that comes alone, and freezing shows there.
@dataclass(slots=True, eq=False, repr=False)
class Scores:
    """Rows against the baselines on the way from their agent to the root.

    Attributes
    ----------
    levels : tuple of str
        From the leaf to the root.
    d2 : float64 array, shape (k, levels)
        Squared Mahalanobis distance over the features that are finite, to mean and
        covariance (ddof 1) before the row was taken in.  NaN where n is not above the
        number of features, for a row without any, and for one that is not new.
    n : float64 array, shape (k, levels)
        Rows behind each baseline, whole numbers.
    features : int64 array, shape (k,)
        Finite features of the row.
    status : int64 array, shape (k,)
        0 taken (see `stats.online`), 1 repeat, 2 too old; names in `STATUS`.
    """

    levels: tuple[str, ...]
    d2: Floats
    n: Floats
    features: Ints
    status: Ints

    def __repr__(self) -> str:
        k = len(self.d2)
        n = int(self.n[:, -1].max(initial=0))
        new = int(np.count_nonzero(self.status == TAKEN))
        return f"Scores: n={n:_} | rows={k:_} | new={new:_} | levels={self.levels}"

    def log_p_values(self) -> Floats:
        """Natural logarithm of the p-value at each level, shape (k, levels).

        Notes
        -----
        d² n (n-p) / (p (n²-1)) ~ F(p, n-p) for normal rows that do not depend on each
        other.  The prior makes d² smaller, never larger.
        """
        p = np.where(self.features > 0, self.features, np.nan)[:, None]
        return new_row_log_p(self.d2, p, self.n)

    def p_values(self) -> Floats:
        """p-value at each level, shape (k, levels); NaN where d2 is NaN."""
        found: Floats = np.exp(self.log_p_values())
        return found

    def p_value(self) -> Floats:
        """One test over all levels (Simes), shape (k,); NaN without any level.

        It holds its level for positively dependent tests, as those of nested
        baselines are; it is no vote.
        """
        k, depth = self.d2.shape
        return simes(self.p_values().ravel(), np.repeat(np.arange(k), depth), k)

    def is_anomaly(self, alpha: float = 0.01) -> NDArray[np.bool_]:
        """Whether the one test rejects at level alpha, shape (k,); NaN does not.

        Raises
        ------
        InvalidInput
            For alpha outside (0, 1).
        """
        if not 0.0 < alpha < 1.0:
            raise InvalidInput(
                f"Scores.is_anomaly: alpha {alpha} is not in (0, 1). Give 0.01 for 1 %."
            )
        found: NDArray[np.bool_] = np.nan_to_num(self.p_value(), nan=2.0) <= alpha
        return found

    def decisive_level(self) -> Ints:
        """Level with the smallest p-value, shape (k,); -1 without any."""
        p = np.nan_to_num(self.log_p_values(), nan=np.inf)
        some = np.isfinite(self.d2).any(axis=1)
        return np.where(some, p.argmin(axis=1), -1).astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Baseline:
    """Mean and covariance of one node.

    Attributes
    ----------
    level : str
    n : int
        Rows taken in.
    mean : float64 array, shape (d,)
        NaN for n = 0.
    covariance : float64 array, shape (d, d)
        With ddof 1, of the rows alone: without the prior; NaN for n < 2.
    """

    level: str
    n: int
    mean: Floats
    covariance: Floats

    def __repr__(self) -> str:
        return f"Baseline: n={self.n:_} | level={self.level} | mean={self.mean}"

    @property
    def standard_deviation(self) -> Floats:
        """Square roots of the variances, shape (d,)."""
        found: Floats = np.sqrt(np.diagonal(self.covariance))
        return found


def read_baseline(row: Floats, d: int, level: str) -> Baseline:
    """Read a baseline off the row of floats that `stats.kernels_online` keeps."""
    n = int(row[0])
    mean = row[1 : 1 + d].copy() if n else np.full(d, np.nan)
    covariance = np.full((d, d), np.nan)
    if n > 1:
        j, i = np.triu_indices(d)
        covariance[j, i] = covariance[i, j] = row[1 + d : moments(d)] / (n - 1)
    return Baseline(level, n, mean, covariance)
