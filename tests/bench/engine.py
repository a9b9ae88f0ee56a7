"""How the benchmark runs ours: one pass over an array, and the roll-ups after it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.threaded
import numpy as np
from numpy.typing import NDArray

from stats.moments import GroupMoments
from storage.chunks import ChunkSource
from tasks import reduce as reduce_module
from tests.bench.data import Population


def open_source(path: str | Path) -> ChunkSource:
    """Return the chunks of an array."""
    return ChunkSource.open(str(path))


def _one(
    i: int,
    source: Any,
    groups: NDArray[np.int64],
    n_groups: int,
    summarize: Callable[..., Any],
) -> Any:
    values = source.read(i)
    size = source.chunk_shape[0]
    return summarize(values, groups[i * size : (i + 1) * size], n_groups)


def reduce_array(
    source: Any,
    groups: NDArray[np.int64],
    n_groups: int,
    summarize: Callable[..., Any],
    *,
    client: Any = None,
    threads: int = 1,
) -> Any:
    """One fused task per chunk, merged over a tree of 16."""
    one = functools.partial(
        _one, source=source, groups=groups, n_groups=n_groups, summarize=summarize
    )
    if client is not None:
        return reduce_module.tree_reduce(range(source.n_chunks), one, client=client)
    graph, roots = reduce_module._graph({"all": range(source.n_chunks)}, one, 16)
    return dask.threaded.get(graph, roots["all"], num_workers=threads)


def exact(values: NDArray[Any], groups: NDArray[np.int64], n_groups: int) -> Any:
    """Exact moments with all pairs."""
    d = values.shape[2]
    rows = np.repeat(groups, values.shape[1])
    return GroupMoments.from_block(values.reshape(-1, d), rows, n_groups)


def five(values: NDArray[Any], groups: NDArray[np.int64], n_groups: int) -> Any:
    """Exact count, sum, sum of squares, minimum and maximum: no pairs."""
    d = values.shape[2]
    rows = np.repeat(groups, values.shape[1])
    flat_values = values.reshape(-1, d)
    return GroupMoments.from_block(flat_values, rows, n_groups, pairs=False)


@dataclass(frozen=True)
class Pass:
    """One pass over an array of a population, at team, site and all level."""

    population: Population
    path: Path
    threads: int

    def teams(self, summarize: Callable[..., Any]) -> Any:
        """Return the summary of every team."""
        groups = self.population.team_of_agent()
        return self._reduce(groups, self.population.teams, summarize)

    def everything(self, summarize: Callable[..., Any]) -> Any:
        """Return the summary of all agents as one group, without teams."""
        groups = np.zeros(self.population.agents, dtype=np.int64)
        return self._reduce(groups, 1, summarize)

    def levels(self, summarize: Callable[..., Any]) -> tuple[Any, Any, Any]:
        """Return the summaries of teams, sites and all."""
        population = self.population
        teams = self.teams(summarize)
        sites = teams.rollup(population.site_of_team(), population.sites)
        return teams, sites, sites.rollup(np.zeros(population.sites, dtype=np.int64), 1)

    def _reduce(
        self, groups: NDArray[np.int64], n: int, summarize: Callable[..., Any]
    ) -> Any:
        source = open_source(self.path)
        return reduce_array(source, groups, n, summarize, threads=self.threads)

    def covariances(self, summarize: Callable[..., Any]) -> list[NDArray[Any]]:
        """Run the pass and round the covariances of every level."""
        return [level.covariance() for level in self.levels(summarize)]

    def decode(self) -> int:
        """Read and decode every chunk, keep none; return how many there were."""
        source = open_source(self.path)
        for i in range(source.n_chunks):
            source.read(i)
        return source.n_chunks
