"""Rows of agents on their way to the root of the online tree, and agents that leave.

Links of a node are PARENT, FIRST (child, or agent of a leaf), NEXT (sibling), COUNT (of
children or agents), LEVEL and UPDATES (since it was made anew).  The seat of an agent
is LEAF, BESIDE (next agent of the leaf), TIMES (how many it remembers), and these.
The state is the tuple (nodes, links, agents, seats, prior).
"""

from __future__ import annotations

import numpy as np

from stats.compiled import compiled
from stats.kernels_online import absorb, add, clear, distance, factor, join, marginal

__all__ = [
    "BESIDE",
    "COUNT",
    "FIRST",
    "LARGEST",
    "LEAF",
    "LEVEL",
    "NEXT",
    "NO_TIME",
    "PARENT",
    "REFRESH",
    "REPEAT",
    "TAKEN",
    "TIMES",
    "TOO_OLD",
    "UPDATES",
    "leave",
    "rescore",
    "too_large",
    "update",
    "update_one",
    "warm",
]

PARENT, FIRST, NEXT, COUNT, LEVEL, UPDATES = range(6)
LEAF, BESIDE, TIMES = range(3)
TAKEN, REPEAT, TOO_OLD = 0, 1, 2
# Rows after which a node is made anew from what is below it.
REFRESH = 1 << 16
# Larger values would leave float64 once they are squared and summed.
LARGEST = 1e100
NO_TIME = np.iinfo(np.int64).min


@compiled
def _remember(seat, time):  # type: ignore[no-untyped-def]  # compiled
    """Note the time of a row, or say why the row cannot be taken in."""
    if time == NO_TIME:
        return TAKEN
    first = TIMES + 1
    kept, end = seat[TIMES], seat.size
    full = first + kept == end
    if full and time < seat[first]:
        return TOO_OLD
    at = first + kept
    while at > first and seat[at - 1] > time:
        at -= 1
    if at > first and seat[at - 1] == time:
        return REPEAT
    if full:
        at -= 1
        for i in range(first, at):
            seat[i] = seat[i + 1]
    else:
        for i in range(first + kept, at, -1):
            seat[i] = seat[i - 1]
        seat[TIMES] = kept + 1
    seat[at] = time
    return TAKEN


@compiled
def _refresh(node, state, move):  # type: ignore[no-untyped-def]  # compiled
    """Make a node anew from its children or agents, and factor it."""
    nodes, links, agents, seats, prior = state
    d, row = prior.size, nodes[node]
    if links[node, LEVEL] > 0:
        clear(row, d, prior)
        child = links[node, FIRST]
        while child >= 0:
            join(row, nodes[child], d, move)
            child = links[child, NEXT]
    elif agents.shape[1] > 0:
        clear(row, d, prior)
        agent = links[node, FIRST]
        while agent >= 0:
            join(row, agents[agent], d, move)
            agent = seats[agent, BESIDE]
    factor(row, d, prior)
    links[node, UPDATES] = 0


@compiled
def _climb(agent, state, x, time, d2, n, scratch):  # type: ignore[no-untyped-def]  # compiled
    """Score one row at every level of its agent's path, and take it in."""
    nodes, links, agents, seats, prior = state
    d = prior.size
    move, part, columns = scratch
    d2[:] = np.nan
    n[:] = 0.0
    seen = 0
    for j in range(d):
        seen += np.isfinite(x[j])
    status = _remember(seats[agent], time)
    if status != TAKEN:
        return seen, status
    if seen == d and agents.shape[1] > 0:
        add(agents[agent], x, move)
    node, level = seats[agent, LEAF], 0
    while node >= 0:
        n[level] = nodes[node, 0]
        if seen == d:
            d2[level] = absorb(nodes[node], x, move)
            links[node, UPDATES] += 1
            if links[node, UPDATES] >= REFRESH:
                _refresh(node, state, move)
        else:
            d2[level] = marginal(nodes[node], x, prior, columns, part)
        node = links[node, PARENT]
        level += 1
    return seen, status


@compiled
def _scratch(d):  # type: ignore[no-untyped-def]  # compiled
    return np.empty(d), np.empty(1 + 5 * d + d * d), np.empty(d, dtype=np.int64)


@compiled
def too_large(values):  # type: ignore[no-untyped-def]  # compiled
    """First row with a finite value beyond LARGEST; -1 when there is none."""
    for r in range(values.shape[0]):
        for j in range(values.shape[1]):
            if LARGEST < abs(values[r, j]) < np.inf:
                return r
    return -1


@compiled
def update(state, index, values, times, d2, n, seen, status):  # type: ignore[no-untyped-def]  # compiled
    """Take rows in, one after the other; fill d2 and n (k, depth), seen, status (k,).

    A row with missing values is scored by what it has and not taken in; a repeat of
    an agent's time, or one older than all it remembers, is neither.
    Naive twin: tests/stats/test_online.py.
    """
    scratch = _scratch(values.shape[1])
    for r in range(index.size):
        seen[r], status[r] = _climb(
            index[r], state, values[r], times[r], d2[r], n[r], scratch
        )


@compiled
def update_one(state, agent, x, time, d2, n, marks):  # type: ignore[no-untyped-def]  # compiled
    """Take in the row of one agent: `update` with less to hand over.

    Marks are seen and status, (2, 1).

    Returns
    -------
    bool
        False for a value beyond LARGEST; then nothing was done.
    """
    for j in range(x.size):
        if LARGEST < abs(x[j]) < np.inf:
            return False
    marks[0, 0], marks[1, 0] = _climb(
        agent, state, x, time, d2[0], n[0], _scratch(x.size)
    )
    return True


@compiled
def rescore(state, index, values, d2, n, seen):  # type: ignore[no-untyped-def]  # compiled
    """Score rows as `update` does, and change nothing."""
    nodes, links, _, seats, prior = state
    d = prior.size
    move, part, columns = _scratch(d)
    for r in range(index.size):
        x = values[r]
        d2[r] = np.nan
        n[r] = 0.0
        seen[r] = 0
        for j in range(d):
            seen[r] += np.isfinite(x[j])
        node, level = seats[index[r], LEAF], 0
        while node >= 0:
            n[r, level] = nodes[node, 0]
            if seen[r] == d:
                d2[r, level] = distance(nodes[node], x, move)
            else:
                d2[r, level] = marginal(nodes[node], x, prior, columns, part)
            node = links[node, PARENT]
            level += 1


@compiled
def leave(state, agent):  # type: ignore[no-untyped-def]  # compiled
    """Take an agent out of its leaf; what it added leaves every node of its path.

    Nodes are made anew from what remains, so nothing cancels.  Without moments of
    agents its rows stay.
    """
    _, links, agents, seats, prior = state
    node = seats[agent, LEAF]
    links[node, COUNT] -= 1
    if links[node, FIRST] == agent:
        links[node, FIRST] = seats[agent, BESIDE]
    else:
        before = links[node, FIRST]
        while seats[before, BESIDE] != agent:
            before = seats[before, BESIDE]
        seats[before, BESIDE] = seats[agent, BESIDE]
    seats[agent] = 0
    seats[agent, LEAF] = seats[agent, BESIDE] = -1
    if agents.shape[1] == 0:
        return
    agents[agent] = 0.0
    move = np.empty(prior.size)
    while node >= 0:
        _refresh(node, state, move)
        node = links[node, PARENT]


def warm() -> None:
    """Compile every signature in use, or load it from the cache on disk."""
    nodes = np.zeros((1, 4))
    links = np.array([[-1, 0, -1, 1, 0, 0]])
    agents, seats, prior = np.zeros((1, 3)), np.array([[0, -1, 0, 0]]), np.ones(1)
    state = (nodes, links, agents, seats, prior)
    index, values, times = (
        np.zeros(1, np.int64),
        np.zeros((1, 1)),
        np.zeros(1, np.int64),
    )
    d2, n, seen, status = values.copy(), values.copy(), index.copy(), index.copy()
    too_large(values)
    update(state, index, values, times, d2, n, seen, status)
    update_one(state, 0, values[0], 0, d2, n, np.zeros((2, 1), np.int64))
    rescore(state, index, values, d2, n, seen)
    leave(state, 0)
