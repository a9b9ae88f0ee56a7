"""What can be read off the online tree: its shape, baselines and whole state."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stats.kernels_online_paths import LEAF, PARENT
from stats.online_arrays import state_arrays, state_from_arrays
from stats.online_input import check_index, unknown_agent
from stats.online_results import Baseline, read_baseline
from stats.online_state import TreeState
from stats.summary import InvalidInput

__all__ = ["TreeReads"]

Ints = NDArray[np.int64]


class TreeReads:
    """State of a tree behind a lock, and what is read off it."""

    exact: ClassVar[bool] = False
    state_version: ClassVar[int] = 1

    @property
    def _d(self) -> int:
        return self._state.prior.size

    def _set(
        self, state: TreeState, names: tuple[str, ...], index: dict[str, int]
    ) -> None:
        self._state, self._names, self._index = state, names, index
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        n = int(self._state.nodes[self._state.root, 0])
        return (
            f"HierarchicalStatisticalTree: n={n:_} | agents={self.agent_count:_} | "
            f"nodes={self.node_count:_} | levels={self.levels}"
        )

    @property
    def agent_count(self) -> int:
        """Agents that are in the tree."""
        return len(self._index)

    @property
    def node_count(self) -> int:
        """Nodes of all levels."""
        return self._state.n_nodes

    @property
    def depth(self) -> int:
        """Levels from a leaf to the root, both counted."""
        return len(self._state.spine)

    @property
    def levels(self) -> tuple[str, ...]:
        """Names of the levels, from the leaf to the root."""
        if len(self._names) != len(self._state.spine):
            inner = (f"level {k}" for k in range(1, self.depth - 1))
            self._names = ("leaf", *inner, "all") if self.depth > 1 else ("all",)
        return self._names

    def path(self, agent_id: str) -> Ints:
        """Nodes from an agent's leaf to the root, shape (levels,)."""
        with self._lock:
            nodes = [int(self._state.seats[self._find(agent_id), LEAF])]
            while len(nodes) < self.depth:
                nodes.append(int(self._state.links[nodes[-1], PARENT]))
            return np.array(nodes, np.int64)

    def baseline(self, agent_id: str, level: str) -> Baseline:
        """Mean and covariance that an agent's next row meets at a level.

        Raises
        ------
        InvalidInput
            For an agent or a level that is not there.
        """
        with self._lock:
            if level not in self.levels:
                raise InvalidInput(
                    f"baseline: no level {level!r}. Choose from {self.levels}."
                )
            node = self.path(agent_id)[self.levels.index(level)]
            return read_baseline(self._state.nodes[node], self._d, level)

    def get_global_behavioral_baseline(self) -> Baseline:
        """Mean and covariance of the root."""
        with self._lock:
            row = self._state.nodes[self._state.root]
            return read_baseline(row, self._d, self.levels[-1])

    def get_global_statistics(self) -> dict[str, Any]:
        """Root and size of the tree.

        Returns
        -------
        dict
            `n` (rows), `agents`, `nodes`, `depth`, `levels`, `state_bytes` (of the
            arrays, their room to grow included), `mean` (d,), `standard_deviation`
            (d,), `covariance` (d, d).
        """
        with self._lock:
            root = self.get_global_behavioral_baseline()
            return {
                "n": root.n,
                "agents": self.agent_count,
                "nodes": self.node_count,
                "depth": self.depth,
                "levels": self.levels,
                "state_bytes": sum(part.nbytes for part in self._state.kernel),
                "mean": root.mean,
                "standard_deviation": root.standard_deviation,
                "covariance": root.covariance,
            }

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Copy the whole state as named arrays of numbers."""
        with self._lock:
            given = () if self._state.leaf_size else self._names
            return state_arrays(self._state, given, self._index)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Restore a tree that goes on as the one that was copied, bit for bit.

        Raises
        ------
        InvalidInput
            When these are not the arrays of a tree.
        """
        tree = cls.__new__(cls)
        tree._set(*state_from_arrays(arrays))
        return tree

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_arrays, (self.to_arrays(),)

    def _find(self, agent_id: str) -> int:
        try:
            return self._index[agent_id]
        except (KeyError, TypeError):
            raise unknown_agent(agent_id) from None

    def _indices(self, agents: ArrayLike | Sequence[str], count: int) -> Ints:
        found = np.asarray(agents)
        if found.dtype.kind in "iu":
            return check_index(found, count, self._state)
        if found.shape != (count,):
            raise InvalidInput(
                f"update: agents of shape {found.shape} for {count} rows. "
                "Give one agent per row."
            )
        return np.array([self._find(agent_id) for agent_id in found.tolist()], np.int64)
