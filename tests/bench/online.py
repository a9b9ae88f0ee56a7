"""The online tree: one row at a time and in batches, beside river; joins."""

from __future__ import annotations

import gc
import importlib.util
import statistics
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stats.online import HierarchicalStatisticalTree
from tests.bench.options import Options
from tests.bench.results import Comparison, Figure, Goal, Section
from tests.bench.timing import interleaved

LEVELS, FEATURES = 5, 10
_SEED = 20130308
# Agents, children of a node and agents of a leaf that make five levels.
_SHAPES = ((1_000, 4, 4), (100_000, 10, 10), (1_000_000, 10, 100))
_QUICK_SHAPES = ((1_000, 4, 4),)
_JOINS = 100_000


def measure(options: Options) -> Section:
    """Updates at every number of agents, then joins."""
    figures: list[Figure] = []
    comparisons: list[Comparison] = []
    for agents, branching, leaf in _QUICK_SHAPES if options.quick else _SHAPES:
        options.say(f"online: {agents:,} agents")
        updates = Updates(agents, branching, leaf, 1_000 if options.quick else 100_000)
        figures += [updates.batched(options.rounds), *updates.calls(options.rounds)]
        if updates.largest(options.quick) and _has_river():
            options.say("online: river")
            comparisons += updates.beside_river(options.rounds)
    options.say("online: joins")
    figures += _joins(1_000 if options.quick else _JOINS, options.rounds)
    return Section(
        "online",
        "Online tree",
        f"Rows of {FEATURES} features from agents in random order, in {LEVELS} levels: "
        "every row is looked up by agent and time, scored at every level by its "
        "Mahalanobis distance to what was there before, and taken into mean, "
        "co-moments and factor of every level and of its agent. River updates one "
        "EmpiricalCovariance per level, and scores nothing. One thread. The time of "
        "a call from Python is that of its thread, less that of reading the clock.",
        tuple(comparisons),
        tuple(figures),
        () if _has_river() else ("beside river: it is not installed; `make peers`",),
    )


def _has_river() -> bool:
    return importlib.util.find_spec("river") is not None


class Updates:
    """A tree in which every agent has reported, and rows that come next."""

    def __init__(self, agents: int, branching: int, leaf: int, rows: int) -> None:
        rng = np.random.default_rng(_SEED)
        self.agents, self.rows = agents, rows
        self.tree = HierarchicalStatisticalTree(branching, leaf, FEATURES)
        index = self.tree.add_agents([f"agent {i}" for i in range(agents)])
        self.clock = count()
        for _ in range(-(-2 * FEATURES // leaf)):
            for part in np.array_split(index, max(1, agents // 100_000)):
                values = rng.normal(size=(len(part), FEATURES))
                self.tree.update(part, values, self.times(len(part)))
        self.who = rng.integers(0, agents, rows)
        self.ids = [f"agent {i}" for i in self.who.tolist()]
        self.values = rng.normal(size=(rows, FEATURES))

    def times(self, rows: int) -> NDArray[np.int64]:
        """Later than all before; one moment for a batch in which agents differ."""
        return next(self.clock) * 10**9 + np.arange(rows)

    def largest(self, quick: bool) -> bool:
        return self.agents == (_QUICK_SHAPES if quick else _SHAPES)[-1][0]

    def batch(self) -> None:
        self.tree.update(self.who, self.values, self.times(self.rows))

    def one_by_one(self, rows: int) -> None:
        moments = self.times(rows).tolist()
        update = self.tree.update_agent_behavior
        for agent, row, moment in zip(self.ids, self.values, moments, strict=False):
            update(agent, row, moment)

    def batched(self, rounds: int) -> Figure:
        seconds = interleaved({"batch": self.batch}, rounds)["batch"]
        value = statistics.median(seconds) / self.rows
        return Figure(
            f"update in a batch of {self.rows:,}, {self.agents:,} agents",
            value * 1e6,
            "µs",
            Goal(most=3.0),
            f"median of {rounds} rounds, {min(seconds) / self.rows * 1e6:.2f} to "
            f"{max(seconds) / self.rows * 1e6:.2f}",
        )

    def calls(self, rounds: int) -> list[Figure]:
        """p50 and p99 over the calls of a round; medians over rounds."""
        n = min(self.rows, 20_000)
        found = [self._latencies(n) for _ in range(rounds + 1)][1:]
        middle, high = (
            [float(np.percentile(taken, q)) / 1e3 for taken in found] for q in (50, 99)
        )
        return [
            Figure(
                f"update by a call from Python, {name}, {self.agents:,} agents",
                statistics.median(values),
                "µs",
                goal,
                f"{n:,} calls a round, {min(values):.1f} to {max(values):.1f}",
            )
            for name, values, goal in (
                ("p50", middle, None),
                ("p99", high, Goal(most=10.0)),
            )
        ]

    def _latencies(self, rows: int) -> NDArray[np.int64]:
        taken = np.empty(rows, np.int64)
        moments = self.times(rows).tolist()
        update, clock = self.tree.update_agent_behavior, time.thread_time_ns
        gc.collect()
        for k in range(rows):
            agent, row, moment = self.ids[k], self.values[k], moments[k]
            start = clock()
            update(agent, row, moment)
            taken[k] = clock() - start
        idle = [-(clock() - clock()) for _ in range(1_001)]
        return taken - int(statistics.median(idle))

    def beside_river(self, rounds: int) -> list[Comparison]:
        """Ours at this size, and river's covariance once per level, side by side."""
        rows = min(self.rows, 2_000)
        calls: dict[str, Callable[[], object]] = {
            "call": partial(self.one_by_one, rows),
            "batch": self.batch,
            "river": river_levels(self.values[:rows]),
        }
        found = interleaved(calls, rounds)
        share = rows / self.rows
        ours = {
            "a call from Python": ("update_agent_behavior", found["call"]),
            f"ours in a batch of {self.rows:,}": (
                "update",
                tuple(seconds * share for seconds in found["batch"]),
            ),
        }
        return [
            Comparison(
                f"a row at {LEVELS} levels, {how}, {self.agents:,} agents",
                name,
                f"river, EmpiricalCovariance.update x {LEVELS}",
                seconds,
                found["river"],
                units=rows,
                inverse=True,
                goal=Goal(least=30.0) if name == "update" else None,
            )
            for how, (name, seconds) in ours.items()
        ]


def river_levels(values: NDArray[np.float64]) -> Callable[[], list[Any]]:
    """Return a call that feeds all rows to one covariance per level."""
    from river.covariance import EmpiricalCovariance

    names = [f"f{j}" for j in range(values.shape[1])]
    rows = [dict(zip(names, row.tolist(), strict=True)) for row in values]

    def run() -> list[Any]:
        levels = [EmpiricalCovariance() for _ in range(LEVELS)]
        for row in rows:
            for level in levels:
                level.update(row)
        return levels

    return run


def _joins(agents: int, rounds: int) -> list[Figure]:
    ids = [f"agent {i}" for i in range(agents)]

    def at_once() -> None:
        HierarchicalStatisticalTree().add_agents(ids)

    def one_by_one() -> None:
        tree = HierarchicalStatisticalTree()
        for agent in ids:
            tree.add_agent(agent)

    calls = {"at once": at_once, "one by one": one_by_one}
    found = interleaved(calls, rounds)
    return [
        Figure(
            f"{agents:,} agents join {name}",
            statistics.median(seconds),
            "s",
            Goal(most=0.5),
            f"median of {rounds} rounds, {min(seconds):.3f} to {max(seconds):.3f}",
        )
        for name, seconds in found.items()
    ]
