"""What a worker does for a replica: compute a state, then attest to it.

Nothing here imports prefect, so Dask workers start fast and small.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import stats
import storage
import tasks
from stats.replicas import answer_digest, commitment
from stats.summary import Summary, pack

__all__ = ["Reply", "Request", "attest", "environment", "state_of"]

B = TypeVar("B")
_LIBRARIES = ("numpy", "numba", "scipy")


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


@functools.cache
def environment() -> dict[str, str]:
    """Name everything that may change bits: our code, libraries, interpreter, machine.

    Returns
    -------
    dict of str to str
        ``code`` is the first half of the SHA-256 of our source files.
    """
    found = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    return {
        "code": _code(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        **found,
    }


def _code() -> str:
    text = hashlib.sha256()
    for package in (stats, storage, tasks):
        folder = Path(str(package.__file__)).parent
        for path in sorted(folder.rglob("*.py")):
            body = path.read_bytes()
            name = path.relative_to(folder.parent).as_posix()
            text.update(f"{name} {len(body)}\n".encode() + body)
    return text.hexdigest()[:32]
