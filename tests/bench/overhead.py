"""What Dask adds to the work on a chunk: graph, scheduler, transport, tree."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from distributed import Client

from storage.chunks import ChunkSource
from tasks.array_pass import ArrayPass
from tasks.cluster import cluster_session
from tasks.cluster_config import ClusterConfig
from tests.bench.data import repeated
from tests.bench.engine import exact, nothing, plain_loop
from tests.bench.options import Options
from tests.bench.page import duration
from tests.bench.results import Comparison, Figure, Goal, Section
from tests.bench.timing import Seconds, family_seconds, interleaved, processor_seconds

_CODEC = "lz4"


def planned(options: Options, n_chunks: int, *, blank: bool) -> ArrayPass:
    """Plan a pass over the same chunk n times, with the teams of that chunk."""
    files, population = options.files, options.population
    path = files.blank() if blank else files.array(_CODEC)
    name = f"{'blank' if blank else _CODEC}-{n_chunks}-times.zarr"
    source = ChunkSource.open(str(repeated(path, n_chunks, files.folder / name)))
    teams = population.team_of_agent()[: source.chunk_shape[0]]
    groups = np.tile(teams, n_chunks)
    summarize = nothing if blank else exact
    return ArrayPass.plan(source, groups, population.teams, summarize)


def measure(options: Options) -> Section:
    """Measure threads, then worker processes."""
    counts = options.chunks
    comparisons: list[Comparison] = []
    figures: list[Figure] = []
    for name, place in (("threads", _no_cluster), ("LocalCluster", _local_cluster)):
        with place(options) as client:
            for n_chunks in counts:
                options.say(f"overhead: {name}, {n_chunks:,} chunks")
                where = f"{n_chunks:,} chunks, {name}"
                goal = client is None and n_chunks == counts[-1]
                real = _compare(options, n_chunks, client, where, goal)
                comparisons.append(real)
                figures.append(_share(options, client, where, real))
    return Section(
        "overhead",
        "What Dask takes",
        f"One chunk of {options.population.chunk_bytes / 1e6:.1f} MB, blosc lz4 + "
        "bitshuffle, over and over (links to one file): read, decoded, exact moments "
        "with all pairs, merged by 16. Beside it the same in a plain loop "
        "without Dask. The share is found from chunks of next to no work: processor "
        "time of the Dask run minus that of the loop, per chunk, over the time a whole "
        f"chunk takes in the loop. Threads: {options.threads}; LocalCluster: two "
        "worker processes, scheduler and workers counted.",
        tuple(comparisons),
        tuple(figures),
    )


def _compare(
    options: Options, n_chunks: int, client: Client | None, where: str, goal: bool
) -> Comparison:
    # Ten thousand chunks take minutes a round, and what they need has just been run.
    large = n_chunks >= 5_000
    rounds = min(3, options.rounds) if large else options.rounds
    work = planned(options, n_chunks, blank=False)
    seconds = _rounds(options, work, client, rounds, warm_up=not large)
    return Comparison(
        where,
        "Dask",
        "plain loop",
        seconds["dask"],
        seconds["loop"],
        units=n_chunks,
        unit="chunk",
        goal=Goal(most=1.03) if goal else None,
        note=f"{rounds} rounds",
    )


def _share(
    options: Options,
    client: Client | None,
    where: str,
    real: Comparison,
) -> Figure:
    n_chunks = real.units
    blank = planned(options, n_chunks, blank=True)
    seconds = _rounds(options, blank, client, options.rounds)
    pairs = zip(seconds["dask"], seconds["loop"], strict=True)
    extra = statistics.median(a - b for a, b in pairs) / n_chunks
    chunk = statistics.median(real.peer_seconds) / n_chunks
    return Figure(
        f"share of Dask, {where}",
        100 * extra / chunk,
        "%",
        goal=Goal(most=3) if real.goal else None,
        note=f"{duration(extra)} on {duration(chunk)} a chunk",
    )


def _rounds(
    options: Options,
    work: ArrayPass,
    client: Client | None,
    rounds: int,
    *,
    warm_up: bool = True,
) -> Seconds:
    """Run by Dask and by the loop; idle workers do not count as the loop's time."""
    threads = options.threads if client is None else None
    return interleaved(
        {
            "dask": lambda: work.run(client=client, threads=threads),
            "loop": lambda: plain_loop(work),
        },
        rounds,
        clocks={"dask": _clock(client), "loop": time.thread_time},
        warm_up=warm_up,
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
