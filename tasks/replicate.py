"""A reduction that stays right when some workers lie: partitions computed by several.

Nothing here imports prefect, so Dask workers start fast and small.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from distributed import Client
from distributed.protocol.pickle import dumps
from numpy.typing import NDArray

from stats.summary import Incompatible, InvalidInput, Summary, merge_all, unpack
from stats.vote import replicas_at_most
from tasks.cluster_config import ClusterError
from tasks.reduce import ProgressCallback
from tasks.replica_collector import Collector
from tasks.replica_findings import Dissent, Silence
from tasks.replica_pool import DaskPool

__all__ = ["Dissent", "Replicated", "Silence", "TooFewWorkers", "replicated_reduce"]

_BATCH = 16  # accepted states that are merged at once


class TooFewWorkers(ClusterError):
    """The cluster has fewer workers than replicas may be needed."""

    kind: ClassVar[str] = "too_few_workers"


class _Restorable(Summary, Protocol):
    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Restore what `to_arrays` gave."""
        ...


B = TypeVar("B")
S = TypeVar("S", bound=_Restorable)


@dataclass(frozen=True, slots=True)
class Replicated(Generic[S]):
    """A summary that f lying workers could not change, and what that cost.

    Attributes
    ----------
    summary : Summary
        Of all partitions.
    f : int
        Faulty workers per partition that were withstood.
    partitions : int
    computations : int
        Replicas asked for: ``(f + 1) * partitions`` when all agree.
    bytes_moved : int
        Bytes of states that came to this process.
    dissent : tuple of Dissent
        Answers that were not the accepted one, sorted by partition and worker.
    silence : tuple of Silence
        Workers that died, were late or raised an error; no sign of a lie.
    """

    summary: S
    f: int
    partitions: int
    computations: int
    bytes_moved: int
    dissent: tuple[Dissent, ...]
    silence: tuple[Silence, ...]

    @property
    def named(self) -> tuple[str, ...]:
        """Workers that gave another answer than the accepted one, each once, sorted."""
        return tuple(sorted({found.worker for found in self.dissent}))

    @property
    def guarantee(self) -> str:
        """What this result promises, as a sentence."""
        return (
            f"The bits are those of honest workers if at most {self.f} of the workers "
            "asked for a partition were faulty; inputs that all of them read are not "
            "checked."
        )

    def __repr__(self) -> str:
        return (
            f"Replicated: partitions={self.partitions:_} | f={self.f} | "
            f"computations={self.computations:_} | bytes={self.bytes_moved:_} | "
            f"dissent={list(self.named)} | silence={len(self.silence)}"
        )


def replicated_reduce(
    blocks: Sequence[B],
    summarize: Callable[[B], S],
    summary_class: type[S],
    *,
    client: Client,
    f: int = 1,
    input_hashes: Sequence[str] | None = None,
    patience: float = 300.0,
    progress: ProgressCallback | None = None,
) -> Replicated[S]:
    """Summarise every block on several workers, believe f + 1 that agree, and merge.

    Parameters
    ----------
    blocks : sequence
        Small picklable descriptions of what to read, one partition each.
    summarize : callable
        Reads one block and returns its summary; runs on f + 1 workers, and on
        2 f + 1 when two of them differ.
    summary_class : type
        Class of the summaries: exact, with `from_arrays`.
    client : distributed.Client
        Of a cluster with at least 2 f + 1 workers.
    f : int
        Faulty workers to withstand, >= 0.
    input_hashes : sequence of str, optional
        What each block holds, for example the hash of its shard in the ledger; the
        hash of the pickled description if absent.
    patience : float
        Seconds without any answer after which a worker counts as late, > 0.
    progress : ProgressCallback, optional
        Told how many partitions are accepted.

    Returns
    -------
    Replicated
        Its summary has the bits that honest workers alone would have given.

    Raises
    ------
    InvalidInput
        For no blocks, f < 0, hashes or patience that do not fit, or a class whose
        summaries are not exact: honest workers could differ by rounding.
    TooFewWorkers
        When the cluster has fewer than 2 f + 1 workers; nothing was run.
    NoQuorum
        When a partition has no answer given by f + 1 workers: never a guess.
    Incompatible
        When summaries are of another class or state version than `summary_class`.
    Exception
        What f + 1 workers raised alike for the same block.

    Notes
    -----
    This process, the scheduler and the connections to workers are trusted, and so is
    what blocks are read from.  f + 1 workers that agree on a lie are believed.
    States stay on the workers; one per partition is moved, and its hash compared.
    Source: Gupta, Vaidya, SPAA (2019), reactive redundancy.
    """
    _check(blocks, summary_class, f, patience)
    hashes = _hashes(blocks) if input_hashes is None else list(input_hashes)
    if len(hashes) != len(blocks):
        raise InvalidInput(
            f"replicated_reduce: {len(hashes)} input hashes for {len(blocks)} blocks. "
            "Give one per block."
        )
    pool = DaskPool(client, summarize, blocks, patience)
    workers, needed = len(pool.workers()), replicas_at_most(f)
    if workers < needed:
        raise TooFewWorkers(
            f"replicated_reduce: {workers} workers, but f = {f} needs {needed}. "
            "Start more workers, or withstand fewer faults."
        )
    merged = _Merged(summary_class, len(blocks), progress)
    collector = Collector(pool, hashes, f, merged.add)
    collector.run()
    return Replicated(
        merged.result(), f, len(blocks), collector.computations, collector.bytes_moved,
        tuple(sorted(collector.dissent, key=lambda d: (d.partition, d.worker))),
        tuple(sorted(collector.silence, key=lambda s: (s.partition, s.worker))),
    )  # fmt: skip


class _Merged(Generic[S]):
    """Accepted states, merged a few at a time."""

    def __init__(
        self, kind: type[S], total: int, progress: ProgressCallback | None
    ) -> None:
        self._kind, self._total, self._progress = kind, total, progress
        self._parts: list[S] = []
        self._done = 0

    def add(self, partition: int, state: bytes) -> None:
        name, version, arrays = unpack(state)
        known = (self._kind.__name__, self._kind.state_version)
        if (name, version) != known:
            raise Incompatible(
                f"replicated_reduce: partition {partition} is a {name} of version "
                f"{version}, expected {known[0]} of version {known[1]}. "
                "Name the class that summarize returns."
            )
        self._parts.append(self._kind.from_arrays(arrays))
        if len(self._parts) == _BATCH:
            self._parts = [merge_all(self._parts)]
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)

    def result(self) -> S:
        return merge_all(self._parts)


def _check(blocks: Sequence[B], kind: type[S], f: int, patience: float) -> None:
    if not blocks:
        raise InvalidInput("replicated_reduce: no blocks. Give at least one.")
    if f < 0 or not patience > 0:
        raise InvalidInput(
            f"replicated_reduce: f = {f}, patience = {patience}. "
            "Give f >= 0 and patience > 0 seconds."
        )
    if not kind.exact:
        raise InvalidInput(
            f"replicated_reduce: {kind.__name__} is not exact, so honest workers could "
            "differ by rounding. Use an exact summary."
        )


def _hashes(blocks: Sequence[B]) -> list[str]:
    """Hash the descriptions as this process pickles them, once."""
    return [hashlib.sha256(dumps(block)).hexdigest() for block in blocks]
