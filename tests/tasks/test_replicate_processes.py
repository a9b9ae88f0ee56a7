"""Replicas on worker processes: tampered code, a kill, and one that stands still."""

from __future__ import annotations

import functools
import os
import signal

import numpy as np
import pytest
from distributed import Client, LocalCluster, WorkerPlugin, get_worker

from stats.evidence_sums import EvidenceSums
from stats.summary import merge_all
from tasks import replica_tasks
from tasks.environment import environment
from tasks.live_workers import live_workers
from tasks.replica_tasks import Reply
from tasks.replicate import replicated_reduce

BLOCKS = tuple(range(8))


def evidence(block: int) -> EvidenceSums:
    rng = np.random.default_rng([20260202, block])
    return EvidenceSums.from_block(
        rng.normal(size=30) * 1e9, 1.0, rng.integers(0, 4, 30), 4
    )


def killed_at_work(block: int, worker: str) -> EvidenceSums:
    if str(get_worker().name) == worker:
        os.kill(os.getpid(), signal.SIGKILL)
    return evidence(block)


def stopped_at_work(block: int, worker: str) -> EvidenceSums:
    """The process stands still, with its connections open."""
    if block >= 4 and str(get_worker().name) == worker:
        os.kill(os.getpid(), signal.SIGSTOP)
    return evidence(block)


class Tamper(WorkerPlugin):
    """Replaces the code that attests, in the process of one worker."""

    name = "tamper"

    def __init__(self, liar: str) -> None:
        self.liar = liar

    def setup(self, worker) -> None:
        self.honest = replica_tasks.attest
        if str(worker.name) == self.liar:
            replica_tasks.attest = tampered

    def teardown(self, worker) -> None:
        replica_tasks.attest = self.honest


def tampered(state: bytes, request: replica_tasks.Request) -> Reply:
    """Attest to a state of which one bit is flipped."""
    changed = bytearray(state)
    changed[-1] ^= 1
    digest = replica_tasks.answer_digest(
        bytes(changed), partition=request.partition, input_hash=request.input_hash
    )
    sealed = replica_tasks.commitment(request.salt, bytes(changed))
    return Reply(digest, sealed, environment())


@pytest.fixture(scope="module")
def client():
    with (
        LocalCluster(
            n_workers=3,
            threads_per_worker=1,
            memory_limit=0,
            dashboard_address="127.0.0.1:0",
            host="127.0.0.1",
            silence_logs=50,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        client.wait_for_workers(3, timeout=120)
        yield client


def whole() -> str:
    return merge_all([evidence(block) for block in BLOCKS]).digest()


def test_a_worker_process_with_tampered_code_is_named(client):
    addresses = {
        str(info["name"]): address for address, info in live_workers(client).items()
    }
    client.register_plugin(Tamper("1"))
    try:
        found = replicated_reduce(BLOCKS, evidence, EvidenceSums, client=client)
    finally:
        client.unregister_worker_plugin("tamper")
    assert found.summary.digest() == whole()
    assert found.named == ("1",)
    assert {each.address for each in found.dissent} == {addresses["1"]}
    assert {each.reason for each in found.dissent} == {"other_answer"}
    assert found.silence == ()
    again = replicated_reduce(BLOCKS, evidence, EvidenceSums, client=client)
    assert (again.named, again.computations) == ((), 2 * len(BLOCKS))


def test_a_worker_that_is_killed_is_silent_and_replaced(client):
    task = functools.partial(killed_at_work, worker="0")
    found = replicated_reduce(BLOCKS, task, EvidenceSums, client=client)
    assert found.summary.digest() == whole()
    assert found.named == ()
    assert {(each.worker, each.cause) for each in found.silence} == {("0", "died")}
    assert found.computations == 2 * len(BLOCKS) + len(found.silence)
    assert client.status == "running"


@pytest.mark.slow
def test_a_worker_that_stands_still_is_late_though_its_connection_is_open(client):
    client.wait_for_workers(3, timeout=120)  # the one that was killed is back
    pids = client.run(os.getpid)
    names = {
        str(info["name"]): address for address, info in live_workers(client).items()
    }
    task = functools.partial(stopped_at_work, worker="1")
    try:
        found = replicated_reduce(
            BLOCKS, task, EvidenceSums, client=client, patience=8.0
        )
    finally:
        os.kill(pids[names["1"]], signal.SIGCONT)
    assert found.summary.digest() == whole()
    assert found.named == ()
    assert {(each.worker, each.cause) for each in found.silence} == {("1", "late")}
