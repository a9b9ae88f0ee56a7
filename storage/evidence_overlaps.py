"""Rows that came more than once: the same ones count once, contradictions not at all.

A row is (source, epoch, seq).  Ranges of numbers stand in the ledger, so rows are only
looked at where two shards may hold the same one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from storage.evidence_records import EvidenceData

__all__ = ["Settled", "overlapping", "settle_rows", "shared_numbers"]


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """Which rows of some shards of one source and epoch count.

    Attributes
    ----------
    counts : tuple of bool arrays
        One per shard, one entry per row.
    repeated : int
        Rows that say what an earlier one says, and do not count again.
    contradicted : int64 array
        Numbers that stand for two or more different rows, sorted; none of them counts.
    """

    counts: tuple[NDArray[np.bool_], ...]
    repeated: int
    contradicted: NDArray[np.int64]


def overlapping(
    group: NDArray[np.int64], first: NDArray[np.int64], last: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Find ranges that share a number with another one of their group.

    Parameters
    ----------
    group, first, last : int64 arrays, shape (s,)
        Ranges include both ends.

    Returns
    -------
    int64 array, shape (s,)
        Ranges connected by overlaps have the same number, from 0 on; -1 where no other
        range of the group is touched.

    Examples
    --------
    >>> group = np.array([0, 0, 0, 1])
    >>> overlapping(group, np.array([0, 5, 9, 0]), np.array([4, 9, 12, 99]))
    array([-1,  0,  0, -1])
    """
    n = len(first)
    order = np.lexsort((first, group))
    starts = np.ones(n, dtype=bool)
    reach = -1
    for k in range(1, n):
        i, before = order[k], order[k - 1]
        fresh = group[i] != group[before]
        reach = last[before] if starts[k - 1] else max(reach, last[before])
        starts[k] = fresh or first[i] > reach
    cluster = np.cumsum(starts) - 1
    several = np.bincount(cluster, minlength=1)[cluster] > 1
    _, number = np.unique(cluster[several], return_inverse=True)
    out = np.full(n, -1, dtype=np.int64)
    out[order[several]] = number
    return out


def shared_numbers(seqs: Sequence[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """Places in each shard of the numbers that come more than once over all of them.

    Parameters
    ----------
    seqs : sequence of int64 arrays
        Of shards of one source and epoch.

    Returns
    -------
    list of int64 arrays
        One per shard, increasing.
    """
    seq = np.concatenate(seqs)
    order = np.argsort(seq, kind="stable")
    same = seq[order[1:]] == seq[order[:-1]]
    shared = np.zeros(len(seq), dtype=bool)
    shared[order[1:][same]] = True
    shared[order[:-1][same]] = True
    edges = np.cumsum([len(one) for one in seqs])[:-1]
    return [np.flatnonzero(part) for part in np.split(shared, edges)]


def settle_rows(shards: Sequence[EvidenceData]) -> Settled:
    """Decide which rows of shards of one source and epoch count.

    Parameters
    ----------
    shards : sequence of EvidenceData
        Any rows of each, sorted by seq.  Of equal rows the first shard keeps its own.

    Returns
    -------
    Settled

    Notes
    -----
    Rows are the same when agent, type, hypothesis and time are the same and ratio and
    confidence have the same bits.  Names are compared, not their codes.
    Naive twin: tests/storage/test_evidence_overlaps.py.
    """
    lengths = [data.n for data in shards]
    seq = np.concatenate([data.seq for data in shards])
    order = np.argsort(seq, kind="stable")
    starts = np.ones(len(seq), dtype=bool)
    starts[1:] = seq[order[1:]] != seq[order[:-1]]
    place = np.flatnonzero(~starts)
    if not len(place):
        whole = tuple(np.ones(n, dtype=bool) for n in lengths)
        return Settled(whole, 0, np.empty(0, dtype=np.int64))
    other = np.zeros(len(seq), dtype=bool)
    for column in _comparable(shards):
        other[place] |= column[order[place]] != column[order[place - 1]]
    group = np.cumsum(starts) - 1
    spoilt = np.bincount(group, weights=other) > 0
    keep = starts & ~spoilt[group]
    counts = np.empty(len(seq), dtype=bool)
    counts[order] = keep
    contradicted = seq[order[starts & spoilt[group]]]
    repeated = int((~starts & ~spoilt[group]).sum())
    edges = np.cumsum(lengths)[:-1]
    return Settled(tuple(np.split(counts, edges)), repeated, contradicted)


def _comparable(shards: Sequence[EvidenceData]) -> list[NDArray[np.int64]]:
    """Columns over all shards, as integers that are equal when the values are."""
    texts = (
        [(data.agent_names, data.agent) for data in shards],
        [(np.array(data.kind_names), data.kind) for data in shards],
        [(np.array(data.hypotheses), data.hypothesis) for data in shards],
    )
    out = []
    for column in texts:
        names = np.unique(np.concatenate([found for found, _ in column]))
        places = [np.searchsorted(names, found)[codes] for found, codes in column]
        out.append(np.concatenate(places).astype(np.int64))
    out.append(np.concatenate([data.time for data in shards]))
    for name in ("log_ratio", "confidence"):
        values = np.concatenate([getattr(data, name) for data in shards])
        out.append(values.view(np.int64))
    return out
