"""The consensus of a night: evidence in the store, counted once, weighed, decided."""

from __future__ import annotations

import time
from collections.abc import Sequence

from distributed import Client

from stats.summary import NotEnoughData
from storage.evidence_arrays import CHUNK_ROWS
from storage.store import BehaviorStore
from tasks.consensus_conclude import ConsensusOptions, conclude
from tasks.consensus_facts import Facts
from tasks.consensus_result import Consensus
from tasks.evidence_pass import (
    Named,
    StoredEvidence,
    named,
    stored_blocks,
    totals,
)
from tasks.evidence_window import EvidenceWindow, evidence_window
from tasks.reconcile import default_as_of
from tasks.reduce import ProgressCallback

__all__ = ["consensus_of_night", "consensus_of_window"]


def consensus_of_night(
    store: BehaviorStore,
    night: str = "latest",
    *,
    nights: int = 60,
    options: ConsensusOptions | None = None,
    expected: Sequence[str] = (),
    signed_only: bool = False,
    client: Client | None = None,
    threads: int | None = None,
    worker_faults: int | None = None,
    partition_size: int = CHUNK_ROWS,
    as_of: int | None = None,
    progress: ProgressCallback | None = None,
) -> Consensus:
    """Weigh the evidence of a night and the nights before it.

    Parameters
    ----------
    store : BehaviorStore
        Pinned to a snapshot; only read.
    night : str
        ISO date; latest is the newest with evidence.
    nights : int
        Nights before it whose evidence counts as well, at least 0.
    options : ConsensusOptions, optional
        Mode, liars, prior, tempering; robust with all defaults if absent.
    expected : sequence of str
        Sources to reckon with beside those that ever delivered.
    signed_only : bool
        Leave out what is not signed.
    client, threads
        Where to run, as `tasks.reduce.tree_reduce`; nothing runs in this process, one
        partition after the other.
    worker_faults : int, optional
        Faulty workers to withstand; every partition is then computed by several.
    partition_size : int
        Rows of a partition, at least 1.  No bit of the result depends on it.
    as_of : int, optional
        Nanoseconds UTC at which ages are taken; now, or the morning after a night that
        is long past.
    progress : ProgressCallback, optional
        Told how many partitions are added up.

    Returns
    -------
    Consensus
        For every agent that any counting shard names.

    Raises
    ------
    NotEnoughData
        Without evidence, or where none of it may count.
    Incompatible
        When as many sources speak of some hypotheses as of others.
    InvalidInput
        For options that do not fit.
    NotFound, Corrupt
        When a shard cannot be read.
    TooFewWorkers, NoQuorum
        As `tasks.replicate.replicated_reduce`.
    """
    window = evidence_window(
        store, night, nights=nights, expected=expected, signed_only=signed_only
    )
    moment = default_as_of(window.night, time.time_ns()) if as_of is None else as_of
    return consensus_of_window(
        store, window, options or ConsensusOptions(), client=client, threads=threads,
        worker_faults=worker_faults, partition_size=partition_size, as_of=moment,
        progress=progress,
    )  # fmt: skip


def consensus_of_window(
    store: BehaviorStore,
    window: EvidenceWindow,
    options: ConsensusOptions,
    *,
    client: Client | None = None,
    threads: int | None = None,
    worker_faults: int | None = None,
    partition_size: int = CHUNK_ROWS,
    as_of: int,
    progress: ProgressCallback | None = None,
) -> Consensus:
    """Weigh evidence that was found already.

    Parameters and errors as `consensus_of_night`.
    """
    if not window.rows:
        why = "; ".join(f"{x.source}: {x.what}" for x in window.left_out)
        raise NotEnoughData(
            f"consensus of {window.night}: nothing of the evidence may count ({why}). "
            "Have the sources correct it."
        )
    about, window, blocks = _partitions(store, window, partition_size)
    found, replicated = totals(
        blocks, client=client, threads=threads, worker_faults=worker_faults,
        progress=progress,
    )  # fmt: skip
    facts = Facts(
        night=window.night,
        snapshot=window.snapshot,
        nights=window.nights,
        as_of=as_of,
        newest=window.newest,
        last_night=window.last_night,
        left_out=window.left_out,
        authenticity=window.authenticity,
        repeated=window.counted.repeated,
    )
    return conclude(found, about, facts, options, replicated)


def _partitions(
    store: BehaviorStore, window: EvidenceWindow, partition_size: int
) -> tuple[Named, EvidenceWindow, list[StoredEvidence]]:
    """Number the names and cut the shards; the names of shards are let go."""
    about, window, names = named(store, window)
    return about, window, stored_blocks(store, window, about, names, partition_size)
