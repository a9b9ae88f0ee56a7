"""How nodes and agents are tied into the online tree."""

from __future__ import annotations

import numpy as np

from stats.compiled import compiled
from stats.kernels_online import clear
from stats.kernels_online_paths import (
    BESIDE,
    COUNT,
    FIRST,
    LEAF,
    LEVEL,
    NEXT,
    PARENT,
    TIMES,
    UPDATES,
)

__all__ = ["hang", "plant", "seat_agents", "warm"]


@compiled
def plant(nodes, links, prior, first, end, level):  # type: ignore[no-untyped-def]  # compiled
    """Make the nodes from first up to end: of nothing, tied to nothing."""
    for node in range(first, end):
        clear(nodes[node], prior.size, prior)
        links[node, PARENT] = links[node, FIRST] = links[node, NEXT] = -1
        links[node, COUNT] = links[node, UPDATES] = 0
        links[node, LEVEL] = level


@compiled
def hang(links, first, parents):  # type: ignore[no-untyped-def]  # compiled
    """Make the nodes from first on children of these parents, the last one first."""
    for i in range(parents.size - 1, -1, -1):
        node, parent = first + i, parents[i]
        links[node, PARENT] = parent
        links[node, NEXT] = links[parent, FIRST]
        links[parent, FIRST] = node
        links[parent, COUNT] += 1


@compiled
def seat_agents(links, seats, agents, leaves):  # type: ignore[no-untyped-def]  # compiled
    """Seat agents in leaves, each before those who are there, without a past."""
    for i in range(agents.size):
        agent, leaf = agents[i], leaves[i]
        seats[agent, LEAF] = leaf
        seats[agent, BESIDE] = links[leaf, FIRST]
        seats[agent, TIMES] = 0
        links[leaf, FIRST] = agent
        links[leaf, COUNT] += 1


def warm() -> None:
    """Compile every signature in use, or load it from the cache on disk."""
    links, seats = np.zeros((2, 6), np.int64), np.zeros((1, 4), np.int64)
    plant(np.zeros((2, 4)), links, np.ones(1), 0, 2, 0)
    hang(links, 0, np.ones(1, np.int64))
    seat_agents(links, seats, np.zeros(1, np.int64), np.zeros(1, np.int64))
