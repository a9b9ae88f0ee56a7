"""One run at a time for each home: a second one waits for the first."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout
from prefect import get_run_logger

from storage.errors import Locked

__all__ = ["one_run"]

_LOCK = ".run.lock"
_WAIT = 4 * 3600.0


@contextlib.contextmanager
def one_run(home: Path, what: str, *, wait: float = _WAIT) -> Iterator[None]:
    """Hold a home for a run that publishes nights.

    Two runs at once would be safe, since every publication compares and swaps, but
    would do the same work twice.  The lock goes with its process, however that ends.

    Parameters
    ----------
    home : Path
    what : str
        Said to whoever waits.
    wait : float
        Seconds to wait for another run.

    Raises
    ------
    storage.errors.Locked
        When the other run takes longer than that.
    """
    home.mkdir(parents=True, exist_ok=True)
    lock, holder = FileLock(home / _LOCK, thread_local=False), home / f"{_LOCK}.json"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        other = _read(holder)
        get_run_logger().warning("waiting for %s, which holds %s", other, home)
        try:
            lock.acquire(timeout=wait, poll_interval=0.5)
        except Timeout as error:
            raise Locked(
                f"{home}: {_read(holder)} has held it for {wait:.0f} s. "
                "Wait for it, or end that process."
            ) from error
    try:
        told = {"what": what, "pid": os.getpid(), "since": time.time()}
        holder.write_text(json.dumps(told), encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _read(holder: Path) -> str:
    try:
        told = json.loads(holder.read_text("utf-8"))
    except (OSError, ValueError):
        return "another run"
    return f"{told['what']} (process {told['pid']})"
