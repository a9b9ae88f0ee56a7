"""Everything the nightly run keeps of one shard: three exact moment sums per team."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from stats.clustered import agent_sums, cluster_sums, clustered_interval
from stats.moment_parts import MomentParts
from stats.moments import GroupMoments
from stats.summary import InvalidInput
from stats.transforms import Transforms

__all__ = ["ShardMoments", "agent_means"]


@dataclass(frozen=True, slots=True)
class ShardMoments(MomentParts):
    """Rows, agent means and cluster sums of every team; merges over shards and nights.

    Attributes
    ----------
    rows : GroupMoments, (teams, d)
        Raw features, one observation per (agent, time step).
    cells : GroupMoments, (teams, d)
        Transformed features, one observation per agent: its mean over the shard's
        time steps.  A team's night is the mean of its cells.
    clusters : GroupMoments, (teams, 3 d), no cross products
        Per agent s², s·n and n², where s is the sum and n the count of a feature over
        the shard's time steps.  Rows of one agent are not independent; these sums give
        the interval that respects it.

    Notes
    -----
    All three are exact sums of numbers computed once per agent, and an agent lies in
    one block, so the state is bit-identical for any chunking, order and merge tree.
    """

    rows: GroupMoments
    cells: GroupMoments
    clusters: GroupMoments

    PARTS: ClassVar[tuple[str, ...]] = ("rows", "cells", "clusters")

    @classmethod
    def from_block(
        cls,
        values: NDArray[np.floating],
        teams: NDArray[np.integer],
        n_teams: int,
        *,
        transforms: Transforms,
    ) -> Self:
        """Summarise a block of whole agents.

        Parameters
        ----------
        values : floating array, shape (agents, times, d)
            NaN is missing.
        teams : integer array, shape (agents,)
            Team of each agent, in [0, n_teams).
        n_teams : int
        transforms : Transforms
            One per feature.

        Raises
        ------
        InvalidInput
            When shapes do not fit.
        """
        if values.ndim != 3 or teams.shape != values.shape[:1]:
            raise InvalidInput(
                f"ShardMoments.from_block: values {values.shape} and teams "
                f"{teams.shape} do not fit. Give (agents, times, d) and (agents,)."
            )
        team = teams.astype(np.int64)
        rows = GroupMoments.from_block(values, team, n_teams)
        cells = agent_means(transforms.apply(values))[0]
        return cls(
            rows,
            GroupMoments.from_block(cells, team, n_teams),
            GroupMoments.from_block(cluster_sums(values), team, n_teams, pairs=False),
        )

    def __repr__(self) -> str:
        return f"ShardMoments: n={int(self.rows.count.sum()):_} | teams={self.n_groups}"

    def mean_interval(
        self, level: float = 0.95
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Mean per team and feature with an interval that treats agents as clusters.

        Parameters
        ----------
        level : float
            Confidence level in (0, 1).

        Returns
        -------
        mean, lower, upper : float64 arrays, shape (teams, d)
            NaN bounds for fewer than two agents.

        Notes
        -----
        See `stats.clustered.clustered_interval`.
        """
        return clustered_interval(self.rows, self.clusters, level)


def agent_means(
    values: NDArray[np.floating],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean of each agent over its time steps, and how many steps it had.

    Parameters
    ----------
    values : floating array, shape (agents, times, d)

    Returns
    -------
    mean, count : float64 arrays, shape (agents, d)
        Mean is NaN where nothing was observed.

    Notes
    -----
    Steps are added one after the other, so the bits depend on the agent's own values
    only and never on which other agents share the block.
    """
    count, total = agent_sums(values)
    mean = np.full_like(total, np.nan)
    return np.divide(total, count, out=mean, where=count > 0), count
