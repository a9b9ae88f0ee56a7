"""Replicas on real Dask workers: up to f of them lie in every way and change no bit."""

from __future__ import annotations

import functools
import threading

import numba
import numpy as np
import pytest
from distributed import get_worker

from stats.evidence_sums import EvidenceSums
from stats.exact import ExactSum
from stats.float_moments import FloatMoments
from stats.replicas import answer_digest, commitment
from stats.summary import Incompatible, InvalidInput, merge_all, pack
from stats.vote import NoQuorum
from tasks import replica_tasks
from tasks.cluster import cluster_session
from tasks.cluster_config import ClusterConfig
from tasks.environment import environment
from tasks.reduce import tree_reduce
from tasks.replica_tasks import Reply
from tasks.replicate import TooFewWorkers, replicated_reduce

GROUPS, PARTITIONS = 5, 6
BLOCKS = tuple(range(PARTITIONS))
RELEASE = threading.Event()


def evidence(block: int, sign: float = 1.0) -> EvidenceSums:
    rng = np.random.default_rng([20260101, block])
    ratio = sign * rng.normal(size=50) * 10.0 ** rng.integers(-8, 16, 50)
    return EvidenceSums.from_block(
        ratio, rng.random(50), rng.integers(0, GROUPS, 50), GROUPS
    )


def behave(block: int, attacks: dict[str, str]) -> EvidenceSums:
    """Compute as the worker that runs this is told to."""
    attack = attacks.get(str(get_worker().name), "honest")
    if attack == "sign":
        return evidence(block, -1.0)
    if attack == "other":
        return evidence(block + 1)
    if attack == "flip":
        honest = evidence(block)
        counts = honest.counts.copy()
        counts[0, 0, 2] ^= 1
        return EvidenceSums(counts, honest.signed, honest.size)
    if attack == "raise":
        raise OSError(f"disk of {get_worker().name} is full")
    if attack == "silent":
        RELEASE.wait(timeout=120)
    return evidence(block)


def whole() -> str:
    return merge_all([evidence(block) for block in BLOCKS]).digest()


def reduce_with(client, attacks, f, **options):
    task = functools.partial(behave, attacks=attacks)
    return replicated_reduce(BLOCKS, task, EvidenceSums, client=client, f=f, **options)


@pytest.fixture(scope="module")
def client():
    with cluster_session(ClusterConfig(kind="threads", workers=7)) as session:
        yield session.client()


@pytest.mark.parametrize("f", [0, 1, 3])
def test_honest_workers_cost_f_plus_1_computations_a_partition(client, f):
    steps: list[tuple[int, int]] = []
    found = reduce_with(
        client, {}, f, progress=lambda done, total: steps.append((done, total))
    )
    assert found.summary.digest() == whole()
    assert found.summary.digest() == tree_reduce(BLOCKS, evidence).digest()
    assert (found.computations, found.partitions) == (6 * (f + 1), 6)
    assert found.dissent == found.silence == found.named == ()
    states = [evidence(block).to_arrays() for block in BLOCKS]
    size = sum(len(pack(state, kind="EvidenceSums", version=1)) for state in states)
    assert found.bytes_moved == size
    assert steps == [(done, 6) for done in range(1, 7)]


@pytest.mark.parametrize("f", [1, 2, 3])
@pytest.mark.parametrize("attack", ["flip", "sign", "other"])
def test_f_lying_workers_change_no_bit_and_are_named(client, f, attack):
    attacks = {str(name): attack for name in range(f)}
    found = reduce_with(client, attacks, f)
    assert found.summary.digest() == whole()
    assert found.named == tuple(sorted(attacks))
    assert found.computations <= 6 * (2 * f + 1)
    assert found.silence == ()
    for each in found.dissent:
        assert each.reason == "other_answer"
        assert each.address.startswith("inproc://")
        assert each.digest != each.accepted


def test_three_workers_that_lie_in_three_ways_are_all_named(client):
    found = reduce_with(client, {"0": "flip", "1": "sign", "2": "other"}, 3)
    assert found.summary.digest() == whole()
    assert found.named == ("0", "1", "2")


def test_the_accepted_digest_binds_partition_input_and_state(client):
    hashes = [f"shard-{block}" for block in BLOCKS]
    found = reduce_with(client, {"0": "flip"}, 1, input_hashes=hashes)
    first = found.dissent[0]
    state = pack(evidence(first.partition).to_arrays(), kind="EvidenceSums", version=1)
    assert first.accepted == answer_digest(
        state, partition=first.partition, input_hash=hashes[first.partition]
    )


def copied(state: bytes, request: replica_tasks.Request) -> Reply:
    """Worker 0 repeats the digest of another one and has no state to show for it."""
    honest = HONEST(state, request)
    if str(get_worker().name) != "0":
        return honest
    return Reply(honest.digest, commitment(request.salt, b""), honest.environment)


def skewed(state: bytes, request: replica_tasks.Request) -> Reply:
    """Worker 0 runs an older numpy, and says so."""
    honest = HONEST(state, request)
    if str(get_worker().name) != "0":
        return honest
    old = {**honest.environment, "numpy": "1.0"}
    return Reply(honest.digest, honest.commitment, old)


HONEST = replica_tasks.attest


def test_a_copied_digest_is_found_by_its_commitment(client, monkeypatch):
    monkeypatch.setattr(replica_tasks, "attest", copied)
    found = reduce_with(client, {}, 1)
    assert found.summary.digest() == whole()
    assert found.named == ("0",)
    assert {each.reason for each in found.dissent} == {"copied"}
    assert all(each.digest == each.accepted for each in found.dissent)


def test_other_code_with_other_bits_is_skew_and_with_the_same_bits_is_nothing(
    client, monkeypatch
):
    monkeypatch.setattr(replica_tasks, "attest", skewed)
    assert reduce_with(client, {}, 1).dissent == ()
    found = reduce_with(client, {"0": "flip"}, 1)
    assert found.named == ("0",)
    for each in found.dissent:
        assert each.reason == "version_skew"
        (differs,) = each.differs
        assert differs == f"numpy 1.0, not {np.__version__}"


def test_an_error_of_one_worker_is_no_lie(client):
    found = reduce_with(client, {"0": "raise"}, 1)
    assert found.summary.digest() == whole()
    assert found.dissent == ()
    assert {(each.worker, each.cause) for each in found.silence} == {("0", "failed")}
    assert found.silence[0].detail == "OSError: disk of 0 is full"


def test_a_worker_that_says_nothing_is_late_and_replaced(client):
    try:
        found = reduce_with(client, {"0": "silent"}, 1, patience=3.0)
    finally:
        RELEASE.set()
    assert found.summary.digest() == whole()
    assert found.dissent == ()
    assert ("0", "late") in {(each.worker, each.cause) for each in found.silence}
    assert found.computations >= 6 * 2 + 1


def broken(block: int) -> EvidenceSums:
    return evidence(block if block != 3 else -1)


def test_an_error_of_the_block_itself_is_raised(client):
    with pytest.raises(ValueError, match="non-negative"):
        replicated_reduce(BLOCKS, broken, EvidenceSums, client=client)
    assert client.submit(int, 7).result(timeout=60) == 7


def test_f_plus_1_lies_that_differ_leave_no_quorum(client):
    every = {str(name): "flip" if name % 2 else "sign" for name in range(7)}
    del every["0"]
    three = dict.fromkeys(("1", "2"), "other")
    with pytest.raises(NoQuorum, match="partition"):
        reduce_with(client, every | three, 2)


def test_too_few_workers_are_refused_before_anything_runs(client):
    ran: list[int] = []
    with pytest.raises(TooFewWorkers, match=r"7 workers, but f = 4 needs 9"):
        replicated_reduce(BLOCKS, ran.append, EvidenceSums, client=client, f=4)
    assert ran == []


def test_what_cannot_be_voted_on_is_refused(client):
    with pytest.raises(InvalidInput, match="no blocks"):
        replicated_reduce([], evidence, EvidenceSums, client=client)
    with pytest.raises(InvalidInput, match="f = -1"):
        reduce_with(client, {}, -1)
    with pytest.raises(InvalidInput, match="2 input hashes for 6"):
        reduce_with(client, {}, 1, input_hashes=["a", "b"])
    with pytest.raises(InvalidInput, match="FloatMoments is not exact"):
        replicated_reduce(BLOCKS, evidence, FloatMoments, client=client)


def test_summaries_of_another_class_are_refused(client):
    with pytest.raises(Incompatible, match="EvidenceSums of version 1, expected Exact"):
        replicated_reduce(BLOCKS, evidence, ExactSum, client=client)


def test_the_environment_names_code_and_libraries():
    found = environment()
    assert found["numpy"] == np.__version__
    assert found["numba"] == numba.__version__
    assert len(bytes.fromhex(found["code"])) == 16
