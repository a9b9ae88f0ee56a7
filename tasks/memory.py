"""Predict the memory of a pass over an array, refuse what cannot fit, measure it after.

The prediction is made of what is known before a chunk is read: the shape of a chunk,
the groups that each chunk touches, and a probe that runs the statistic once on numbers
made up for it, in the process that will do the work.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from dask.utils import format_bytes, parse_bytes
from distributed import Client
from distributed.system import MEMORY_LIMIT

from tasks.live_workers import live_workers
from tasks.probe import Probe, peak_memory

__all__ = [
    "MemoryLimit",
    "Prediction",
    "allowed_bytes",
    "peak_memory",
    "predict",
]

# Allocator rounding and fragmentation on top of what is counted, measured; and stacks
# and arenas of threads.
_SLACK, _SLACK_FIXED = 0.15, 16 * 2**20


class MemoryLimit(RuntimeError):
    """A pass would need more memory than it may take; nothing was read."""

    kind: ClassVar[str] = "out_of_memory_limit"


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
        sum(heapq.nlargest(split_every + threads, level)) for level in touched[:-1]
    )
    largest = max(touched[0])
    counted = {
        # The most that codecs add to what cannot be compressed.
        "stored chunks": threads * (chunk + chunk // 100 + 65_536),
        "decoded chunks": threads * chunk * source.copies,
        "scratch": threads * (found.scratch + 3 * largest * found.state),
        "states": waiting * found.state,
        "merges": _merging(touched, found, threads, split_every),
        "result": 2 * n_groups * found.state,
    }
    slack = _SLACK_FIXED + int(_SLACK * sum(counted.values()))
    parts = {"process": found.process, **counted, "slack": slack}
    return Prediction(sum(parts.values()), parts)


def _merging(
    touched: Sequence[Sequence[int]], found: Probe, threads: int, split_every: int
) -> int:
    """Most bytes that merges take beside what they merge, one per thread at once."""
    most = 0
    for below, level in itertools.pairwise(touched):
        costs = [
            found.merge_in * sum(below[i * split_every : (i + 1) * split_every])
            + found.merge_out * groups
            for i, groups in enumerate(level)
        ]
        most = max(most, sum(heapq.nlargest(threads, costs)))
    return most


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
    workers = live_workers(client).values()
    limits = [int(worker["memory_limit"] or 0) for worker in workers]
    return min((n for n in limits if n), default=int(MEMORY_LIMIT))
