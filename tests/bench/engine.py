"""How the benchmark runs ours: one pass over an array, and the roll-ups after it."""

from __future__ import annotations

import functools
import importlib
import importlib.util
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from stats.moments import GroupMoments
from stats.summary import merge_all
from storage.chunks import ChunkSource
from tasks import array_pass
from tests.bench.data import Population

Summarize = Callable[..., Any]

exact: Summarize = GroupMoments.from_block
five: Summarize = functools.partial(GroupMoments.from_block, pairs=False)


@dataclass(frozen=True)
class Nothing:
    """A summary without state: what is left is reading, and what Dask takes."""

    n_groups: int

    exact: ClassVar[bool] = True
    state_version: ClassVar[int] = 1

    def empty(self) -> Self:
        return self

    def merge(self, other: Self) -> Self:
        return self

    def rollup(self, parent: NDArray[np.int64], n_parents: int) -> Self:
        return type(self)(n_parents)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        return {}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        return cls(0)

    def digest(self) -> str:
        return ""


def nothing(values: NDArray[Any], groups: NDArray[Any], n_groups: int) -> Nothing:
    """Summarise a block as nothing."""
    return Nothing(n_groups)


def floating(center: NDArray[np.float64]) -> Summarize | None:
    """Float mode about a centre; None where this checkout has none."""
    if importlib.util.find_spec("stats.float_moments") is None:
        return None
    made = importlib.import_module("stats.float_moments").FloatMoments
    return functools.partial(made.from_block, center=center)


@dataclass(frozen=True)
class Pass:
    """One pass over an array of a population, at team, site and all level."""

    population: Population
    path: Path
    threads: int

    @property
    def source(self) -> ChunkSource:
        return ChunkSource.open(str(self.path))

    def center(self) -> NDArray[np.float64]:
        """Means of the first chunk, rounded to float32: what a schema would state."""
        means = np.nanmean(self.source.read(0), axis=(0, 1), dtype=np.float64)
        return means.astype(np.float32).astype(np.float64)

    def teams(self, summarize: Summarize) -> Any:
        """Return the summary of every team."""
        groups = self.population.team_of_agent()
        return self._reduce(groups, self.population.teams, summarize)

    def everything(self, summarize: Summarize) -> Any:
        """Return the summary of all agents as one group, without teams."""
        groups = np.zeros(self.population.agents, dtype=np.int64)
        return self._reduce(groups, 1, summarize)

    def levels(self, summarize: Summarize) -> tuple[Any, Any, Any]:
        """Return the summaries of teams, sites and all."""
        population = self.population
        teams = self.teams(summarize)
        sites = teams.rollup(population.site_of_team(), population.sites)
        return teams, sites, sites.rollup(np.zeros(population.sites, dtype=np.int64), 1)

    def covariances(self, summarize: Summarize) -> list[NDArray[Any]]:
        """Run the pass and round the covariances of every level."""
        return [level.covariance() for level in self.levels(summarize)]

    def decode(self) -> int:
        """Read and decode every chunk, keep none; return how many there were.

        As many bare threads as the pass has: two busy cores slow each other.
        """
        source = self.source
        with ThreadPoolExecutor(self.threads) as threads:
            return sum(
                threads.map(
                    lambda i: source.read(i) is not None, range(source.n_chunks)
                )
            )

    def _reduce(self, groups: NDArray[np.int64], n: int, summarize: Summarize) -> Any:
        return array_pass.reduce_array(
            self.source, groups, n, summarize, threads=self.threads
        )


def plain_loop(planned: array_pass.ArrayPass) -> Any:
    """Do what a pass does, task by task, without Dask."""
    level = [
        array_pass._one_chunk(block, source=planned.source, summarize=planned.summarize)
        for block in planned.blocks
    ]
    while len(level) > 1:
        level = [
            merge_all(level[i : i + planned.split_every])
            for i in range(0, len(level), planned.split_every)
        ]
    return level[0].dense(planned.n_groups)
