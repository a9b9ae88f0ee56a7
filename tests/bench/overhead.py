"""What Dask adds to the work on a chunk: graph, scheduler, transport, tree."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from distributed import Client
from numpy.typing import NDArray

from stats.summary import merge_all
from tasks.cluster import ClusterConfig, cluster_session
from tests.bench.data import repeated
from tests.bench.engine import exact, open_source, reduce_array
from tests.bench.options import Options
from tests.bench.page import duration
from tests.bench.results import Comparison, Figure, Goal, Section
from tests.bench.timing import family_seconds, interleaved, processor_seconds

_CODEC = "lz4"
_FAN_IN = 16
_GOAL = Goal(most=0.03)


@dataclass(frozen=True)
class Nothing:
    """A summary without state: what is left is what Dask takes."""

    exact: ClassVar[bool] = True
    state_version: ClassVar[int] = 1

    def empty(self) -> Self:
        return self

    def merge(self, other: Self) -> Self:
        return self

    @classmethod
    def _merge_many(cls, items: list[Self]) -> Self:
        return items[0]

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        return {}

    def digest(self) -> str:
        return ""


def nothing(values: NDArray[Any], groups: NDArray[Any], n_groups: int) -> Nothing:
    """Summarise a block as nothing."""
    return Nothing()


@dataclass(frozen=True)
class Task:
    """The same chunk n times, once by Dask and once by a loop."""

    options: Options
    n_chunks: int

    def source(self, *, empty: bool = False) -> Any:
        files = self.options.files
        kind = "empty" if empty else _CODEC
        path = files.blank() if empty else files.array(_CODEC)
        target = files.folder / f"{kind}-{self.n_chunks}-times.zarr"
        return open_source(str(repeated(path, self.n_chunks, target)))

    def groups(self, source: Any) -> NDArray[np.int64]:
        """Teams of the first chunk, every time."""
        size = source.chunk_shape[0]
        teams = self.options.population.team_of_agent()[:size]
        return np.tile(np.resize(teams, size), self.n_chunks)

    def by_dask(
        self, summarize: Callable[..., Any], client: Client | None, *, empty: bool
    ) -> Callable[[], object]:
        source = self.source(empty=empty)
        groups = self.groups(source)
        n_groups = int(groups.max()) + 1
        return lambda: reduce_array(
            source, groups, n_groups, summarize,
            client=client, threads=self.options.threads,
        )  # fmt: skip

    def by_loop(
        self, summarize: Callable[..., Any], *, empty: bool
    ) -> Callable[[], object]:
        """The same reads, summaries and merges, one after the other."""
        source = self.source(empty=empty)
        groups = self.groups(source)
        n_groups, size = int(groups.max()) + 1, source.chunk_shape[0]

        def run() -> object:
            level: list[Any] = []
            for i in range(self.n_chunks):
                own = groups[i * size : (i + 1) * size]
                level.append(summarize(source.read(i), own, n_groups))
            while len(level) > 1:
                level = [
                    merge_all(level[i : i + _FAN_IN])
                    for i in range(0, len(level), _FAN_IN)
                ]
            return level[0]

        return run


def measure(options: Options) -> Section:
    """Measure threads, then worker processes."""
    counts = (4, 8, 16) if options.quick else (100, 1_000, 10_000)
    comparisons: list[Comparison] = []
    figures: list[Figure] = []
    for name, place in (("threads", _no_cluster), ("LocalCluster", _local_cluster)):
        with place(options) as client:
            for n_chunks in counts:
                options.say(f"overhead: {name}, {n_chunks:,} chunks")
                task = Task(options, n_chunks)
                where = f"{n_chunks:,} chunks, {name}"
                real = _compare(task, client, where)
                comparisons.append(real)
                figures.append(_share(task, client, where, real))
    return Section(
        "overhead",
        "What Dask takes",
        f"One chunk of {options.population.chunk_bytes / 1e6:.1f} MB, blosc lz4 + "
        "bitshuffle, over and over (links to one file): read, decoded, exact moments "
        f"with all pairs, merged by {_FAN_IN}. Beside it the same in a plain loop "
        "without Dask. The share is found from chunks of next to no work: processor "
        "time of the Dask run minus that of the loop, per chunk, over the time a whole "
        f"chunk takes in the loop. Threads: {options.threads}; LocalCluster: two "
        "worker processes, scheduler and workers counted.",
        tuple(comparisons),
        tuple(figures),
    )


def _compare(task: Task, client: Client | None, where: str) -> Comparison:
    rounds = task.options.rounds if task.n_chunks < 5_000 else 3
    seconds = interleaved(
        {
            "dask": task.by_dask(exact, client, empty=False),
            "loop": task.by_loop(exact, empty=False),
        },
        rounds,
        clocks={"dask": _clock(client), "loop": time.thread_time},
    )
    return Comparison(
        where,
        "Dask",
        "plain loop",
        seconds["dask"],
        seconds["loop"],
        units=task.n_chunks,
        unit="chunk",
        goal=Goal(most=1.03),
        note=f"{rounds} rounds",
    )


def _share(task: Task, client: Client | None, where: str, real: Comparison) -> Figure:
    seconds = interleaved(
        {
            "dask": task.by_dask(nothing, client, empty=True),
            "loop": task.by_loop(nothing, empty=True),
        },
        task.options.rounds,
        clocks={"dask": _clock(client), "loop": time.thread_time},
    )
    pairs = zip(seconds["dask"], seconds["loop"], strict=True)
    extra = statistics.median(a - b for a, b in pairs) / task.n_chunks
    chunk = statistics.median(real.peer_seconds) / task.n_chunks
    return Figure(
        f"share of Dask, {where}",
        extra / chunk,
        goal=_GOAL,
        note=f"{duration(extra)} on {duration(chunk)} a chunk",
    )


def _clock(client: Client | None) -> Callable[[], float]:
    return processor_seconds if client is None else family_seconds


@contextmanager
def _no_cluster(options: Options) -> Iterator[None]:
    del options
    yield None


@contextmanager
def _local_cluster(options: Options) -> Iterator[Client]:
    del options
    with cluster_session(ClusterConfig(workers=2, memory_limit="2GB")) as session:
        yield session.client()
