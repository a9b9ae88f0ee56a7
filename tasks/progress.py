"""Tell whoever is watching how far a run is, without knowing who that is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

__all__ = ["report_progress", "watch_progress"]

Watcher = Callable[[str, int, int], None]


def _nobody(step: str, done: int, total: int) -> None:
    del step, done, total


_watcher: ContextVar[Watcher] = ContextVar("consilience_progress", default=_nobody)


def report_progress(step: str, done: int, total: int) -> None:
    """Say that `done` of `total` parts of a step are finished."""
    _watcher.get()(step, done, total)


@contextlib.contextmanager
def watch_progress(watcher: Watcher) -> Iterator[None]:
    """Call `watcher(step, done, total)` for every report while the block runs."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)
