"""Simulated workers for the protocol of replicas: honest ones and every known lie."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from stats.replicas import answer_digest, commitment
from stats.summary import pack
from tasks.replica_collector import Collector
from tasks.replica_pool import Nothing
from tasks.replica_tasks import Reply, Request

LIES = ("flip", "sign", "other", "collude", "skew", "copy", "bait", "junk")
SILENT = ("late", "died", "failed")
SWITCHES = ("turncoat", "slow")
ATTACKS = (*LIES, *SILENT, *SWITCHES, "fades", "rejoin", "mixed")
ENVIRONMENT = {"code": "c0de", "numpy": "2.3.5"}


def truth(partition: int) -> bytes:
    value = np.array([7 * partition - 3, 1 << 40], np.int64)
    return pack({"value": value}, kind="Total", version=1)


def false_state(attack: str, partition: int, who: int) -> bytes:
    if attack == "other":
        return truth(partition + 1)
    if attack == "sign":
        value = np.array([3 - 7 * partition, 1 << 40], np.int64)
        return pack({"value": value}, kind="Total", version=1)
    state = bytearray(truth(partition))
    state[-1] ^= 1 if attack == "collude" else 1 << (who % 7 + 1)
    return bytes(state)


class SimulatedPool:
    """Workers w0, w1, ...; `attacks` says which of them are faulty and how."""

    def __init__(
        self, n: int, attacks: Mapping[str, str], rng: np.random.Generator
    ) -> None:
        self.rng, self.attacks = rng, dict(attacks)
        self.addresses = {f"w{i}": f"tcp://h{i % 3}:{i}" for i in range(n)}
        self.everyone, self.faulty = set(self.addresses), set(attacks)
        self.late: set[str] = set()
        self.slow = {worker for worker, kind in attacks.items() if kind == "slow"}
        self.answered: Counter[str] = Counter()
        self.lied: set[str] = set()
        self.under_way: list[Request] = []
        self.asked: list[Request] = []
        self.held: dict[Request, bytes] = {}

    def workers(self) -> Mapping[str, str]:
        return {w: a for w, a in self.addresses.items() if w not in self.late}

    def ask(self, request: Request) -> None:
        assert self.addresses[request.worker] == request.address
        self.asked.append(request)
        self.under_way.append(request)

    def wait(self) -> Sequence[tuple[Request, Reply | Nothing]]:
        """Answer some of what was asked, in any order; the slow ones after all."""
        self.rng.shuffle(self.under_way)
        self.under_way.sort(key=lambda request: request.worker in self.slow)
        prompt = sum(request.worker not in self.slow for request in self.under_way)
        count = int(self.rng.integers(1, (prompt or len(self.under_way)) + 1))
        now, self.under_way = self.under_way[:count], self.under_way[count:]
        return [(request, self._answer(request)) for request in now]

    def fetch(self, request: Request) -> bytes | Nothing:
        attack = self.attacks.get(request.worker)
        if attack == "fades":
            return Nothing("died")
        if attack == "bait":
            self.lied.add(request.worker)
            return false_state("flip", request.partition, 0)
        return self.held.get(request, b"")

    def release(self, requests: Iterable[Request]) -> None:
        for request in requests:
            self.held.pop(request, None)

    def _answer(self, request: Request) -> Reply | Nothing:
        attack = self.attacks.get(request.worker, "honest")
        if attack == "mixed":
            attack = str(self.rng.choice([*LIES, *SILENT, "honest"]))
            attack = "flip" if attack == "bait" else attack
        if self.addresses.get(request.worker) != request.address:
            attack = "died"
        if attack in SILENT:
            return self._silence(attack, request)
        at, who = request.partition, int(request.worker[1:])
        self.answered[request.worker] += 1
        if attack in SWITCHES:
            # The one is honest at first, the other waits for what the others say.
            early = attack == "turncoat" and self.answered[request.worker] <= 2
            attack = "honest" if early else "collude"
        if attack in {"honest", "bait", "fades"}:
            return self._attest(request, truth(at))
        self.lied.add(request.worker)
        if attack == "rejoin":
            self._rejoin(request.worker)
            attack = "collude"
        if attack == "copy":
            digest = answer_digest(truth(at), partition=at, input_hash=f"h{at}")
            return Reply(digest, commitment(request.salt, b"guess"), ENVIRONMENT)
        if attack == "junk":
            return Reply("malformed", "", {})
        reply = self._attest(request, false_state(attack, at, who))
        if attack == "skew":
            return dataclasses.replace(reply, environment={"code": "old"})
        return reply

    def _silence(self, attack: str, request: Request) -> Nothing:
        if attack == "late":
            self.late.add(request.worker)
            return Nothing("late")
        if attack == "failed":
            return Nothing("failed", ValueError(f"cannot, says {request.worker}"))
        if request.worker in self.addresses:
            self.addresses[request.worker] += "0"
        return Nothing("died")

    def _rejoin(self, worker: str) -> None:
        """Leave and come back under another name, to tell the same lie again."""
        del self.addresses[worker], self.attacks[worker]
        again = f"w{len(self.everyone)}"
        self.everyone.add(again)
        self.faulty.add(again)
        self.addresses[again] = f"tcp://h0:{again}"
        self.attacks[again] = "rejoin"

    def _attest(self, request: Request, state: bytes) -> Reply:
        self.held[request] = state
        digest = answer_digest(
            state, partition=request.partition, input_hash=request.input_hash
        )
        return Reply(digest, commitment(request.salt, state), ENVIRONMENT)


def play(
    pool: SimulatedPool, partitions: int, f: int
) -> tuple[dict[int, bytes], Collector]:
    """Play the protocol; what was accepted for each partition, and the collector."""
    accepted: dict[int, bytes] = {}
    hashes = [f"h{at}" for at in range(partitions)]
    collector = Collector(pool, hashes, f, accepted.__setitem__)
    collector.run()
    return accepted, collector
