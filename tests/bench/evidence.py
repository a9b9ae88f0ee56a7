"""Evidence: exact sums from memory and from the store, beside float sums.

`python -m tests.bench.evidence FOLDER ROWS AGENTS SOURCES TIMES THREADS` is one pass in
a process of its own; it prints rows, and its peak memory in bytes before and after.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stats.evidence import EvidenceSums
from stats.kernels_evidence import warm
from tasks.memory import peak_memory
from tests.bench import evidence_precision
from tests.bench.evidence_rivals import float_sums, table_rivals
from tests.bench.evidence_store import EvidenceFiles
from tests.bench.options import Options
from tests.bench.results import Comparison, Figure, Goal, Section
from tests.bench.timing import ROOT, interleaved

# A million rows in so many processor seconds; rows a second of two processors; bytes.
_SECONDS, _RATE, _LIMIT = 0.2, 5e6, 2_000_000_000
_MANY_ROWS = 100_000_000
_OURS = "exact sums"


def measure(options: Options) -> Section:
    """Measure sums in memory, sums from a store, memory and precision."""
    warm()
    files = _files(options)
    comparisons, figures, skipped = _from_store(options, files)
    figures = [*_in_memory(options, files), *figures]
    options.say("evidence: memory")
    figures += [_bounded(options, files)]
    options.say("evidence: precision")
    figures += evidence_precision.measure(options.quick)
    return Section(
        "evidence",
        "Evidence",
        f"Sums of confidence times log-likelihood ratio for {files.agents:,} agents. "
        f"{files.sources} shards of {files.rows:,} rows, one chunk each, zarr's "
        "default codec; all seven columns are read, codes and numbers checked, names "
        "matched. Rivals read three columns of uncompressed Parquet whose agents are "
        f"numbers already, and add floats. {options.threads} threads each.",
        comparisons=(*_memory_rival(options, files), *comparisons),
        figures=tuple(figures),
        skipped=tuple(skipped),
    )


def _files(options: Options) -> EvidenceFiles:
    if options.quick:
        return EvidenceFiles(options.root, rows=5_000, agents=300, sources=2)
    return EvidenceFiles(options.root)


def _columns(files: EvidenceFiles) -> tuple[NDArray[np.generic], ...]:
    found = files.columns(0)
    return found["log_ratio"], found["confidence"], found["agent"]


def _in_memory(options: Options, files: EvidenceFiles) -> list[Figure]:
    """Processor seconds of a million rows."""
    options.say("evidence: in memory")
    ratio, weight, agent = _columns(files)
    found = []
    for agents in sorted({max(1, files.agents // 100), files.agents}):
        group = agent % agents
        seconds = _spent(
            lambda group=group, agents=agents: EvidenceSums.from_block(
                ratio, weight, group, agents
            ).log_ratio(),
            options.rounds,
        )
        found.append(
            Figure(
                f"processor seconds of 1,000,000 rows in memory, {agents:,} agents",
                statistics.median(seconds) * 1e6 / files.rows,
                "s",
                None if options.quick else Goal(most=_SECONDS),
                f"median of {len(seconds)}, {files.rows:,} rows each",
            )
        )
    return found


def _spent(call: Callable[[], object], rounds: int) -> tuple[float, ...]:
    return interleaved({_OURS: call}, rounds)[_OURS]


def _memory_rival(options: Options, files: EvidenceFiles) -> list[Comparison]:
    ratio, weight, agent = _columns(files)
    seconds = interleaved(
        {
            "ours": lambda: EvidenceSums.from_block(
                ratio, weight, agent, files.agents
            ).log_ratio(),
            "peer": lambda: float_sums(ratio, weight, agent, files.agents),
        },
        options.rounds,
    )
    return [
        Comparison(
            "sums of a block in memory",
            _OURS,
            "numpy.bincount, float sums",
            seconds["ours"],
            seconds["peer"],
            files.rows,
            note="sizes, counts and weights as well, and every row checked",
        )
    ]


def _from_store(
    options: Options, files: EvidenceFiles
) -> tuple[list[Comparison], list[Figure], list[str]]:
    """Read, check and add up, beside rivals on Parquet, alternately."""
    options.say("evidence: from the store")
    rows = files.rows * files.sources
    files.store()
    rivals, skipped = table_rivals(files.parquet(), options.threads)
    wall: list[float] = []

    def ours() -> None:
        start = time.perf_counter()
        files.sums(options.threads)
        wall.append(time.perf_counter() - start)

    seconds = interleaved({_OURS: ours, **rivals}, options.rounds)
    comparisons = [
        Comparison(
            "sums of a table on disk", _OURS, name, seconds[_OURS], seconds[name], rows
        )
        for name in rivals
    ]
    spent = statistics.median(seconds[_OURS])
    took = statistics.median(wall[1:])
    goal = None if options.quick else Goal(least=_RATE / 1e6)
    return (
        comparisons,
        [
            Figure(
                "rows a second from the store",
                rows / took / 1e6,
                "million",
                goal,
                f"wall clock, {options.threads} threads; median of {len(wall) - 1}; "
                f"{1e9 * spent / rows:.0f} ns of a processor per row",
            )
        ],
        skipped,
    )


def _bounded(options: Options, files: EvidenceFiles) -> Figure:
    """Peak memory of a process that reads the shards again and again."""
    wanted = 50_000 if options.quick else _MANY_ROWS
    times = -(-wanted // (files.rows * files.sources))
    rows, before, peak, took = passed(files, times, options.threads)
    return Figure(
        f"peak memory, {rows:,} rows",
        peak / 1e6,
        "MB",
        Goal(most=_LIMIT / 1e6),
        f"a process of its own, {before / 1e6:.0f} MB before the pass; the same "
        f"shards {times} times, {rows / took / 1e6:.1f} million rows a second",
    )


def passed(
    files: EvidenceFiles, times: int, threads: int
) -> tuple[int, int, int, float]:
    """Rows, peak bytes before and after, and seconds of a pass in a new process."""
    sizes = (files.rows, files.agents, files.sources, times, threads)
    command = [sys.executable, "-m", "tests.bench.evidence", str(files.folder)]
    done = subprocess.run(
        [*command, *map(str, sizes)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    rows, before, peak, took = done.stdout.split()
    return int(rows), int(before), int(peak), float(took)


def main() -> None:
    """Make one pass and print what it took."""
    rows, agents, sources, times, threads = map(int, sys.argv[2:])
    files = EvidenceFiles(Path(sys.argv[1]), rows, agents, sources)
    warm()
    before, start = peak_memory(), time.perf_counter()
    found = files.sums(threads, times)
    took = time.perf_counter() - start
    seen = int(found.n.sum())
    sys.stdout.write(f"{seen} {before} {peak_memory()} {took}\n")


if __name__ == "__main__":
    main()
