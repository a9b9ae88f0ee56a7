"""Plays the protocol of replicas: ask, compare, ask more, accept, name.

Nothing here imports prefect, so Dask workers start fast and small.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from stats.replicas import answer_digest, commitment, more_replicas, withdrawn
from stats.vote import NoQuorum, Verdict, replicas_at_first, replicas_at_most, vote
from tasks.environment import differences
from tasks.replica_findings import Dissent, Silence
from tasks.replica_pool import Nothing, ReplicaPool
from tasks.replica_tasks import Reply, Request

__all__ = ["Collector"]

_AHEAD = 4  # replicas per worker that are under way before another partition starts


@dataclass(slots=True)
class _Case:
    """One partition: whom it was asked of, and what came back.

    Who joins after it was begun is not asked: a worker that comes back under another
    name would vote twice.
    """

    eligible: frozenset[str]
    requests: dict[str, Request] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)
    answers: dict[str, str | None] = field(default_factory=dict)
    replies: dict[str, Reply] = field(default_factory=dict)
    errors: list[BaseException] = field(default_factory=list)
    state: bytes | None = None


class Collector:
    """Collects one accepted state per partition.

    Parameters
    ----------
    pool : ReplicaPool
    input_hashes : sequence of str
        One per partition.
    f : int
        Faulty workers to withstand.
    accept : callable
        Given the partition and its state, in the order in which they are accepted.

    Attributes
    ----------
    computations, bytes_moved : int
        Replicas asked for; bytes of states that were fetched.
    dissent : list of Dissent
    silence : list of Silence
    """

    def __init__(
        self,
        pool: ReplicaPool,
        input_hashes: Sequence[str],
        f: int,
        accept: Callable[[int, bytes], None],
    ) -> None:
        self._pool, self._hashes, self._f, self._accept = pool, input_hashes, f, accept
        self._waiting = list(range(len(input_hashes)))[::-1]
        self._open: dict[int, _Case] = {}
        self._load: dict[str, int] = {}
        self.computations = self.bytes_moved = 0
        self.dissent: list[Dissent] = []
        self.silence: list[Silence] = []

    def run(self) -> None:
        """Play until every partition is accepted.

        Raises
        ------
        NoQuorum
            When a partition has no answer of f + 1 workers and nobody else to ask.
        Exception
            What f + 1 workers raised alike for the same partition.
        """
        try:
            while self._waiting or self._open:
                self._start()
                for request, outcome in self._pool.wait():
                    self._note(request, outcome)
        finally:
            for case in self._open.values():
                self._pool.release(case.requests.values())

    def _start(self) -> None:
        """Begin partitions while workers have little to do."""
        workers = len(self._pool.workers())
        while self._waiting:
            under_way = sum(len(case.pending) for case in self._open.values())
            if self._open and under_way + self._f >= _AHEAD * workers:
                return
            at = self._waiting.pop()
            self._open[at] = _Case(frozenset(self._pool.workers()))
            self._ask(at, replicas_at_first(self._f))

    def _ask(self, at: int, count: int) -> None:
        """Ask workers that were not asked yet: those not caught first, idle first."""
        case = self._open[at]
        silent = sum(answer is None for answer in case.answers.values())
        lost = silent > replicas_at_most(self._f)
        chosen = [] if lost else self._choose(case, count)
        if not chosen:
            why = f"{silent} workers were lost on it" if lost else "no worker is left"
            raise NoQuorum(
                f"replicated_reduce: partition {at}: {_given(case)}; no {self._f + 1} "
                f"are equal, and {why}. More than {self._f} are faulty or lost: "
                "raise f, add workers, be more patient, or look at what they raise."
            ) from (case.errors[-1] if case.errors else None)
        for worker, address in chosen:
            request = Request(
                at, worker, address, self._hashes[at], secrets.token_bytes(16)
            )
            case.requests[worker] = request
            case.pending.add(worker)
            self._load[worker] = self._load.get(worker, 0) + 1
            self.computations += 1
            self._pool.ask(request)

    def _choose(self, case: _Case, count: int) -> list[tuple[str, str]]:
        """Workers for a partition, on hosts as different as may be."""
        left = case.eligible - set(case.requests)
        free = {w: a for w, a in self._pool.workers().items() if w in left}
        caught = {found.worker for found in self.dissent}
        caught |= {found.worker for found in self.silence}
        hosts = {_host(request.address) for request in case.requests.values()}
        chosen: list[tuple[str, str]] = []
        while free and len(chosen) < count:
            best = min(
                free,
                key=lambda w: (
                    w in caught, _host(free[w]) in hosts, self._load.get(w, 0), w,
                ),
            )  # fmt: skip
            chosen.append((best, free.pop(best)))
            hosts.add(_host(chosen[-1][1]))
        return chosen

    def _note(self, request: Request, outcome: Reply | Nothing) -> None:
        case = self._open.get(request.partition)
        if case is None or request.worker not in case.pending:
            return
        case.pending.remove(request.worker)
        self._load[request.worker] -= 1
        if isinstance(outcome, Nothing):
            self._lose(case, request, outcome)
            case.answers[request.worker] = None
            self._pool.release([request])
        else:
            case.replies[request.worker] = outcome
            case.answers[request.worker] = outcome.digest
        if not case.pending:
            self._decide(request.partition, case)

    def _lose(self, case: _Case, request: Request, outcome: Nothing) -> None:
        """Write down who is silent, and why."""
        detail = ""
        if outcome.error is not None:
            case.errors.append(outcome.error)
            detail = _text(outcome.error)
        self.silence.append(
            Silence(
                request.worker,
                request.address,
                request.partition,
                outcome.cause,
                detail,
            )
        )

    def _decide(self, at: int, case: _Case) -> None:
        """Accept, ask more or give up, now that everybody asked has had a turn."""
        texts = [_text(error) for error in case.errors]
        if texts and texts.count(texts[-1]) >= replicas_at_first(self._f):
            raise case.errors[-1]
        state = None
        while state is None:
            more = self._more(at, case)
            if more:
                self._ask(at, more)
                return
            state = self._proven(case, vote(case.answers, self._f))
        self._name(case, vote(case.answers, self._f))
        self._pool.release(case.requests.values())
        del self._open[at]
        self._accept(at, state)

    def _more(self, at: int, case: _Case) -> int:
        try:
            return more_replicas(case.answers, self._f)
        except NoQuorum as error:
            raise NoQuorum(
                f"replicated_reduce: partition {at}: {_given(case)}. {error}"
            ) from error

    def _proven(self, case: _Case, verdict: Verdict) -> bytes | None:
        """Return the accepted state; None when that changed the answers."""
        at = case.requests[verdict.agreeing[0]]
        if case.state is None or not _stands_for(case.state, at, verdict.digest):
            case.state = self._fetch(case, verdict)
        if case.state is None:
            return None
        copied = [
            worker
            for worker in verdict.agreeing
            if case.replies[worker].commitment
            != commitment(case.requests[worker].salt, case.state)
        ]
        case.answers.update({worker: withdrawn(worker) for worker in copied})
        return None if copied else case.state

    def _fetch(self, case: _Case, verdict: Verdict) -> bytes | None:
        """Bring the state from the first agreeing worker that still has it."""
        for worker in verdict.agreeing:
            request = case.requests[worker]
            state = self._pool.fetch(request)
            if isinstance(state, Nothing):
                self._lose(case, request, state)
                continue
            self.bytes_moved += len(state)
            if _stands_for(state, request, verdict.digest):
                return state
            case.answers[worker] = withdrawn(worker)
            return None
        case.answers.update(dict.fromkeys(verdict.agreeing))
        return None

    def _name(self, case: _Case, verdict: Verdict) -> None:
        """Write down who dissents, after comparing what they run."""
        agreeing = [case.replies[worker].environment for worker in verdict.agreeing]
        for worker in verdict.dissenting:
            request, reply = case.requests[worker], case.replies[worker]
            differs = differences(reply.environment, agreeing)
            reason: Literal["other_answer", "copied", "version_skew"] = "other_answer"
            if case.answers[worker] == withdrawn(worker):
                reason, differs = "copied", ()
            elif differs:
                reason = "version_skew"
            self.dissent.append(
                Dissent(
                    worker,
                    request.address,
                    request.partition,
                    reason,
                    reply.digest,
                    str(verdict.digest),
                    differs,
                )
            )


def _stands_for(state: bytes, request: Request, digest: str | None) -> bool:
    found = answer_digest(
        state, partition=request.partition, input_hash=request.input_hash
    )
    return found == digest


def _given(case: _Case) -> str:
    """Who gave which answer, as text."""
    pairs = sorted(case.answers.items())
    return "; ".join(f"{w} gave {answer or 'nothing'}" for w, answer in pairs) or "none"


def _host(address: str) -> str:
    return address.rsplit(":", 1)[0]


def _text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
