"""Peak memory of a pass: against the number of agents, and under a worker's limit.

`python -m tests.bench.memory PATH TEAMS THREADS` is one pass in a process
of its own; it prints its peak memory in bytes before and after.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stats.kernels import warm
from storage.chunks import ChunkSource
from tasks.array_pass import reduce_array
from tasks.cluster import cluster_session
from tasks.cluster_config import ClusterConfig
from tasks.memory import peak_memory
from tests.bench.data import repeated
from tests.bench.engine import exact
from tests.bench.options import Options
from tests.bench.results import Figure, Goal, Section
from tests.bench.timing import ROOT

_CODEC = "lz4"
_LIMIT = 2_000_000_000
_LARGE = 12_000_000_000


def measure(options: Options) -> Section:
    """Measure growing arrays, then one that is larger than the limit."""
    counts = (2, 4, 8, 16) if options.quick else (25, 50, 100, 200, 400)
    figures = _growth(options, counts)
    if not options.quick:
        figures += _under_a_limit(options)
    return Section(
        "memory",
        "Memory",
        f"Peak resident memory of a process that makes one pass with exact moments, "
        f"{options.threads} Dask threads, blosc lz4 + bitshuffle, "
        f"{options.population.teams:,} teams whatever the number of agents. The same "
        "chunk over and over, so that only the number of agents differs.",
        figures=tuple(figures),
        skipped=("an array larger than the limit: not at small size",)
        if options.quick
        else (),
    )


def _growth(options: Options, counts: tuple[int, ...]) -> list[Figure]:
    figures, peaks = [], []
    for n_chunks in counts:
        agents = n_chunks * options.population.chunk
        options.say(f"memory: {agents:,} agents")
        before, peak = peak_bytes(options, n_chunks)
        peaks.append(peak)
        figures.append(
            Figure(
                f"peak memory, {agents:,} agents",
                peak / 1e6,
                "MB",
                note=f"{before / 1e6:.0f} MB of it before the pass",
            )
        )
    growth = max(peaks) / peaks[0]
    note = f"agents × {counts[-1] // counts[0]}"
    return [
        *figures,
        Figure("largest peak over the first", growth, "×", Goal(most=1.1), note),
    ]


def peak_bytes(options: Options, n_chunks: int) -> tuple[int, int]:
    """Peak memory before and after a pass over `n_chunks`, in a new process."""
    path = array_of(options, n_chunks)
    teams = options.population.teams
    command = [sys.executable, "-m", "tests.bench.memory", str(path), str(teams)]
    done = subprocess.run(
        [*command, str(options.threads)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    before, after = done.stdout.split()
    return int(before), int(after)


def array_of(options: Options, n_chunks: int) -> Path:
    """Return an array of the first chunk `n_chunks` times."""
    target = options.files.folder / f"{_CODEC}-{n_chunks}-times.zarr"
    return repeated(options.files.array(_CODEC), n_chunks, target)


def _teams(agents: int, teams: int) -> NDArray[np.int64]:
    """Sorted teams of equal size."""
    return np.arange(agents, dtype=np.int64) * teams // agents


def _under_a_limit(options: Options) -> list[Figure]:
    """Reduce 12 GB with two workers of 2 GB."""
    n_chunks = -(-_LARGE // options.population.chunk_bytes)
    source = ChunkSource.open(str(array_of(options, n_chunks)))
    teams = options.population.teams
    options.say(f"memory: {source.n_bytes / 1e9:.1f} GB under {_LIMIT / 1e9:.0f} GB")
    with cluster_session(ClusterConfig(workers=2, memory_limit="2GB")) as session:
        client = session.client()
        reduced = reduce_array(
            source, _teams(source.shape[0], teams), teams, exact, client=client
        )
        peak = peak_memory(client)
    seen = int(reduced.count.sum())
    return [
        Figure(
            f"largest peak of two workers, {source.n_bytes / 1e9:.1f} GB reduced",
            peak / 1e6,
            "MB",
            Goal(most=_LIMIT / 1e6),
            f"limit {_LIMIT / 1e6:,.0f} MB each; {seen:,} values seen",
        )
    ]


def main() -> None:
    """Make one pass and print the peak before and after."""
    path, teams, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    warm()
    source: Any = ChunkSource.open(path)
    groups = _teams(source.shape[0], teams)
    before = peak_memory()
    reduce_array(source, groups, teams, exact, threads=threads)
    sys.stdout.write(f"{before} {peak_memory()}\n")


if __name__ == "__main__":
    main()
