"""Workers that are asked for replicas: chosen ones, each with a task of its own.

Nothing here imports prefect, so Dask workers start fast and small.
"""

from __future__ import annotations

import queue
import time
import uuid
from asyncio import CancelledError
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeGuard

from distributed import Client, Future, KilledWorker

from stats.summary import Summary
from tasks import replica_tasks
from tasks.live_workers import live_workers
from tasks.replica_tasks import Reply, Request, state_of

__all__ = ["DaskPool", "Nothing", "ReplicaPool"]

_TICK = 0.5  # seconds between two looks at which workers live
_SMALL = 2.0  # seconds after which fetching is interrupted to look at its worker


@dataclass(frozen=True, slots=True)
class Nothing:
    """A replica that gave no answer.

    Attributes
    ----------
    cause : {"died", "late", "failed"}
        Its worker is gone, has given nothing for too long, or raised an error.
    error : Exception or None
        What it raised.
    """

    cause: Literal["died", "late", "failed"]
    error: BaseException | None = None


class ReplicaPool(Protocol):
    """Where replicas are asked; tests have one without Dask."""

    def workers(self) -> Mapping[str, str]:
        """Names of the workers that may be asked, and their addresses."""
        ...

    def ask(self, request: Request) -> None:
        """Start a replica."""
        ...

    def wait(self) -> Sequence[tuple[Request, Reply | Nothing]]:
        """Return what has come in, at least one."""
        ...

    def fetch(self, request: Request) -> bytes | Nothing:
        """Bring the state of a replica to the collector."""
        ...

    def release(self, requests: Iterable[Request]) -> None:
        """Forget replicas and their states."""
        ...


@dataclass(frozen=True, slots=True)
class _Asked:
    state: Future[Any]
    reply: Future[Any]
    since: float


class DaskPool:
    """Replicas on the workers of a Dask cluster.

    Parameters
    ----------
    client : distributed.Client
    summarize : callable
        Turns a block into a Summary, on a worker.
    blocks : sequence
    patience : float
        Seconds without any answer after which a worker that was asked is late; it is
        not asked again.

    Notes
    -----
    Dask runs equal keys once and moves tasks to idle workers; so each replica has its
    own key and may run on one worker only.  A task that is tied to a worker that died
    would wait for ever, therefore the list of live workers is looked at.
    """

    def __init__(
        self,
        client: Client,
        summarize: Callable[[Any], Summary],
        blocks: Sequence[Any],
        patience: float,
    ) -> None:
        self._client, self._summarize, self._blocks = client, summarize, blocks
        self._patience = patience
        self._token = uuid.uuid4().hex
        self._ready: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._asked: dict[Request, _Asked] = {}
        self._heard: dict[str, float] = {}
        self._late: set[str] = set()
        self._live: dict[str, str] = {}
        self._looked = float("-inf")

    def workers(self) -> Mapping[str, str]:
        """Live workers that were never late."""
        self._look()
        return {name: at for name, at in self._live.items() if name not in self._late}

    def ask(self, request: Request) -> None:
        """Submit the computation and the attestation to one worker."""
        name = f"{self._token}-{request.partition}-{request.worker}"
        where: dict[str, Any] = {
            "workers": [request.address],
            "allow_other_workers": False,
            "pure": False,
        }
        block = self._blocks[request.partition]
        state = self._client.submit(
            state_of, self._summarize, block, key=f"replica-{name}", **where
        )
        reply = self._client.submit(
            replica_tasks.attest, state, request, key=f"attest-{name}", **where
        )
        self._asked[request] = _Asked(state, reply, time.monotonic())
        reply.add_done_callback(lambda _: self._ready.put(request))

    def wait(self) -> Sequence[tuple[Request, Reply | Nothing]]:
        """Wait for answers, deaths and the end of patience."""
        while True:
            ready = [request for request in self._drain() if request in self._asked]
            replies = self._gathered(ready)
            found = [
                (request, outcome)
                for request in ready
                if (outcome := replies.get(request) or self._outcome(request))
            ]
            taken = {request for request, _ in found}
            found += [pair for pair in self._silent() if pair[0] not in taken]
            if found:
                return found

    def fetch(self, request: Request) -> bytes | Nothing:
        """Move the state of one replica to this process."""
        left = 0.0 if request.worker in self._late else self._patience
        step = _SMALL
        while self._lives(request) and left > 0:
            try:
                state = self._asked[request].state.result(timeout=min(step, left))
            except TimeoutError:
                left -= step
                step *= 2
            except (KilledWorker, CancelledError):
                return Nothing("died")
            else:
                return state if isinstance(state, bytes) else b""
        if not self._lives(request):
            return Nothing("died")
        self._late.add(request.worker)
        return Nothing("late")

    def release(self, requests: Iterable[Request]) -> None:
        """Drop futures; what is still pending is cancelled."""
        gone = [self._asked.pop(r) for r in requests if r in self._asked]
        futures = [future for asked in gone for future in (asked.state, asked.reply)]
        pending = [future for future in futures if future.status == "pending"]
        if pending:
            self._client.cancel(pending)

    def _drain(self) -> list[Request]:
        try:
            found = [self._ready.get(timeout=_TICK)]
            while not self._ready.empty():
                found.append(self._ready.get_nowait())
        except queue.Empty:
            return []
        return found

    def _gathered(self, ready: Sequence[Request]) -> dict[Request, Reply | Nothing]:
        """Bring many replies at once; none when one of them does not come in time."""
        there = [r for r in ready if self._asked[r].reply.status == "finished"]
        futures = [self._asked[request].reply for request in there]

        async def gather() -> list[Any]:
            found: list[Any] = await self._client.gather(futures, asynchronous=True)
            return found

        try:
            replies = self._client.sync(gather, callback_timeout=_SMALL)
        except (TimeoutError, KilledWorker, CancelledError):
            return {}
        return {r: self._heard_from(r, x) for r, x in zip(there, replies, strict=True)}

    def _outcome(self, request: Request) -> Reply | Nothing | None:
        """What a finished replica gave; None when it has to be looked at again."""
        future = self._asked[request].reply
        if future.status == "error":
            error = future.exception(timeout=_SMALL)
            return Nothing(
                "died" if isinstance(error, KilledWorker) else "failed", error
            )
        try:
            return self._heard_from(request, future.result(timeout=_SMALL))
        except TimeoutError:
            missing = self._missing(request)
            if missing is None:
                self._ready.put(request)
            return missing
        except (KilledWorker, CancelledError):
            return Nothing("died")

    def _heard_from(self, request: Request, reply: object) -> Reply:
        self._heard[request.worker] = time.monotonic()
        return reply if _sound(reply) else Reply("malformed", "", {})

    def _silent(self) -> list[tuple[Request, Nothing]]:
        """Which replicas will give nothing any more."""
        return [
            (request, missing)
            for request, asked in self._asked.items()
            if asked.reply.status not in {"finished", "error"}
            and (missing := self._missing(request))
        ]

    def _missing(self, request: Request) -> Nothing | None:
        """Why to wait no longer for a replica, or None."""
        if not self._lives(request):
            return Nothing("died")
        since = self._asked[request].since
        heard = max(since, self._heard.get(request.worker, since))
        if time.monotonic() - heard > self._patience:
            self._late.add(request.worker)
        return Nothing("late") if request.worker in self._late else None

    def _lives(self, request: Request) -> bool:
        self._look()
        return self._live.get(request.worker) == request.address

    def _look(self) -> None:
        """Ask the scheduler which workers it has, at most once per tick."""
        if time.monotonic() - self._looked < _TICK:
            return
        known = live_workers(self._client)
        self._live = {str(info["name"]): address for address, info in known.items()}
        self._looked = time.monotonic()


def _sound(reply: object) -> TypeGuard[Reply]:
    """Whether a worker sent what the protocol asks for."""
    if not isinstance(reply, Reply) or not isinstance(reply.environment, dict):
        return False
    texts = [reply.digest, reply.commitment]
    texts += [*reply.environment.keys(), *reply.environment.values()]
    return all(isinstance(text, str) for text in texts)
