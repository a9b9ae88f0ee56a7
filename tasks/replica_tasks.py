"""What a worker does for a replica: compute a state, then attest to it.

Nothing here imports prefect, so Dask workers start fast and small.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from stats.replicas import answer_digest, commitment
from stats.summary import Summary, pack
from tasks.environment import environment

__all__ = ["Reply", "Request", "attest", "state_of"]

B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Request:
    """One partition, asked of one worker.

    Attributes
    ----------
    partition : int
    worker, address : str
        Its name, which outlives a restart, and where it answers now.
    input_hash : str
    salt : bytes
        For `stats.replicas.commitment`.
    """

    partition: int
    worker: str
    address: str
    input_hash: str
    salt: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What a worker attests to: a few hundred bytes; the state stays with it.

    Attributes
    ----------
    digest, commitment : str
        Of the state, by `stats.replicas`.
    environment : dict of str to str
        What the worker says that it runs.
    """

    digest: str
    commitment: str
    environment: dict[str, str]


def state_of(summarize: Callable[[B], Summary], block: B) -> bytes:
    """Summarise a block and return the canonical bytes of its summary."""
    summary = summarize(block)
    return pack(
        summary.to_arrays(), kind=type(summary).__name__, version=summary.state_version
    )


def attest(state: bytes, request: Request) -> Reply:
    """Say which state this worker holds."""
    digest = answer_digest(
        state, partition=request.partition, input_hash=request.input_hash
    )
    return Reply(digest, commitment(request.salt, state), environment())
