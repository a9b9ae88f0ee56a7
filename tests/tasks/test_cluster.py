"""Cluster descriptions are validated, sessions restart what died and close the rest."""

from __future__ import annotations

import os

import pytest
from distributed import Client, LocalCluster

from tasks.cluster import cluster_session
from tasks.cluster_config import ClusterConfig, ClusterError
from tasks.live_workers import live_workers
from tasks.worker_lifetime import lifetime_arguments


def test_shipped_descriptions_load_and_an_address_is_one():
    assert ClusterConfig.load("local").kind == "local"
    assert ClusterConfig.load("threads").workers == 1
    found = ClusterConfig.load("tcp://127.0.0.1:8786")
    assert (found.kind, found.address) == ("address", "tcp://127.0.0.1:8786")


def test_a_file_of_ones_own_is_read(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("kind: threads\nworkers: 3\n")
    assert ClusterConfig.load(str(path)).workers == 3


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("kind: cloud", "kind is 'cloud': .*'slurm', 'kubernetes' or 'gateway'"),
        ("kind: address", "no address is given"),
        ("workers: 0", "workers is 0: .*greater than or equal to 1"),
        ("workers: 4\nmaximum: 2", "maximum is 2, below 4 workers"),
        ("kind: [local", "no YAML"),
        ("tls: {ca: no.pem, cert: c.pem, key: k.pem}", "no such file: no.pem"),
        ("nodes: 3", "nodes is 3: Unexpected keyword argument"),
        ("- local", "no entries"),
    ],
)
def test_a_wrong_description_says_what_to_use(text, what):
    with pytest.raises(ClusterError, match=what):
        ClusterConfig.parse(text)


@pytest.mark.parametrize(
    ("text", "enough"),
    [
        ("kind: local", True),
        ("kind: slurm", True),
        ("{kind: slurm, same_environment: false}", False),
        ("{kind: gateway, address: 'http://host'}", False),
        ("kind: kubernetes", False),
    ],
)
def test_a_started_cluster_is_shared_only_where_its_address_says_all(text, enough):
    assert ClusterConfig.parse(text).address_is_enough is enough


@pytest.mark.parametrize(
    ("walltime", "lifetime", "what"),
    [
        ("01:00:00", "50m", None),
        ("1-12", "30h", None),
        ("60", "50m", None),
        ("01:00:00", "55m", "lifetime is 55m.*walltime of 01:00:00"),
        ("an hour", "5m", "walltime is 'an hour'"),
        ("60", "soon", "lifetime is 'soon'"),
    ],
)
def test_a_lifetime_ends_before_its_walltime(walltime, lifetime, what):
    options = {"walltime": walltime}
    config = ClusterConfig(kind="slurm", lifetime=lifetime, options=options)
    if what is None:
        assert lifetime_arguments(config)[::2] == ["--lifetime", "--lifetime-stagger"]
    else:
        with pytest.raises(ClusterError, match=what):
            lifetime_arguments(config)


def test_no_such_description_is_named():
    with pytest.raises(ClusterError, match="nonesuch"):
        ClusterConfig.load("nonesuch")


def test_a_session_sets_one_thread_per_library_and_puts_it_back():
    before = os.environ.get("MKL_NUM_THREADS")
    os.environ["MKL_NUM_THREADS"] = "7"
    try:
        with cluster_session(ClusterConfig.load("threads")):
            assert os.environ["MKL_NUM_THREADS"] == "1"
        assert os.environ["MKL_NUM_THREADS"] == "7"
    finally:
        os.environ["MKL_NUM_THREADS"] = before or "1"


def test_a_client_that_was_closed_is_replaced():
    with cluster_session(ClusterConfig.load("threads")) as session:
        first = session.client()
        assert session.client() is first
        first.close()
        second = session.client()
        assert second is not first
        assert second.submit(sum, (1, 2)).result() == 3
    assert second.status == "closed"


def test_a_running_scheduler_is_used_and_left_running():
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        config = ClusterConfig.load(cluster.scheduler_address)
        with cluster_session(config) as session:
            assert session.client().submit(sum, (2, 3)).result() == 5
        with Client(cluster, set_as_default=False) as other:
            assert other.submit(sum, (4, 5)).result() == 9


def test_a_scheduler_that_does_not_answer_is_a_typed_error():
    config = ClusterConfig(kind="address", address="tcp://127.0.0.1:9", timeout=1.0)
    with (
        cluster_session(config) as session,
        pytest.raises(ClusterError, match=r"no scheduler at tcp://127.0.0.1:9"),
    ):
        session.client()


def test_workers_do_not_import_prefect():
    config = ClusterConfig(kind="local", workers=1, memory_limit="1GiB")
    with cluster_session(config) as session:
        client = session.client()
        assert client.submit(_uses_blocks).result() is False


def _uses_blocks() -> bool:
    import sys

    import tasks.blocks
    import tasks.reduce

    assert tasks.blocks.summarize
    assert tasks.reduce.tree_reduce
    return "prefect" in sys.modules


def test_threads_in_a_large_process_are_not_paused():
    """A limit per thread measured the whole process: above it nothing ever ran."""
    config = ClusterConfig(kind="threads", workers=2, memory_limit="1MiB")
    with cluster_session(config) as session:
        client = session.client()
        workers = live_workers(client).values()
        assert [worker["memory_limit"] for worker in workers] == [0, 0]
        assert client.submit(int, 7).result(timeout=30) == 7
