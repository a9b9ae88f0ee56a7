"""From sums of squares within agents to the share of evidence that is independent."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats as distributions

from stats.evidence_cells import (
    BETWEEN,
    DOF_BETWEEN,
    DOF_WITHIN,
    PRODUCTS,
    ROWS,
    SQUARED,
    WITHIN,
    WORTH,
)
from stats.summary import NotEnoughData

__all__ = ["EvidenceTempering", "estimate_tempering"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class EvidenceTempering:
    """Share of the evidence that is independent.

    Attributes
    ----------
    n, agents : int
        Rows of evidence, and agents with at least two clusters of it.
    correlation : float
        Of two rows of one cluster, about the mean of their agent; negative ones
        count as 0.
    inflation : float
        Variance of the sum of an agent over that of independent rows, at least 1.
    tempering, lower, upper : float
        1 / inflation and its 95 % interval, in (0, 1].
    """

    n: int
    agents: int
    correlation: float
    inflation: float
    tempering: float
    lower: float
    upper: float

    @property
    def effective_n(self) -> float:
        """Independent rows that would say as much."""
        return self.n * self.tempering

    def of(self, size: ArrayLike) -> Floats:
        """Tempering of agents whose clusters have other sizes.

        Parameters
        ----------
        size : array_like
            Rows of a cluster, Σ m² / Σ m over the clusters of the agent; at least 1.

        Returns
        -------
        float64 array
            In (0, 1].
        """
        m = np.asarray(size, np.float64)
        return np.asarray(1.0 / (1.0 + (m - 1.0) * self.correlation))

    def __str__(self) -> str:
        return (
            f"n={self.n:_} | n_eff={self.effective_n:.4g} | tempering="
            f"{self.tempering:.3g} [{self.lower:.3g}, {self.upper:.3g}]"
        )


def estimate_tempering(value: Floats) -> EvidenceTempering:
    """Analysis of variance, pooled over agents.

    Parameters
    ----------
    value : float64 array, shape (18,)
        Sums over agents of `stats.evidence_cells.agent_terms`.

    Raises
    ------
    NotEnoughData
        As `stats.evidence_tempering.EvidenceSpread.finalize`.
    """
    _check_enough(value)
    n, agents = int(value[ROWS]), int(value[-1])
    size = float(value[SQUARED]) / n
    if value[DOF_WITHIN] == 0:
        return EvidenceTempering(n, agents, 0.0, 1.0, 1.0, 1.0, 1.0)
    between = float(value[BETWEEN] / value[DOF_BETWEEN])
    within = float(value[WITHIN] / value[DOF_WITHIN])
    worth = float(value[WORTH] / value[DOF_BETWEEN])
    if within == 0:
        share = 1.0 / size
        return EvidenceTempering(n, agents, 1.0, size, share, share, share)
    ratio = between / within
    half = _deviation(value, between, within) * float(
        distributions.t.ppf(0.975, agents - 1)
    )
    low, middle, high = (
        1.0 + (size - 1.0) * _correlation(ratio * factor, worth)
        for factor in (math.exp(-half), 1.0, math.exp(half))
    )
    return EvidenceTempering(
        n=n,
        agents=agents,
        correlation=_correlation(ratio, worth),
        inflation=middle,
        tempering=1.0 / middle,
        lower=1.0 / high,
        upper=1.0 / low,
    )


def _check_enough(value: Floats) -> None:
    agents, loose = int(value[-1]), int(value[DOF_WITHIN])
    spread = value[BETWEEN] + value[WITHIN]
    if agents < 2 or (loose > 0 and spread == 0):
        raise NotEnoughData(
            f"evidence_tempering: {agents} agents with two clusters, {loose} rows "
            f"beside others of their cluster, sum of squares {spread:g}. Give evidence "
            "of two agents or more over two nights or sources or more."
        )


def _correlation(ratio: float, worth: float) -> float:
    """Correlation within clusters from the ratio of mean squares."""
    return float(max(ratio - 1.0, 0.0) / (max(ratio - 1.0, 0.0) + worth))


def _deviation(value: Floats, between: float, within: float) -> float:
    """Standard deviation of the logarithm of the ratio of mean squares."""
    product = np.empty((4, 4))
    product[PRODUCTS] = value[7:-1]
    product.T[PRODUCTS] = value[7:-1]
    weight = np.zeros(4)
    if between > 0:
        weight[[BETWEEN, DOF_BETWEEN]] = (
            np.array([1 / between, -1.0]) / value[DOF_BETWEEN]
        )
    weight[[WITHIN, DOF_WITHIN]] = np.array([-1 / within, 1.0]) / value[DOF_WITHIN]
    agents = value[-1]
    square = weight @ product @ weight * agents / (agents - 1.0)
    return float(np.sqrt(max(square, 0.0)))
