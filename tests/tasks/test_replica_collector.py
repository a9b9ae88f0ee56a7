"""The protocol of replicas, played over simulated workers."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from stats.vote import NoQuorum
from tests.replica_workers import ATTACKS, SILENT, SimulatedPool, play, truth


def faults(rng: np.random.Generator, n: int, f: int) -> dict[str, str]:
    """Up to f faulty workers of n; in half of the cases all use the same attack."""
    who = rng.permutation(n)[: int(rng.integers(0, f + 1))]
    kinds = rng.choice(ATTACKS, len(who))
    if len(who) and rng.random() < 0.5:
        kinds[:] = kinds[0]
    return {f"w{i}": str(kind) for i, kind in zip(who, kinds, strict=True)}


@pytest.mark.parametrize(
    "trials", [200, pytest.param(10_000, marks=pytest.mark.slow)], ids=str
)
def test_up_to_f_faulty_workers_change_nothing_and_only_liars_are_named(trials):
    named = escalated = 0
    for seed in range(trials):
        rng = np.random.default_rng([20261125, seed])
        f = int(rng.integers(1, 4))
        n, partitions = 2 * f + 1 + int(rng.integers(0, 4)), int(rng.integers(1, 6))
        attacks = faults(rng, n, f)
        pool = SimulatedPool(n, attacks, rng)
        accepted, collector = play(pool, partitions, f)
        assert accepted == {at: truth(at) for at in range(partitions)}, seed
        assert {found.worker for found in collector.dissent} == pool.lied, seed
        assert pool.lied <= pool.faulty, seed
        assert {found.worker for found in collector.silence} <= pool.faulty, seed
        assert collector.computations == len(pool.asked), seed
        each = Counter((request.partition, request.worker) for request in pool.asked)
        assert max(each.values()) == 1, seed
        assert not pool.held, seed
        named += len(pool.lied)
        escalated += collector.computations > (f + 1) * partitions
    assert named > trials / 4
    assert escalated > trials / 4


@pytest.mark.parametrize("f", [0, 1, 2, 3])
def test_when_all_agree_every_partition_costs_f_plus_1(f):
    pool = SimulatedPool(2 * f + 1, {}, np.random.default_rng(f))
    accepted, collector = play(pool, 9, f)
    assert accepted == {at: truth(at) for at in range(9)}
    assert collector.computations == 9 * (f + 1)
    assert collector.bytes_moved == 9 * len(truth(0))
    assert collector.dissent == collector.silence == []


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("f", [1, 2, 3])
def test_each_attack_of_f_workers_costs_at_most_2_f_more_a_partition(attack, f):
    attacks = {f"w{i}": attack for i in range(f)}
    pool = SimulatedPool(2 * f + 1, attacks, np.random.default_rng(5))
    accepted, collector = play(pool, 6, f)
    assert accepted == {at: truth(at) for at in range(6)}
    assert collector.computations <= 6 * (2 * f + 1)
    assert {found.worker for found in collector.dissent} == pool.lied
    if attack in SILENT:
        assert {found.cause for found in collector.silence} == {attack}


def test_why_a_worker_is_named():
    reasons = {"flip": "other_answer", "copy": "copied", "skew": "version_skew"}
    for attack, reason in reasons.items():
        pool = SimulatedPool(3, {"w0": attack}, np.random.default_rng(1))
        _, collector = play(pool, 1, 1)
        (found,) = collector.dissent
        assert (found.worker, found.partition, found.reason) == ("w0", 0, reason)
        assert (found.digest == found.accepted) == (attack == "copy")
        expected = ("code old, not c0de", "numpy absent, not 2.3.5")
        assert found.differs == (expected if attack == "skew" else ())


def test_an_honest_worker_that_is_slower_than_all_others_is_not_named():
    for seed in range(20):
        pool = SimulatedPool(7, {"w0": "flip"}, np.random.default_rng(seed))
        pool.slow = {"w1", "w2"}
        accepted, collector = play(pool, 5, 3)
        assert accepted == {at: truth(at) for at in range(5)}
        assert {found.worker for found in collector.dissent} == pool.lied <= {"w0"}
        assert collector.silence == []


def test_a_worker_that_turns_after_some_honest_answers_is_named_when_it_lies():
    named = 0
    for seed in range(20):
        pool = SimulatedPool(3, {"w0": "turncoat"}, np.random.default_rng(seed))
        accepted, collector = play(pool, 8, 1)
        assert accepted == {at: truth(at) for at in range(8)}
        assert {found.worker for found in collector.dissent} == pool.lied
        assert pool.answered["w0"] > 2 or not pool.lied
        named += len(pool.lied)
    assert named >= 15


def test_a_caught_worker_is_asked_again_only_when_nobody_else_is_left():
    pool = SimulatedPool(5, {"w0": "flip"}, np.random.default_rng(1))
    play(pool, 40, 1)
    assert Counter(request.worker for request in pool.asked)["w0"] <= 10


def test_a_worker_that_comes_back_under_another_name_does_not_vote_twice():
    for seed in range(20):
        pool = SimulatedPool(3, {"w0": "rejoin"}, np.random.default_rng(seed))
        accepted, collector = play(pool, 1, 1)
        assert accepted == {0: truth(0)}
        assert [found.worker for found in collector.dissent] == ["w0"]
        assert "w3" not in {request.worker for request in pool.asked}


def test_a_state_is_brought_from_another_worker_when_its_holder_is_gone():
    pool = SimulatedPool(3, {"w0": "fades"}, np.random.default_rng(1))
    accepted, collector = play(pool, 1, 1)
    assert accepted == {0: truth(0)}
    assert collector.computations == 2
    assert [(s.worker, s.cause) for s in collector.silence] == [("w0", "died")]


def test_f_plus_1_workers_that_lie_alike_are_believed():
    """Beyond the promise: stated in docs/explanation/lying-workers.md."""
    pool = SimulatedPool(
        3, {"w0": "collude", "w1": "collude"}, np.random.default_rng(1)
    )
    accepted, collector = play(pool, 1, 1)
    assert accepted[0] != truth(0)
    assert collector.dissent == []


def test_f_plus_1_workers_that_lie_differently_leave_no_quorum():
    pool = SimulatedPool(3, {"w0": "flip", "w1": "other"}, np.random.default_rng(1))
    with pytest.raises(
        NoQuorum, match=r"partition 0: w0 gave .*w2 gave .* \[1, 1, 1\]"
    ):
        play(pool, 1, 1)
    assert not pool.held


def test_f_plus_1_lost_workers_leave_no_quorum():
    pool = SimulatedPool(3, {"w0": "late", "w1": "late"}, np.random.default_rng(1))
    with pytest.raises(NoQuorum, match="no worker is left"):
        play(pool, 1, 1)


def test_a_partition_that_kills_every_worker_does_not_kill_them_all():
    attacks = {f"w{i}": "died" for i in range(50)}
    pool = SimulatedPool(50, attacks, np.random.default_rng(1))
    with pytest.raises(NoQuorum, match="4 workers were lost on it"):
        play(pool, 1, 1)
    assert len(pool.asked) <= 6
