"""Everything the nightly run keeps of one shard: three exact moment sums per team."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from stats.clustered import agent_sums, cluster_sums, clustered_interval
from stats.moments import GroupMoments
from stats.summary import InvalidInput, merge_all, pack
from stats.transforms import Transforms

__all__ = ["ShardMoments", "agent_means"]

_PARTS = ("rows", "cells", "clusters")


@dataclass(frozen=True, slots=True)
class ShardMoments:
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

    exact: ClassVar[bool] = True
    state_version: ClassVar[int] = 1

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

    @property
    def n_groups(self) -> int:
        """Number of teams."""
        return self.rows.n_groups

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

    def empty(self) -> Self:
        """Nothing seen; same teams and features."""
        return type(self)(*(getattr(self, part).empty() for part in _PARTS))

    def merge(self, other: Self) -> Self:
        """Add every part."""
        return self._merge_many([self, other])

    @classmethod
    def _merge_many(cls, items: Iterable[Self]) -> Self:
        many = list(items)
        return cls(*(merge_all([getattr(m, part) for m in many]) for part in _PARTS))

    @classmethod
    def join(
        cls, items: Sequence[Self], parents: Sequence[NDArray[np.int64]], n_groups: int
    ) -> Self:
        """Add up teams of many: team i of item k goes to ``parents[k][i]``."""
        return cls(
            *(
                GroupMoments.join([getattr(m, part) for m in items], parents, n_groups)
                for part in _PARTS
            )
        )

    def rollup(self, parent: NDArray[np.int64], n_parents: int) -> Self:
        """Add up teams: team i goes to `parent[i]`; -1 leaves it out."""
        parts = (getattr(self, part).rollup(parent, n_parents) for part in _PARTS)
        return type(self)(*parts)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays of all parts, keys prefixed with the part's name and a dot."""
        return {
            f"{part}.{key}": value
            for part in _PARTS
            for key, value in getattr(self, part).to_arrays().items()
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Restore what `to_arrays` gave."""
        parts = (
            GroupMoments.from_arrays(
                {
                    key.removeprefix(f"{part}."): value
                    for key, value in arrays.items()
                    if key.startswith(f"{part}.")
                }
            )
            for part in _PARTS
        )
        return cls(*parts)

    def digest(self) -> str:
        """SHA-256 of the canonical state, hexadecimal."""
        state = pack(self.to_arrays(), kind="ShardMoments", version=self.state_version)
        return hashlib.sha256(state).hexdigest()


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
