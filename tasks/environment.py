"""What a process runs: our code, libraries, interpreter, machine; and how two differ.

Nothing here imports prefect, so Dask workers start fast and small.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import platform
from collections.abc import Iterable
from pathlib import Path

import stats
import storage
import tasks

__all__ = ["differences", "environment"]

# What computes, reads or moves arrays; of two versions that differ one may give other
# bits, or not understand what the other sends.
_LIBRARIES = ("cloudpickle", "dask", "distributed", "icechunk", "numba", "numpy",
              "scipy", "xarray", "zarr")  # fmt: skip
# Names of a line each that a built package has elsewhere: a checkout is to equal it.
_MOVED = "tasks/drop_in/"


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
            name = path.relative_to(folder.parent).as_posix()
            if name.startswith(_MOVED):
                continue
            body = path.read_bytes()
            text.update(f"{name} {len(body)}\n".encode() + body)
    return text.hexdigest()[:32]


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
