"""Workers that run something else than the client are refused, by name."""

from __future__ import annotations

import pytest
from distributed import LocalCluster

from tasks import cluster
from tasks.cluster import cluster_session
from tasks.cluster_config import ClusterConfig, ClusterError
from tasks.environment import environment


@pytest.fixture
def address():
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0"
    ) as started:
        yield started.scheduler_address


def other() -> dict[str, str]:
    return environment() | {"numpy": "1.0", "code": "f" * 32}


def absent() -> dict[str, str]:
    raise ModuleNotFoundError("No module named 'tasks'")


def test_workers_alike_are_taken(address):
    with cluster_session(ClusterConfig.load(address)) as session:
        assert session.client().submit(int, 3).result() == 3
        assert len(session._compared) == 2


@pytest.mark.parametrize(
    ("runs", "what"),
    [(other, "2 of 2 workers.*numpy 1.0, not"), (absent, "No module named 'tasks'")],
)
def test_workers_that_differ_are_refused_unless_told(address, runs, what, monkeypatch):
    real = cluster._same_environment

    class Told:
        """A client whose workers answer as `runs` does."""

        def __init__(self, client):
            self.client = client

        def run(self, function, **options):
            return self.client.run(runs, **options)

    monkeypatch.setattr(
        cluster, "_same_environment", lambda client, w: real(Told(client), w)
    )
    config = ClusterConfig.load(address)
    with (
        cluster_session(config) as session,
        pytest.raises(ClusterError, match=what),
    ):
        session.client()
    trusting = ClusterConfig(kind="address", address=address, same_environment=False)
    with cluster_session(trusting) as session:
        assert session.client().submit(int, 3).result() == 3


def test_a_worker_that_comes_later_is_compared_too(address, monkeypatch):
    asked: list[list[str]] = []
    real = cluster._same_environment

    def note(client, workers):
        asked.append(workers)
        real(client, workers)

    monkeypatch.setattr(cluster, "_same_environment", note)
    with cluster_session(ClusterConfig.load(address)) as session:
        client = session.client()
        session.client()
        assert [len(each) for each in asked] == [2]
        name = client.run_on_scheduler(_one_more)
        client.wait_for_workers(3)
        session.client()
        assert asked[1:] == [[name]]
        client.run_on_scheduler(_take_it_back)


async def _one_more(dask_scheduler):
    from distributed import Worker

    worker = await Worker(dask_scheduler.address, nthreads=1, dashboard=False)
    dask_scheduler.extra_worker = worker
    return worker.address


async def _take_it_back(dask_scheduler):
    await dask_scheduler.extra_worker.close()
