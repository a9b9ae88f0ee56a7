"""Weigh a statistic in the process that will run it, before any data are read."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import psutil
from distributed import Client
from numpy.typing import NDArray

from stats.labelled import Grouped
from stats.sparse_groups import SparseGroups
from stats.summary import merge_all
from tasks.live_workers import live_workers

__all__ = ["Probe", "Summarize", "peak_memory", "probe", "probe_where_it_runs"]

_PROBE_AGENTS = (32, 64)
_PROBE_GROUPS = 8
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
    merge_in, merge_out : int
        Most bytes held by a merge, beside what it merges: for each group of its inputs
        and for each group of its result.
    """

    process: int
    state: int
    scratch: int
    merge_in: int = 0
    merge_out: int = 0


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
    few, some = (max(1, min(n, agents)) for n in _PROBE_AGENTS)
    values = _made_up((some, *chunk_shape[1:]), np.dtype(dtype))
    one = np.zeros(some, dtype=np.int64)

    def of(n: int) -> Grouped:
        return summarize(values[:n], one[:n], 1)

    # Several groups, so that what every object takes by itself does not count.
    groups = np.repeat(np.arange(_PROBE_GROUPS), some)
    several = summarize(np.tile(values, (_PROBE_GROUPS, 1, 1)), groups, _PROBE_GROUPS)
    held = SparseGroups(np.arange(_PROBE_GROUPS), several)
    merge_all([held] * 2)
    with _LOCK, _traced():
        less, more = (_peak_of(functools.partial(of, n)) for n in (few, some))
        state = _kept_by(lambda: merge_all([held] * 2)) // _PROBE_GROUPS
        two, eight = (
            _peak_of(functools.partial(merge_all, [held] * n)) // _PROBE_GROUPS
            for n in (2, 8)
        )
    each = max(more - less, 0) / max(some - few, 1)
    merge_in = max(eight - two, 0) // 6
    return Probe(
        process=psutil.Process().memory_info().rss,
        state=state,
        scratch=int(more + each * (agents - some)),
        merge_in=merge_in,
        merge_out=max(two - 2 * merge_in, 0),
    )


@contextlib.contextmanager
def _traced() -> Iterator[None]:
    """Trace allocations, numpy's among them."""
    running = tracemalloc.is_tracing()
    if not running:
        tracemalloc.start()
    try:
        yield
    finally:
        if not running:
            tracemalloc.stop()


def _peak_of(call: Callable[[], object]) -> int:
    """Most bytes held during a call, beside those before it."""
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    call()
    return tracemalloc.get_traced_memory()[1] - before


def _kept_by(call: Callable[[], object]) -> int:
    """Bytes that the result of a call keeps."""
    before = tracemalloc.get_traced_memory()[0]
    kept = call()
    found = tracemalloc.get_traced_memory()[0] - before
    del kept
    return found


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
    addresses = list(live_workers(client))
    futures = [
        client.submit(call, workers=[address], pure=False) for address in addresses
    ]
    found: list[Probe] = client.gather(futures)
    return Probe(
        *(
            max(getattr(one, field.name) for one in found)
            for field in dataclasses.fields(Probe)
        )
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
