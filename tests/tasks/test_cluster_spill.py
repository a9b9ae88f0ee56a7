"""A worker whose memory is too small for what it holds goes on from disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from distributed import get_worker

from tasks.cluster import cluster_session
from tasks.cluster_config import ClusterConfig

pytestmark = pytest.mark.services


def large(seed: int) -> np.ndarray:
    return np.full(4_000_000, seed, dtype=np.float64)


def spilled() -> tuple[int, str]:
    worker = get_worker()
    return int(worker.data.spilled_total.disk), worker.local_directory


def test_a_worker_spills_to_scratch_what_its_memory_does_not_hold(
    tmp_path: Path,
) -> None:
    config = ClusterConfig(workers=1, memory_limit="600MiB", scratch=str(tmp_path))
    with cluster_session(config) as session:
        client = session.client()
        kept = client.map(large, range(24), pure=False)
        sums = [future.result() for future in client.map(np.sum, kept)]
        assert sums == [4e6 * seed for seed in range(24)]
        bytes_on_disk, folder = client.submit(spilled, pure=False).result()
    assert bytes_on_disk > 100e6
    assert Path(folder).is_relative_to(tmp_path)
