"""What is said of workers that gave another answer, or none.

Nothing here imports prefect, so Dask workers start fast and small.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Dissent", "Silence", "differences"]


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


def differences(
    mine: dict[str, str], others: Iterable[dict[str, str]]
) -> tuple[str, ...]:
    """Entries of an environment that none of the others has alike.

    Parameters
    ----------
    mine : dict of str to str
    others : iterable of dict of str to str

    Returns
    -------
    tuple of str
        One text per entry, by name.

    Examples
    --------
    >>> differences({"numpy": "1"}, [{"numpy": "2"}, {"numpy": "3"}])
    ('numpy 1, not 2 or 3',)
    """
    found: list[str] = []
    theirs = list(others)
    for name in sorted({name for each in (mine, *theirs) for name in each}):
        known = {each.get(name, "absent") for each in theirs}
        value = mine.get(name, "absent")
        if value not in known:
            found.append(f"{name} {value}, not {' or '.join(sorted(known))}")
    return tuple(found)
