"""An array larger than the memory of all workers together is reduced, bit for bit."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from stats.moments import GroupMoments
from stats.summary import merge_all
from storage.chunks import ChunkSource
from tasks.array_pass import ArrayPass
from tasks.cluster import cluster_session
from tasks.cluster_config import ClusterConfig
from tasks.memory import MemoryLimit, allowed_bytes, peak_memory
from tests.bench.data import Files, Population, repeated

LIMIT = 2_000_000_000
CHUNK = Population(agents=2_000, chunk=2_000)


def several(one: GroupMoments, times: np.ndarray) -> GroupMoments:
    """Return group i with what `one` holds `times[i]` times, by merging only."""
    parts = []
    for k in range(1, times.max() + 1):
        at = np.flatnonzero(times >= k)
        alike = one.take(np.zeros(len(at), dtype=np.int64))
        parts.append(alike.rollup(at, len(times)))
    return merge_all(parts)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_twelve_gigabytes_fit_into_workers_of_two(tmp_path: Path) -> None:
    # Groups of 1 to 6 whole chunks, all of which are the same chunk.
    per_group = np.random.default_rng(12).integers(1, 7, 430)
    n_chunks = int(per_group.sum())
    only = Files(CHUNK, tmp_path).array("lz4")
    source = ChunkSource.open(str(repeated(only, n_chunks, tmp_path / "large")))
    assert source.n_bytes > 12_000_000_000 > 2 * LIMIT
    groups = np.repeat(np.arange(430), per_group * CHUNK.chunk)
    planned = ArrayPass.plan(source, groups, 430, GroupMoments.from_block)
    config = ClusterConfig(workers=2, threads_per_worker=1, memory_limit="2GB")
    with cluster_session(config) as session:
        client = session.client()
        workers = set(client.nthreads())
        predicted = planned.predict(client=client)
        assert allowed_bytes(None, client) == LIMIT
        predicted.require(LIMIT, "test")
        with pytest.raises(MemoryLimit):
            predicted.require(predicted.parts["process"], "test")
        found = planned.run(client=client)
        peak = peak_memory(client)
        assert set(client.nthreads()) == workers, "a worker was restarted"
    assert predicted.parts["process"] < peak <= predicted.bytes <= LIMIT
    block = ChunkSource.open(str(only)).read(0)
    zeros = np.zeros(len(block), dtype=np.int64)
    expected = several(GroupMoments.from_block(block, zeros, 1), per_group)
    assert found.digest() == expected.digest()


def test_the_oracle_multiplies() -> None:
    rows = np.array([[1.0, np.nan], [2.5, 3.0], [-4.0, 1e9]])
    build = functools.partial(GroupMoments.from_block, n_groups=3)
    times = np.array([1, 3, 2])
    found = several(GroupMoments.from_block(rows, np.zeros(3, dtype=int), 1), times)
    groups = np.repeat(np.repeat(np.arange(3), times), 3)
    assert found.digest() == build(np.tile(rows, (6, 1)), groups).digest()
