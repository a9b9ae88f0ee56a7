"""Means of rows that repeat within agents, with intervals that respect it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import stats as distributions

from stats.kernels_agents import add_steps
from stats.moment_parts import MomentParts
from stats.moments import GroupMoments
from stats.ranges import miss_rate
from stats.summary import InvalidInput

__all__ = ["ClusteredMoments", "agent_sums", "cluster_sums", "clustered_interval"]


def agent_sums(
    values: NDArray[Any],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Count and sum of each agent over its time steps.

    Parameters
    ----------
    values : float or integer array, shape (agents, times, d)
        NaN is missing.

    Returns
    -------
    count, total : float64 arrays, shape (agents, d)

    Notes
    -----
    Steps are added one after the other, so the bits depend on the agent's own values
    only and never on which other agents share the block.
    """
    agents, _, d = values.shape
    count = np.empty((agents, d))
    total = np.empty((agents, d))
    # numba knows no float16.
    x = values.astype(np.float32) if values.dtype == np.float16 else values
    add_steps(x, count, total)
    return count, total


def cluster_sums(values: NDArray[Any]) -> NDArray[np.float64]:
    """Per agent s², s n and n² of every feature, (agents, 3 d); NaN for n = 0.

    s is the sum and n the count of a feature over the agent's time steps.
    """
    count, total = agent_sums(values)
    seen = np.where(count > 0, count, np.nan)
    total = np.where(count > 0, total, np.nan)
    return np.concatenate([total * total, total * seen, seen * seen], axis=1)


def clustered_interval(
    rows: GroupMoments, clusters: GroupMoments, level: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Mean per group and feature with an interval that treats agents as clusters.

    Parameters
    ----------
    rows : GroupMoments, (groups, d)
        One observation per agent and time step.
    clusters : GroupMoments, (groups, 3 d)
        One observation per agent: `cluster_sums`.
    level : float
        Confidence level in (0, 1).

    Returns
    -------
    mean, lower, upper : float64 arrays, shape (groups, d)
        NaN bounds for fewer than two agents.

    Raises
    ------
    InvalidInput
        When the level is not in (0, 1).

    Notes
    -----
    Linearised variance of a ratio, C/(C-1) Σ (s_c - n_c m)² / n² over C agents,
    with Student's t on C - 1 degrees of freedom.
    Source: Cochran, Sampling Techniques (1977), section 11.
    """
    miss_rate(level, "clustered_interval")
    d = rows.d
    mean = rows.mean()
    sums = clusters.total().reshape(rows.n_groups, 3, d)
    n_agents = clusters.count[:, :d].astype(np.float64)
    n_rows = rows.count.astype(np.float64)
    scatter = sums[:, 0] - 2.0 * mean * sums[:, 1] + mean * mean * sums[:, 2]
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.maximum(scatter, 0.0) * n_agents / (n_agents - 1.0)
        half = np.sqrt(variance) / n_rows
    dof = np.where(n_agents > 1, n_agents - 1.0, np.nan)
    half = half * distributions.t.isf((1.0 - level) / 2.0, dof)
    half = np.where(n_agents > 1, half, np.nan)
    return mean, mean - half, mean + half


@dataclass(frozen=True, slots=True)
class ClusteredMoments(MomentParts):
    """Exact moments of rows, and per agent sums for intervals that hold.

    Attributes
    ----------
    rows : GroupMoments, (groups, d)
        One observation per agent and time step.
    clusters : GroupMoments, (groups, 3 d), no cross products
        One observation per agent: `cluster_sums`.

    Notes
    -----
    Rows of one agent are not independent: an interval that takes them for it is too
    narrow by √(1 + (m-1) ρ) for m rows an agent with correlation ρ inside.  An agent
    lies in one block and its sums are computed once, so the state is bit-identical for
    any blocks, order and merge tree.  The interval loses accuracy with the square of
    mean over standard deviation of the agents' means, 1e-16 times.
    """

    rows: GroupMoments
    clusters: GroupMoments

    PARTS: ClassVar[tuple[str, ...]] = ("rows", "clusters")

    @classmethod
    def from_block(
        cls,
        values: NDArray[Any],
        groups: NDArray[np.integer],
        n_groups: int,
        *,
        pairs: bool = True,
    ) -> Self:
        """Summarise a block of whole agents.

        Parameters
        ----------
        values : float or integer array, shape (agents, times, d)
            NaN is missing.
        groups : integer array, shape (agents,)
            In [0, n_groups), or -1 for an agent that does not count.
        n_groups : int
        pairs : bool
            Keep products of different features.

        Raises
        ------
        InvalidInput
            When shapes do not fit.
        """
        if values.ndim != 3:
            raise InvalidInput(
                f"ClusteredMoments.from_block: values {values.shape}. "
                "Give (agents, times, d)."
            )
        rows = GroupMoments.from_block(values, groups, n_groups, pairs=pairs)
        sums = cluster_sums(values)
        return cls(rows, GroupMoments.from_block(sums, groups, n_groups, pairs=False))

    def __repr__(self) -> str:
        return f"ClusteredMoments: {self.rows!r}"

    def mean_interval(
        self, level: float = 0.95
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Mean, lower and upper bound: `clustered_interval`."""
        return clustered_interval(self.rows, self.clusters, level)
