"""Weigh a statistic in the process that will run it, before any data are read."""

from __future__ import annotations

import functools
import sys
import threading
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import psutil
from distributed import Client
from numpy.typing import NDArray

from stats.labelled import Grouped

__all__ = ["Probe", "Summarize", "peak_memory", "probe", "probe_where_it_runs"]

_PROBE_AGENTS = (32, 64)
_SMALLEST, _LARGEST = -9.0, 9.0
_LOCK = threading.Lock()


class Summarize(Protocol):
    """Turns a block of agents into a summary with one entry per group."""

    def __call__(
        self, values: NDArray[Any], groups: NDArray[np.int64], n_groups: int, /
    ) -> Grouped:
        """Summarise values (agents, times, d) with one group per agent."""
        ...


@dataclass(frozen=True, slots=True)
class Probe:
    """What one process takes for a statistic.

    Attributes
    ----------
    process : int
        Bytes of the process itself, the statistic loaded.
    state : int
        Bytes of the summary of one group.
    scratch : int
        Most bytes held while one chunk is summarised, beside the chunk.
    """

    process: int
    state: int
    scratch: int


def probe(summarize: Summarize, chunk_shape: tuple[int, ...], dtype: str) -> Probe:
    """Run the statistic on a few made-up agents and weigh it; loads its kernels too.

    Parameters
    ----------
    summarize : Summarize
    chunk_shape : tuple of int
        Agents, times, features.
    dtype : str
    """
    agents = chunk_shape[0]
    few = [max(1, min(n, agents)) for n in _PROBE_AGENTS]
    values = _made_up((few[-1], *chunk_shape[1:]), np.dtype(dtype))
    groups = np.zeros(few[-1], dtype=np.int64)
    summarize(values, groups, 1)
    with _LOCK:
        weighed = [_weigh(summarize, values[:n], groups[:n]) for n in few]
    (_, less), (state, more) = weighed
    each = max(more - less, 0) / max(few[1] - few[0], 1)
    scratch = int(more + each * (agents - few[1]))
    return Probe(psutil.Process().memory_info().rss, state, scratch)


def _weigh(
    summarize: Summarize, values: NDArray[Any], groups: NDArray[np.int64]
) -> tuple[int, int]:
    """Bytes that a summary keeps, and the most that were held while it was made."""
    running = tracemalloc.is_tracing()
    if not running:
        tracemalloc.start()
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    summary = summarize(values, groups, 1)
    after, peak = tracemalloc.get_traced_memory()
    if not running:
        tracemalloc.stop()
    stored = sum(array.nbytes for array in summary.to_arrays().values())
    return max(after - before, stored), peak - before


def _made_up(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Numbers of many sizes, as the times of a feature lie side by side in memory."""
    rng = np.random.default_rng(0)
    agents, times, features = shape
    physical = (agents, features, times)
    if dtype.kind != "f":
        high = min(np.iinfo(dtype).max, 10**9)
        return rng.integers(0, high, physical).astype(dtype).transpose(0, 2, 1)
    top = min(_LARGEST, np.log10(float(np.finfo(dtype).max)) - 1)
    size = 10 ** rng.uniform(_SMALLEST, top, physical)
    values = (rng.choice([-1.0, 1.0], physical) * size).astype(dtype)
    values[rng.random(physical) < 0.01] = np.nan
    return values.transpose(0, 2, 1)


def probe_where_it_runs(
    summarize: Summarize,
    chunk_shape: tuple[int, ...],
    dtype: str,
    client: Client | None,
) -> Probe:
    """Probe in this process, or in every worker, and return the largest of each."""
    call = functools.partial(probe, summarize, chunk_shape, dtype)
    if client is None:
        return call()
    addresses = list(client.scheduler_info(n_workers=-1)["workers"])
    futures = [
        client.submit(call, workers=[address], pure=False) for address in addresses
    ]
    found: list[Probe] = client.gather(futures)
    return Probe(
        max(one.process for one in found),
        max(one.state for one in found),
        max(one.scratch for one in found),
    )


def peak_memory(client: Client | None = None) -> int:
    """Most bytes this process, or any worker, has held resident since it started."""
    if client is None:
        return _peak()
    found: dict[str, int] = client.run(_peak)
    return max(found.values())


def _peak() -> int:
    status = Path("/proc/self/status")
    if status.is_file():
        # Not ru_maxrss: a child inherits its parent's through fork and exec.
        for line in status.read_text("utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    import resource  # noqa: PLC0415 - not on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return unit * int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
