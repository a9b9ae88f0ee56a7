"""A tree of baselines that follows agents row by row, at every level at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.hierarchy import Hierarchy
from stats.kernels_online_paths import NO_TIME, rescore, update, update_one
from stats.online_input import (
    check_groups,
    check_new,
    check_rows,
    check_time,
    check_times,
    new_state,
    refuse_large,
    too_large_error,
)
from stats.online_reads import TreeReads
from stats.online_results import Scores
from stats.summary import InvalidInput

__all__ = ["HierarchicalStatisticalTree"]

Ints = NDArray[np.int64]


class HierarchicalStatisticalTree(TreeReads):
    """Mean, covariance and distance at every level, O(depth) for each row.

    Parameters
    ----------
    branching_factor, max_leaf_size : int
        Most children of a node, at least 2; most agents of a leaf, at least 1.
    feature_dimensions : int
        d, at least 1.
    prior_deviation : float or array_like, shape (d,)
        Standard deviation, in the unit of the feature, of one imagined observation
        that every baseline starts with, in [1e-30, 1e30]: the least that counts as a
        move.  It enters distances, not means and covariances.
    agent_moments : bool
        Keep what each agent added (8 (1 + d + d (d+1)/2) bytes, 528 at d = 10), so that
        it can be taken out when the agent leaves.  Without, rows of agents that left
        stay in the baselines.
    remembered_times : int
        Of each agent, at least 1; 8 bytes each.

    Raises
    ------
    InvalidInput
        For settings outside those ranges; by methods for an agent that is unknown or
        known already, another number of features, a finite value beyond ±1e100, and
        times that are no integers.  Nothing of a batch is applied when it is raised.

    Notes
    -----
    A row is scored by what was there before it, then changes n, mean, co-moments and
    their factor in every node from its agent's leaf to the root.

    *Missing.*  NaN and ±inf are missing.  A row with missing features is scored by the
    marginal distance over the others, and not taken in: covariances stay those of
    complete rows, and n counts these.

    *Repeats.*  A row is identified by (agent, time).  Each agent remembers its newest
    times: a row at one of them is a no-op (status repeat), one older than all of a full
    memory is refused (status too old), since it may be a repeat; others may come in any
    order.  Rows without a time are always new.

    *Leaving.*  All rows of the agent leave; nodes of its path are made anew from what
    remains, so nothing cancels: O(agents of the leaf + depth x children).

    *Shape.*  New agents sit in the lowest leaf with room, then in a new leaf; a root
    that is full gets a root.  All leaves are equally deep; depth
    follows the most agents there ever were.  A lock makes every method one step for
    threads.

    Floats: nodes are made anew from below every 65,536 rows.  `exact` is false: the
    nightly exact pass is the truth.  Sources: see `stats.kernels_online`.
    Naive twin: tests/stats/test_online.py.

    Examples
    --------
    >>> tree = HierarchicalStatisticalTree(feature_dimensions=2)
    >>> rows = np.random.default_rng(1).normal(size=(500, 2))
    >>> agents = tree.add_agents([f"agent {i}" for i in range(50)])
    >>> seen = tree.update(np.repeat(agents, 10), rows, np.arange(500))
    >>> tree.detect_anomaly_hierarchical("agent 7", [0.1, 0.2]).is_anomaly(0.01)
    array([False])
    >>> tree.detect_anomaly_hierarchical("agent 7", [6.0, -5.0]).is_anomaly(0.01)
    array([ True])
    """

    def __init__(
        self,
        branching_factor: int = 10,
        max_leaf_size: int = 50,
        feature_dimensions: int = 10,
        *,
        prior_deviation: ArrayLike = 1e-6,
        agent_moments: bool = True,
        remembered_times: int = 4,
    ) -> None:
        state = new_state(
            branching_factor,
            max_leaf_size,
            feature_dimensions,
            prior_deviation=prior_deviation,
            agent_moments=agent_moments,
            remembered_times=remembered_times,
        )
        state.grow_first()
        self._set(state, (), {})

    @classmethod
    def from_hierarchy(
        cls,
        hierarchy: Hierarchy,
        feature_dimensions: int = 10,
        *,
        prior_deviation: ArrayLike = 1e-6,
        agent_moments: bool = True,
        remembered_times: int = 4,
    ) -> Self:
        """Give the tree the shape of groups, for example team, site, all.

        Parameters
        ----------
        hierarchy : Hierarchy
            Its finest level is that of the groups agents are in; its last one has one
            group.
        feature_dimensions, prior_deviation, agent_moments, remembered_times
            As for the class.

        Examples
        --------
        >>> teams = Hierarchy(("team", "all"), (np.array([0, 0, 0]),))
        >>> tree = HierarchicalStatisticalTree.from_hierarchy(teams, 2)
        >>> tree.add_agents(["a", "b"], groups=[2, 0])
        array([0, 1])
        >>> tree.path("a")
        array([2, 3])
        """
        top = hierarchy.size(hierarchy.levels[-1])
        if top != 1:
            raise InvalidInput(
                f"from_hierarchy: {top} groups at level {hierarchy.levels[-1]!r}. "
                "Give a last level with one group, for example 'all'."
            )
        state = new_state(
            0,
            0,
            feature_dimensions,
            prior_deviation=prior_deviation,
            agent_moments=agent_moments,
            remembered_times=remembered_times,
        )
        state.grow_like(hierarchy)
        tree = cls.__new__(cls)
        tree._set(state, hierarchy.levels, {})
        return tree

    def add_agent(self, agent_id: str, *, group: int | None = None) -> int:
        """Let an agent join, and return its index; see `add_agents`."""
        with self._lock:
            check_new((agent_id,), self._index)
            given = None if group is None else (group,)
            leaf = check_groups(given, 1, self._state)
            agent = self._state.join_one(None if leaf is None else int(leaf[0]))
            self._index[agent_id] = agent
            return agent

    def add_agents(
        self, ids: Sequence[str], *, groups: ArrayLike | None = None
    ) -> Ints:
        """Let many agents join.

        Parameters
        ----------
        ids : sequence of str, length k
            Not empty, none twice.
        groups : integer array_like, shape (k,), optional
            Only for a tree of groups.

        Returns
        -------
        int64 array, shape (k,)
            Their indices: valid until they leave.
        """
        with self._lock:
            check_new(ids, self._index)
            checked = check_groups(groups, len(ids), self._state)
            agents = self._state.join(len(ids), checked)
            self._index.update(zip(ids, agents.tolist(), strict=True))
            return agents

    def remove_agent(self, agent_id: str) -> None:
        """Let an agent leave, with all its rows (see `agent_moments`) and times."""
        with self._lock:
            agent = self._find(agent_id)
            self._state.leave(agent)
            del self._index[agent_id]

    def indices(self, ids: Sequence[str]) -> Ints:
        """Indices of agents, shape (k,)."""
        with self._lock:
            return np.array([self._find(agent_id) for agent_id in ids], np.int64)

    def update_agent_behavior(
        self,
        agent_id: str,
        feature_vector: ArrayLike,
        timestamp: int | None = None,
        *,
        join: bool = False,
    ) -> Scores:
        """Score one row of an agent, then take it in.

        Parameters
        ----------
        agent_id : str
        feature_vector : array_like, shape (d,)
        timestamp : int, optional
            Nanoseconds UTC; a row without is always new.
        join : bool
            Let an agent that is not known join first.

        Returns
        -------
        Scores
            Of one row.
        """
        x = check_rows(feature_vector, self._d, 1)
        time = NO_TIME if timestamp is None else check_time(timestamp)
        with self._lock:
            if join and agent_id not in self._index:
                refuse_large(x[None])
                self.add_agent(agent_id)
            agent = self._find(agent_id)
            depth = len(self._state.spine)
            d2, n = np.empty((1, depth)), np.empty((1, depth))
            marks = np.empty((2, 1), np.int64)
            taken = update_one(self._state.kernel, agent, x, time, d2, n, marks)
            levels = self.levels
        if not taken:
            raise too_large_error(x)
        return Scores(levels, d2, n, marks[0], marks[1])

    def update(
        self,
        agents: ArrayLike | Sequence[str],
        values: ArrayLike,
        times: ArrayLike | None = None,
    ) -> Scores:
        """Score rows and take them in, one after the other, in one compiled loop.

        Parameters
        ----------
        agents : integer array_like or sequence of str, length k
            Indices from `add_agents`, or ids.
        values : array_like, shape (k, d)
        times : integer array_like, shape (k,), optional
            Nanoseconds UTC.

        Returns
        -------
        Scores
        """
        x = check_rows(values, self._d, 2)
        refuse_large(x)
        when = check_times(times, len(x))
        with self._lock:
            index = self._indices(agents, len(x))
            k, depth = len(x), self.depth
            d2, n = np.empty((k, depth)), np.empty((k, depth))
            seen, status = np.empty(k, np.int64), np.empty(k, np.int64)
            update(self._state.kernel, index, x, when, d2, n, seen, status)
            return Scores(self.levels, d2, n, seen, status)

    def score(self, agents: ArrayLike | Sequence[str], values: ArrayLike) -> Scores:
        """Score rows as `update` does, and change nothing."""
        x = check_rows(values, self._d, 2)
        refuse_large(x)
        with self._lock:
            index = self._indices(agents, len(x))
            d2 = np.empty((len(x), self.depth))
            n, seen = np.empty_like(d2), np.empty(len(x), np.int64)
            rescore(self._state.kernel, index, x, d2, n, seen)
            return Scores(self.levels, d2, n, seen, np.zeros_like(seen))

    def detect_anomaly_hierarchical(
        self, agent_id: str, feature_vector: ArrayLike
    ) -> Scores:
        """Score one row of an agent at every level, and change nothing."""
        return self.score([agent_id], check_rows(feature_vector, self._d, 1)[None])
