"""The workers of a cluster, also while its client refreshes what it holds."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tasks.cluster import cluster_session
from tasks.cluster_config import ClusterConfig
from tasks.live_workers import live_workers


def test_all_workers_are_named_while_the_client_forgets_them():
    with cluster_session(ClusterConfig(kind="threads", workers=2)) as session:
        client = session.client()

        def forget():
            client.sync(client._update_scheduler_info)  # as it does every two seconds
            return len(client._scheduler_identity["workers"])

        with ThreadPoolExecutor(1) as beside:
            forgets = [beside.submit(forget) for _ in range(200)]
            found = [live_workers(client) for _ in range(200)]
        assert {future.result() for future in forgets} == {0}
    assert {len(workers) for workers in found} == {2}
    assert {str(info["name"]) for info in found[0].values()} == {"0", "1"}
