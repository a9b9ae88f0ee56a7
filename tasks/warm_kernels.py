"""Load the compiled kernels once per process; of many that start at once, one compiles.

Compiling takes about a minute of processor time, loading half a second.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout
from numba import config

import stats
from stats.compiled import cache_folder
from stats.warm import warm

__all__ = ["forget_old_kernels", "warm_kernels"]

_LOCK = "consilience-kernels.lock"
# Seconds after which a process compiles by itself, next to whoever holds the lock.
_PATIENCE = 900.0


def warm_kernels() -> None:
    """Compile every kernel in use, or load it from the cache on disk.

    Notes
    -----
    The lock saves work and nothing depends on it: processes that compile at the same
    time write whole files and rename them.
    """
    with _one_at_a_time():
        warm()


def forget_old_kernels() -> int:
    """Remove kernels of sources that are no more; return how many sets there were."""
    current = Path(cache_folder())
    old = [path for path in current.parent.glob("kernels-*") if path != current]
    for path in old:
        shutil.rmtree(path, ignore_errors=True)
    return len(old)


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Hold the lock beside the cache, where that folder can be written to."""
    lock = FileLock(_folder() / _LOCK, timeout=_PATIENCE)
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(lock)
        except (OSError, Timeout) as error:
            logging.getLogger(__name__).info(
                "kernels: no lock (%s); compiling beside others if need be", error
            )
        yield


def _folder() -> Path:
    """Where numba keeps what it compiled."""
    named: str = config.CACHE_DIR  # type: ignore[attr-defined]  # set by numba itself
    folder = Path(named) if named else Path(stats.__path__[0]) / "__pycache__"
    with contextlib.suppress(OSError):  # then the lock fails, which is not an error
        folder.mkdir(parents=True, exist_ok=True)
    return folder
