"""How processor time grows with agents, chunks, groups and features."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Mapping

import numpy as np

from storage.chunks import ChunkSource
from tasks.array_pass import reduce_array
from tests.bench.data import Files, Population, repeated
from tests.bench.engine import exact
from tests.bench.options import Options
from tests.bench.page import duration
from tests.bench.results import Figure, Goal, Section
from tests.bench.timing import interleaved

_CODEC = "lz4"


def measure(options: Options) -> Section:
    """Fit one exponent per axis of size."""
    axes = {
        "agents": (_agents(options), Goal(least=0.95, most=1.05)),
        "chunks, the same data cut finer": (_chunks(options), None),
        "groups, the same data": (_groups(options), None),
        "features, the same rows": (_features(options), None),
    }
    figures = []
    for name, (calls, goal) in axes.items():
        options.say(f"growth: {name}")
        figures.append(_exponent(name, calls, options.rounds, goal))
    return Section(
        "growth",
        "Growth",
        f"Slope of log processor time over log size, least squares through the medians "
        f"of {options.rounds} rounds over all sizes: 1 is linear, 0 does not grow. "
        f"Exact moments with all pairs, {options.threads} Dask threads, blosc lz4 + "
        f"bitshuffle, {options.population.times} steps; where it is not the axis, "
        f"{options.population.features} features and a team per "
        f"{options.population.per_team} agents. Agents: the first chunk over and over, "
        "from sizes on at which some 20 ms before the pass, in which the memory of the "
        "statistic is weighed, are less than a tenth.",
        figures=tuple(figures),
    )


def exponent(sizes: list[int], seconds: list[float]) -> float:
    """Slope of log seconds over log size."""
    slope, _ = np.polyfit(np.log(sizes), np.log(seconds), 1)
    return float(slope)


def _exponent(
    name: str,
    calls: Mapping[int, Callable[[], object]],
    rounds: int,
    goal: Goal | None,
) -> Figure:
    found = interleaved({str(size): call for size, call in calls.items()}, rounds)
    medians = {size: statistics.median(found[str(size)]) for size in calls}
    value = exponent(list(medians), list(medians.values()))
    note = "; ".join(f"{n:,}: {duration(s)}" for n, s in medians.items())
    return Figure(f"{name}: exponent", value, goal=goal, note=note)


def _run(
    options: Options, population: Population, path: str, groups: np.ndarray
) -> Callable[[], object]:
    source, n_groups = ChunkSource.open(path), int(groups.max()) + 1
    return lambda: reduce_array(
        source, groups, n_groups, exact, threads=options.threads
    )


def _agents(options: Options) -> dict[int, Callable[[], object]]:
    """A quarter of the agents to four times as many: the first chunk over and over."""
    population, files = options.population, options.files
    whole = files.array(_CODEC)
    calls = {}
    for quarters in (1, 2, 4, 8, 16):
        chunks = max(1, population.agents // population.chunk * quarters // 4)
        agents = chunks * population.chunk
        path = repeated(whole, chunks, files.folder / f"{_CODEC}-{chunks}-times.zarr")
        teams = np.arange(agents) // population.per_team
        calls[agents] = _run(options, population, str(path), teams)
    return calls


def _chunks(options: Options) -> dict[int, Callable[[], object]]:
    """A part of the data in chunks of 16 MB to 2 MB."""
    calls = {}
    agents = 8 * options.population.chunk
    for divisor in (1, 2, 4, 8):
        chunk = 2 * options.population.chunk // divisor
        population = dataclasses.replace(options.population, agents=agents, chunk=chunk)
        path = Files(population, options.root).array(_CODEC)
        calls[agents // chunk] = _run(
            options, population, str(path), population.team_of_agent()
        )
    return calls


def _groups(options: Options) -> dict[int, Callable[[], object]]:
    """A part of the data in few groups and in many, agents sorted by group."""
    agents = min(8 * options.population.chunk, options.population.agents)
    population = dataclasses.replace(options.population, agents=agents)
    path = Files(population, options.root).array(_CODEC)
    calls = {}
    for groups in (agents // 1600, agents // 160, agents // 16, agents // 4):
        label = np.arange(agents) * groups // agents
        calls[groups] = _run(options, population, str(path), label)
    return calls


def _features(options: Options) -> dict[int, Callable[[], object]]:
    """The same number of rows with more columns."""
    calls = {}
    for features in (4, 8, 16, 32):
        population = dataclasses.replace(
            options.population, agents=2 * options.population.chunk, features=features
        )
        path = Files(population, options.root).array(_CODEC)
        calls[features] = _run(
            options, population, str(path), population.team_of_agent()
        )
    return calls
