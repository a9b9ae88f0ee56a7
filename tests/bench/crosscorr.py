"""Correlations of many series beside all pairs at once, and top pairs beside faiss.

`python -m tests.bench.crosscorr N K` finds the top K pairs of N series in a process of
its own; it prints its peak memory in bytes and its processor seconds.
"""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stats.kernels_series import warm
from stats.series_sums import SeriesSums
from stats.top_pairs import TopPairs, top_correlated_pairs
from tasks.memory import peak_memory
from tests.bench.growth import exponent
from tests.bench.options import Options
from tests.bench.page import duration
from tests.bench.peers import _one_blas_thread
from tests.bench.results import Comparison, Figure, Goal, Section
from tests.bench.timing import ROOT, interleaved, processor_seconds

Singles = NDArray[np.float32]

_STEPS = 64
_ROWS = 2_000
_GROUPS = 1_000
_SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)


def series(n: int, dtype: Any = np.float32) -> NDArray[Any]:
    """Return n series of 64 steps that share a little."""
    rng = np.random.default_rng(n)
    x = rng.standard_normal((n, _STEPS), dtype=np.float32)
    x += np.float32(0.3) * rng.standard_normal(_STEPS, dtype=np.float32)
    return x.astype(dtype, copy=False)


def brute_force(x: Singles) -> float:
    """Mean of all correlations by matrix products in float32, some rows at a time."""
    z = x - x.mean(axis=1, keepdims=True)
    z /= np.sqrt(np.einsum("nt,nt->n", z, z))[:, None]
    n, total = len(z), 0.0
    for first in range(0, n, _ROWS):
        total += float((z[first : first + _ROWS] @ z.T).sum(dtype=np.float64))
    return (total - n) / (n * (n - 1))


def from_sums(x: NDArray[Any]) -> float:
    """Return the same mean from sums."""
    groups = np.zeros(len(x), dtype=np.int64)
    return float(SeriesSums.from_block(x, groups, 1).within()[0])


def with_faiss(x: Singles, k: int, threads: int) -> dict[str, Callable[[], TopPairs]]:
    """Ways to the global top k with an index of inner products, which knows no pairs.

    Its series are standardised, and the index is filled, before the clock runs.
    """
    import faiss

    faiss.omp_set_num_threads(threads)
    z = x - x.mean(axis=1, keepdims=True)
    z /= np.sqrt(np.einsum("nt,nt->n", z, z))[:, None]
    index = faiss.IndexFlatIP(z.shape[1])
    index.add(z)

    def by_neighbours() -> TopPairs:
        """A series can be in all k pairs: its k nearest, and itself."""
        r, j = index.search(z, min(k + 1, len(z)))
        i = np.repeat(np.arange(len(z)), r.shape[1])
        return _best(i, j.ravel(), r.ravel(), k)

    def by_range() -> TopPairs:
        """Nearest neighbours bound the k-th best; then all pairs above that."""
        r, j = index.search(z, 2)
        i = np.repeat(np.arange(len(z)), 2)
        least = _best(i, j.ravel(), r.ravel(), k).r.min()
        ends, r, j = index.range_search(z, float(least) - 1e-5)
        i = np.repeat(np.arange(len(z)), np.diff(ends.astype(np.int64)))
        return _best(i, j, r, k)

    return {
        "faiss Flat, k + 1 neighbours of each": by_neighbours,
        "faiss Flat, neighbours, then a range": by_range,
    }


def _best(i: NDArray[Any], j: NDArray[Any], r: Singles, k: int) -> TopPairs:
    """Each pair once, the best k of them."""
    once = i < j
    i, j, r = i[once], j[once], r[once]
    if len(r) > k:
        kept = r >= np.partition(r, len(r) - k)[len(r) - k]
        i, j, r = i[kept], j[kept], r[kept]
    order = np.lexsort((j, i, -r))[:k]
    return TopPairs(i[order], j[order], r[order].astype(np.float64))


def measure(options: Options) -> Section:
    """Measure averages, their growth, top pairs and their memory; BLAS has a thread."""
    warm()
    with _one_blas_thread():
        comparisons = _averages(options)
        figures = [*_million(options), _growth(options)]
        found, skipped = _top_pairs(options)
        comparisons += found
    figures += _memory(options)
    return Section(
        "crosscorr",
        "Cross-correlation",
        f"Series of {_STEPS} steps in memory, one thread each. Brute force: "
        "float32 matrix products of all standardised series, averaged. faiss: "
        "series are standardised and its index is filled before the clock runs, ours "
        "does all in it; two ways to the best pairs over all series were tried, both "
        "are shown.",
        tuple(comparisons),
        tuple(figures),
        skipped,
    )


def _averages(options: Options) -> list[Comparison]:
    found = []
    for n in (200, 400) if options.quick else (1_000, 5_000, 20_000):
        options.say(f"crosscorr: all pairs of {n:,}")
        x = series(n)
        seconds = interleaved(
            {"ours": lambda x=x: from_sums(x), "all": lambda x=x: brute_force(x)},
            options.rounds,
        )
        found.append(
            Comparison(
                f"mean correlation of all pairs of {n:,} series",
                "sums",
                "brute force, float32",
                seconds["ours"],
                seconds["all"],
                units=n,
                unit="series",
                inverse=True,
            )
        )
    return found


def _million(options: Options) -> list[Figure]:
    """Processor time of a million series, with all pairs of a thousand groups."""
    n = 10_000 if options.quick else 1_000_000
    groups = np.random.default_rng(0).integers(0, _GROUPS, n)
    found = []
    for dtype in (np.float32, np.float64):
        options.say(f"crosscorr: {n:,} series, {dtype.__name__}")
        x = series(n, dtype)
        call = lambda x=x: SeriesSums.from_block(x, groups, _GROUPS).between()  # noqa: E731
        seconds = interleaved({"ours": call}, options.rounds)["ours"]
        found.append(
            Figure(
                f"{n:,} series, {dtype.__name__}, {_GROUPS:,} groups and their pairs",
                statistics.median(seconds),
                "s",
                Goal(most=1.0),
                f"{x.nbytes / 1e6:,.0f} MB, processor time",
            )
        )
    return found


def _growth(options: Options) -> Figure:
    """Exponent of time; small sizes are repeated until they take as long as large."""
    sizes = (1_000, 4_000) if options.quick else _SIZES
    whole = series(sizes[-1], np.float64)
    groups = np.arange(len(whole)) % 100

    def run(n: int) -> Callable[[], None]:
        def call() -> None:
            for _ in range(sizes[-1] // n):
                SeriesSums.from_block(whole[:n], groups[:n], 100).between()

        return call

    options.say("crosscorr: growth")
    seconds = interleaved({str(n): run(n) for n in sizes}, options.rounds)
    each = {n: statistics.median(seconds[str(n)]) / (sizes[-1] // n) for n in sizes}
    note = "; ".join(f"{n:,}: {duration(s)}" for n, s in each.items())
    slope = exponent(list(each), list(each.values()))
    return Figure("series: exponent", slope, goal=Goal(0.9, 1.1), note=note)


def _top_pairs(options: Options) -> tuple[list[Comparison], tuple[str, ...]]:
    if importlib.util.find_spec("faiss") is None:
        return [], ("top pairs beside faiss: not installed; `make bench` installs it",)
    n = 1_500 if options.quick else 20_000
    x = series(n)
    found = []
    for k in (100, 1_000):
        options.say(f"crosscorr: top {k:,} pairs of {n:,}")
        peers = with_faiss(x, k, 1)
        ours = lambda k=k: top_correlated_pairs(x, k)  # noqa: E731
        seconds = interleaved({"ours": ours, **peers}, options.rounds)
        found += [
            Comparison(
                f"top {k:,} pairs of {n:,} series",
                "blocks",
                name,
                seconds["ours"],
                seconds[name],
                goal=Goal(most=1.2),
            )
            for name in peers
        ]
    return found, ()


def _memory(options: Options) -> list[Figure]:
    n, k = (3_000, 100) if options.quick else (200_000, 1_000)
    options.say(f"crosscorr: top pairs of {n:,} in a process of its own")
    peak, seconds = in_new_process(n, k)
    what = f"top {k:,} pairs of {n:,} series"
    note = f"of it {4 * n * _STEPS / 1e6:,.0f} MB the series themselves, float32"
    return [
        Figure(f"{what}: peak memory", peak / 1e6, "MB", Goal(most=1_000), note),
        Figure(f"{what}: processor time", seconds, "s"),
    ]


def in_new_process(n: int, k: int) -> tuple[int, float]:
    """Peak bytes of a process that finds top pairs, and seconds that they took it."""
    command = [sys.executable, "-m", "tests.bench.crosscorr", str(n), str(k)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    peak, seconds = done.stdout.split()
    return int(peak), float(seconds)


def _alone(n: int, k: int) -> None:
    x = series(n)
    warm()
    start = processor_seconds()
    top_correlated_pairs(x, k)
    sys.stdout.write(f"{peak_memory()} {processor_seconds() - start}\n")


if __name__ == "__main__":
    _alone(*map(int, sys.argv[1:]))
