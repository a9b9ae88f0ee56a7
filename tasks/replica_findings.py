"""What is said of workers that gave another answer, or none.

Nothing here imports prefect, so Dask workers start fast and small.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Dissent", "Silence"]


@dataclass(frozen=True, slots=True)
class Dissent:
    """A worker whose answer was not the accepted one.

    Attributes
    ----------
    worker, address : str
    partition : int
    reason : {"other_answer", "copied", "version_skew"}
        Other bytes from the same code: a lie or a broken machine.  The accepted digest
        without the state it stands for.  Other bytes from another environment.
    digest, accepted : str
        What the worker gave, and what f + 1 workers gave.
    differs : tuple of str
        For version skew: what the worker runs, and what those run who agree.
    """

    worker: str
    address: str
    partition: int
    reason: Literal["other_answer", "copied", "version_skew"]
    digest: str
    accepted: str
    differs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Silence:
    """A worker that gave no answer, which proves nothing against it.

    Attributes
    ----------
    worker, address : str
    partition : int
    cause : {"died", "late", "failed"}
    detail : str
        The error that it raised, if any.
    """

    worker: str
    address: str
    partition: int
    cause: Literal["died", "late", "failed"]
    detail: str = ""
