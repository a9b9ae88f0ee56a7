"""Predict the memory of a pass over an array, refuse what cannot fit, measure it after.

The prediction is made of what is known before a chunk is read: the shape of a chunk,
the groups that each chunk touches, and a probe that runs the statistic once on numbers
made up for it, in the process that will do the work.
"""

from __future__ import annotations

import functools
import sys
import threading
import tracemalloc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import psutil
from dask.utils import format_bytes, parse_bytes
from distributed import Client
from distributed.system import MEMORY_LIMIT
from numpy.typing import NDArray

from stats.labelled import Grouped

__all__ = [
    "MemoryLimit",
    "Prediction",
    "Probe",
    "Summarize",
    "allowed_bytes",
    "peak_memory",
    "predict",
    "probe",
    "probe_where_it_runs",
]

_PROBE_AGENTS = 64
_SMALLEST, _LARGEST = -9.0, 9.0
# Allocator rounding and fragmentation on top of what is counted, measured.
_SLACK = 0.15
# A merge of n holds log2(n) half-done states, its two sides padded, and their sum.
_MERGE_STATES = 8
_LOCK = threading.Lock()


class MemoryLimit(RuntimeError):
    """A pass would need more memory than it may take; nothing was read."""

    kind: ClassVar[str] = "out_of_memory_limit"


class Summarize(Protocol):
    """Turns a block of agents into a summary with one entry per group."""

    def __call__(
        self, values: NDArray[Any], groups: NDArray[np.int64], n_groups: int, /
    ) -> Grouped:
        """Summarise values (agents, times, d) with one group per agent."""
        ...


class Chunks(Protocol):
    """What a prediction needs to know of an array."""

    @property
    def chunk_bytes(self) -> int:
        """Bytes of a decoded chunk."""
        ...

    @property
    def copies(self) -> int:
        """Decoded chunks that a read holds at once."""
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


@dataclass(frozen=True, slots=True)
class Prediction:
    """Most bytes that one process of a pass takes, and for what.

    Attributes
    ----------
    bytes : int
    parts : mapping of str to int
        Adds up to `bytes`.
    """

    bytes: int
    parts: Mapping[str, int]

    def __str__(self) -> str:
        parts = ", ".join(f"{format_bytes(n)} {what}" for what, n in self.parts.items())
        return f"{format_bytes(self.bytes)} ({parts})"

    def require(self, allowed: int, where: str) -> None:
        """Refuse a pass that may take more than `allowed` bytes.

        Raises
        ------
        MemoryLimit
        """
        if self.bytes > allowed:
            raise MemoryLimit(
                f"{where}: predicted {self} per process, allowed "
                f"{format_bytes(allowed)}. Allow more memory or use fewer threads; "
                "for states: sort agents by group, use fewer groups, or a statistic "
                "without pairs (spread)."
            )


def predict(
    source: Chunks,
    touched: Sequence[Sequence[int]],
    n_groups: int,
    found: Probe,
    *,
    threads: int,
    split_every: int,
) -> Prediction:
    """Return the most that one process takes.

    Parameters
    ----------
    source : ChunkSource
    touched : sequence of sequence of int
        Groups touched by every node of the tree, chunks first, the root last.
    n_groups : int
        Groups of the result.
    found : Probe
    threads : int
        Chunks that are worked on at once.
    split_every : int
        Summaries per merge.

    Notes
    -----
    A worker of a cluster is taken to hold all summaries that wait anywhere: up to
    `split_every` of each level of the tree, and one more per thread.  The result is
    spread to all groups once.  States are sized for numbers of 1e-9 to 1e9.
    """
    chunk = source.chunk_bytes
    waiting = sum(
        sum(sorted(level, reverse=True)[: split_every + threads])
        for level in touched[:-1]
    )
    largest = max(touched[0])
    merging = _MERGE_STATES * max(
        (sum(sorted(level, reverse=True)[:threads]) for level in touched[1:]),
        default=0,
    )
    counted = {
        # The most that codecs add to what cannot be compressed.
        "stored chunks": threads * (chunk + chunk // 100 + 65_536),
        "decoded chunks": threads * chunk * source.copies,
        "scratch": threads * (found.scratch + 3 * largest * found.state),
        "states": (waiting + merging) * found.state,
        "result": 2 * n_groups * found.state,
    }
    slack = int(_SLACK * sum(counted.values()))
    parts = {"process": found.process, **counted, "slack": slack}
    return Prediction(sum(parts.values()), parts)


def probe(summarize: Summarize, chunk_shape: tuple[int, ...], dtype: str) -> Probe:
    """Run the statistic on a few made-up agents and weigh it; loads its kernels too.

    Parameters
    ----------
    summarize : Summarize
    chunk_shape : tuple of int
        Agents, times, features.
    dtype : str
    """
    agents = min(_PROBE_AGENTS, chunk_shape[0])
    values = _made_up((agents, *chunk_shape[1:]), np.dtype(dtype))
    groups = np.zeros(agents, dtype=np.int64)
    summary = summarize(values, groups, 1)
    state = sum(array.nbytes for array in summary.to_arrays().values())
    del summary
    with _LOCK:
        running = tracemalloc.is_tracing()
        if not running:
            tracemalloc.start()
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        summarize(values, groups, 1)
        peak = tracemalloc.get_traced_memory()[1] - before
        if not running:
            tracemalloc.stop()
    scratch = peak * -(-chunk_shape[0] // agents)
    return Probe(psutil.Process().memory_info().rss, state, scratch)


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


def allowed_bytes(limit: int | str | None, client: Client | None) -> int:
    """Bytes one process may take: the limit given, the workers', or the machine's.

    Parameters
    ----------
    limit : int or str, optional
        Bytes, or text such as "2GB".
    client : distributed.Client, optional

    Raises
    ------
    MemoryLimit
        When the text is no size.
    """
    if limit is not None:
        try:
            found = int(parse_bytes(limit))
        except ValueError as error:
            raise MemoryLimit(
                f"memory limit: {limit!r} is no size. Write it as 2GB or 512MiB."
            ) from error
        return min(found, allowed_bytes(None, client)) if client is not None else found
    if client is None:
        return int(MEMORY_LIMIT)
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    limits = [int(worker["memory_limit"] or 0) for worker in workers]
    return min((n for n in limits if n), default=int(MEMORY_LIMIT))


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
