"""State of the online tree: nodes and seats of agents in arrays, and how they grow."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stats.hierarchy import Hierarchy
from stats.kernels_online import moments
from stats.kernels_online_paths import COUNT, LEAF, LEVEL, TIMES, UPDATES, leave
from stats.kernels_online_shape import hang, plant, seat_agents

__all__ = ["TreeState"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_LINKS = UPDATES + 1
_SMALLEST = 16


class TreeState:
    """Nodes, agents and their links, in arrays with room to grow.

    Parameters
    ----------
    prior : float64 array, shape (d,)
        Added to the diagonal of co-moments.
    branching, leaf_size : int
        Most children of a node, most agents of a leaf; 0 for a shape that is given.
    agent_moments : bool
    remembered_times : int

    Attributes
    ----------
    nodes : float64 array, shape (>= n_nodes, 1 + 2 d + d²)
        Baselines; see `stats.kernels_online`.
    links : int64 array, shape (>= n_nodes, 6)
        See `stats.kernels_online_paths`, as for seats.
    agents : float64 array, shape (>= n_seats, 1 + d + d (d+1) / 2 or 0)
        What each agent added itself.
    seats : int64 array, shape (>= n_seats, 3 + remembered_times)
    n_nodes, n_seats : int
    spine : list of int
        The newest node of every level; the last one is the root.
    open_leaves, free_seats : heaps of int
        Leaves that are not full and seats that were left, lowest first: what comes
        next depends on the arrays alone.
    """

    __slots__ = (
        "agents", "branching", "free_seats", "leaf_size", "links", "n_nodes",
        "n_seats", "nodes", "open_leaves", "prior", "seats", "spine",
    )  # fmt: skip

    def __init__(
        self,
        prior: Floats,
        *,
        branching: int,
        leaf_size: int,
        agent_moments: bool,
        remembered_times: int,
    ) -> None:
        d = prior.size
        own = moments(d) if agent_moments else 0
        self.prior = prior
        self.branching, self.leaf_size = branching, leaf_size
        self.nodes = np.zeros((_SMALLEST, 1 + 2 * d + d * d))
        self.links = np.zeros((_SMALLEST, _LINKS), np.int64)
        self.agents = np.zeros((_SMALLEST, own))
        self.seats = np.zeros((_SMALLEST, TIMES + 1 + remembered_times), np.int64)
        self.n_nodes = self.n_seats = 0
        self.spine: list[int] = []
        self.open_leaves: list[int] = []
        self.free_seats: list[int] = []

    @property
    def kernel(self) -> tuple[Any, ...]:
        """The arrays, as compiled code takes them."""
        return (self.nodes, self.links, self.agents, self.seats, self.prior)

    @property
    def root(self) -> int:
        """The node above all others."""
        return self.spine[-1]

    def grow_first(self) -> None:
        """Make the first leaf, which is the root."""
        self.open_leaves.append(self._new_leaf())

    def grow_like(self, hierarchy: Hierarchy) -> None:
        """Make one node per group; those of the finest level come first."""
        end = 0
        for k, level in enumerate(hierarchy.levels):
            end = self._new_nodes(hierarchy.size(level), k) + hierarchy.size(level)
            self.spine.append(end - 1)
        first = 0
        for parent in hierarchy.parents:
            end = first + parent.size
            hang(self.links, first, parent.astype(np.int64) + end)
            first = end

    def join(self, count: int, groups: Ints | None) -> Ints:
        """Seat new agents; in leaves that have room, or in those of their groups."""
        agents = self._seats(count)
        leaves = self._leaves(count) if groups is None else groups
        seat_agents(self.links, self.seats, agents, leaves)
        return agents

    def join_one(self, group: int | None) -> int:
        """Seat one agent as `join` does, with less to hand over."""
        if self.free_seats:
            agent = heapq.heappop(self.free_seats)
        else:
            agent = self.n_seats
            self._make_seats(agent + 1)
        if group is None:
            leaf, room = self._open_leaf()
            if room == 1:
                heapq.heappop(self.open_leaves)
        else:
            leaf = group
        seat_agents(self.links, self.seats, np.array([agent]), np.array([leaf]))
        return agent

    def leave(self, agent: int) -> None:
        """Free the seat of an agent."""
        leaf = int(self.seats[agent, LEAF])
        if self.leaf_size and self.links[leaf, COUNT] == self.leaf_size:
            heapq.heappush(self.open_leaves, leaf)
        leave(self.kernel, agent)
        heapq.heappush(self.free_seats, agent)

    def restore(self) -> None:
        """Find the spine, open leaves and free seats from the arrays."""
        level = self.links[: self.n_nodes, LEVEL]
        depth = int(level.max()) + 1
        self.spine = [int(np.flatnonzero(level == k)[-1]) for k in range(depth)]
        room = (level == 0) & (self.links[: self.n_nodes, COUNT] < self.leaf_size)
        self.open_leaves = np.flatnonzero(room).tolist()
        self.free_seats = np.flatnonzero(self.seats[: self.n_seats, LEAF] < 0).tolist()

    def _seats(self, count: int) -> Ints:
        reused = min(count, len(self.free_seats))
        first, end = self.n_seats, self.n_seats + count - reused
        self._make_seats(end)
        again = [heapq.heappop(self.free_seats) for _ in range(reused)]
        return np.concatenate([np.array(again, np.int64), np.arange(first, end)])

    def _make_seats(self, end: int) -> None:
        if end > len(self.seats):
            self.seats = _room(self.seats, self.n_seats, end)
            self.agents = _room(self.agents, self.n_seats, end)
        self.n_seats = end

    def _open_leaf(self) -> tuple[int, int]:
        """The lowest leaf with room, or a new one, and how many it has room for."""
        if not self.open_leaves:
            self.open_leaves.append(self._new_leaf())
        leaf = self.open_leaves[0]
        return leaf, self.leaf_size - int(self.links[leaf, COUNT])

    def _leaves(self, count: int) -> Ints:
        leaves, sizes = [], []
        while count:
            leaf, room = self._open_leaf()
            if room <= count:
                heapq.heappop(self.open_leaves)
            leaves.append(leaf)
            sizes.append(min(room, count))
            count -= sizes[-1]
        return np.repeat(np.array(leaves, np.int64), sizes)

    def _new_leaf(self) -> int:
        """Append a leaf to the newest node that has room; the root may get a root."""
        child = leaf = self._new_nodes(1, 0)
        for level in range(1, len(self.spine)):
            above = self.spine[level]
            self.spine[level - 1] = child
            if self.links[above, COUNT] < self.branching:
                hang(self.links, child, np.array([above]))
                return leaf
            node = self._new_nodes(1, level)
            hang(self.links, child, np.array([node]))
            child = node
        if self.spine:
            old = self.spine[-1]
            self.spine[-1] = child
            root = self._new_nodes(1, len(self.spine))
            self.nodes[root] = self.nodes[old]
            hang(self.links, old, np.array([root]))
            hang(self.links, child, np.array([root]))
            child = root
        self.spine.append(child)
        return leaf

    def _new_nodes(self, count: int, level: int) -> int:
        first = self.n_nodes
        end = first + count
        self.nodes = _room(self.nodes, first, end)
        self.links = _room(self.links, first, end)
        plant(self.nodes, self.links, self.prior, first, end, level)
        self.n_nodes = end
        return first


def _room(array: NDArray[Any], used: int, needed: int) -> NDArray[Any]:
    """Return the array, or a copy with twice the room if it does not hold as much."""
    if needed <= len(array):
        return array
    larger = np.zeros((max(needed, 2 * len(array)), *array.shape[1:]), array.dtype)
    larger[:used] = array[:used]
    return larger
