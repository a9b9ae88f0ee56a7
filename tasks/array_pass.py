"""One pass over a chunked array: each chunk is read, decoded and summed in one task.

No Dask array of raw data exists: a task holds one chunk, and what travels is the
summary of the groups that the chunk touches.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from distributed import Client
from numpy.typing import NDArray

from stats.labelled import Grouped
from stats.sparse_groups import SparseGroups, touched_groups
from stats.summary import InvalidInput
from storage.chunks import ChunkSource
from tasks.memory import Prediction, allowed_bytes, predict
from tasks.probe import Summarize, probe_where_it_runs
from tasks.reduce import ProgressCallback, tree_reduce

__all__ = ["ArrayPass", "reduce_array"]


@dataclass(frozen=True, slots=True)
class _ChunkGroups:
    """Which chunk, and the groups of its agents as runs: small to send."""

    i: int
    ids: NDArray[np.int64]
    codes: NDArray[np.integer]
    lengths: NDArray[np.int32] | None

    @classmethod
    def of(cls, i: int, groups: NDArray[np.int64]) -> Self:
        ids, codes = touched_groups(groups)
        small = codes.astype(np.min_scalar_type(-len(ids) - 1))
        starts = np.flatnonzero(np.diff(small, prepend=small[0] - 1))
        if 4 * len(starts) > len(small):
            return cls(i, ids, small, None)
        lengths = np.diff(starts, append=len(small)).astype(np.int32)
        return cls(i, ids, small[starts], lengths)

    def expand(self) -> NDArray[np.int64]:
        """Place in `ids` of every agent of the chunk."""
        codes = self.codes.astype(np.int64)
        return codes if self.lengths is None else np.repeat(codes, self.lengths)


def _one_chunk(
    block: _ChunkGroups, *, source: ChunkSource, summarize: Summarize
) -> SparseGroups[Grouped]:
    values = source.read(block.i)
    return SparseGroups(block.ids, summarize(values, block.expand(), len(block.ids)))


@dataclass(frozen=True, slots=True)
class ArrayPass:
    """A pass that is planned but not run: what it reads, and what it may take.

    Attributes
    ----------
    source : ChunkSource
    n_groups : int
    summarize : Summarize
        Module-level function, or a `functools.partial` of one: it goes to workers.
    split_every : int
        Summaries per merge.
    blocks : tuple
        One small description per chunk.
    """

    source: ChunkSource
    n_groups: int
    summarize: Summarize
    split_every: int
    blocks: tuple[_ChunkGroups, ...] = field(repr=False)

    @classmethod
    def plan(
        cls,
        source: ChunkSource,
        groups: NDArray[np.integer],
        n_groups: int,
        summarize: Summarize,
        *,
        split_every: int = 16,
    ) -> Self:
        """Cut the groups of all agents along the chunks.

        Parameters
        ----------
        groups : integer array, shape (agents,)
            Group of each agent, in [0, n_groups), or -1 for one that does not count.

        Raises
        ------
        InvalidInput
            When groups are not one integer per agent, or out of range.
        """
        where = np.asarray(groups)
        agents = source.shape[0]
        if where.shape != (agents,) or where.dtype.kind not in "iu":
            raise InvalidInput(
                f"reduce_array: groups {where.shape} of {where.dtype} do not fit "
                f"{agents} agents. Give one integer per agent, -1 to leave it out."
            )
        if where.size and (where.min() < -1 or where.max() >= n_groups):
            raise InvalidInput(
                f"reduce_array: groups run from {where.min()} to {where.max()}, "
                f"expected -1 to {n_groups - 1}. Encode groups first."
            )
        blocks = tuple(
            _ChunkGroups.of(i, where[source.agents(i)]) for i in range(source.n_chunks)
        )
        return cls(source, n_groups, summarize, split_every, blocks)

    def predict(
        self, *, client: Client | None = None, threads: int | None = None
    ) -> Prediction:
        """Predict the memory of the process, or of the fullest worker."""
        source = self.source
        found = probe_where_it_runs(
            self.summarize, source.chunk_shape, source.dtype, client
        )
        if client is not None:
            threads = max(client.nthreads().values())
        return predict(
            source,
            _touched([block.ids for block in self.blocks], self.split_every),
            self.n_groups,
            found,
            threads=threads or 1,
            split_every=self.split_every,
        )

    def run(
        self,
        *,
        client: Client | None = None,
        threads: int | None = None,
        progress: ProgressCallback | None = None,
    ) -> Grouped:
        """Read every chunk once and merge; equal bits for any threads and workers."""
        work = functools.partial(
            _one_chunk, source=self.source, summarize=self.summarize
        )
        found = tree_reduce(
            self.blocks,
            work,
            client=client,
            threads=threads,
            split_every=self.split_every,
            progress=progress,
        )
        return found.dense(self.n_groups)


def _touched(
    ids: Iterable[NDArray[np.int64]], split_every: int
) -> Sequence[Sequence[int]]:
    """How many groups every node of the tree holds, level by level."""
    level = list(ids)
    found = [[len(one) for one in level]]
    while len(level) > 1:
        level = [
            functools.reduce(np.union1d, level[i : i + split_every])
            for i in range(0, len(level), split_every)
        ]
        found.append([len(one) for one in level])
    return found


def reduce_array(
    source: ChunkSource,
    groups: NDArray[np.integer],
    n_groups: int,
    summarize: Summarize,
    *,
    client: Client | None = None,
    threads: int | None = None,
    memory_limit: int | str | None = None,
    split_every: int = 16,
    progress: ProgressCallback | None = None,
) -> Any:
    """Summarise an array by group in one pass, in bounded memory.

    Parameters
    ----------
    source : ChunkSource
    groups : integer array, shape (agents,)
        Group of each agent, in [0, n_groups), or -1 for one that does not count.
        Sorted agents make small states: a chunk then touches few groups.
    n_groups : int
    summarize : callable
        ``(values (agents, times, d), groups (agents,), n_groups) -> Grouped``, for
        example ``GroupMoments.from_block``.
    client : distributed.Client, optional
        Where to run; None runs in this process.
    threads : int, optional
        Without a client, chunks worked on at once; None is one after the other.
    memory_limit : int or str, optional
        Bytes, or text such as "2GB", that one process may take; by default what its
        worker or this machine has.
    split_every : int
        Summaries per merge, at least 2.
    progress : ProgressCallback, optional
        Told how many chunks are done.

    Returns
    -------
    Grouped
        What `summarize` returns, of all groups.

    Raises
    ------
    InvalidInput
        When groups do not fit the array.
    MemoryLimit
        When the prediction exceeds the limit; nothing was read.
    Corrupt
        When a chunk is missing or does not decode.
    """
    planned = ArrayPass.plan(
        source, groups, n_groups, summarize, split_every=split_every
    )
    prediction = planned.predict(client=client, threads=threads)
    prediction.require(allowed_bytes(memory_limit, client), "reduce_array")
    return planned.run(client=client, threads=threads, progress=progress)
