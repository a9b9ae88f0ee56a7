"""Processes that a command starts, watches and ends with itself."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

__all__ = ["Children", "stopped_by_signals"]

_GRACE = 20.0


@dataclass
class Children:
    """Child processes, each in a session of its own with a log file.

    Attributes
    ----------
    folder : Path
        Where logs are written: NAME.log.
    """

    folder: Path
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, command: Sequence[str], env: Mapping[str, str]) -> None:
        """Start a command; its output goes to its log."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log(name).open("ab") as sink:
            self._running[name] = subprocess.Popen(
                list(command), env=dict(env), stdin=subprocess.DEVNULL,
                stdout=sink, stderr=sink, start_new_session=True,
            )  # fmt: skip

    def __len__(self) -> int:
        return len(self._running)

    def log(self, name: str) -> Path:
        """Return the log of a child."""
        return self.folder / f"{name}.log"

    def ended(self) -> str | None:
        """Name a child that has ended by itself, if there is one."""
        for name, process in self._running.items():
            if process.poll() is not None:
                return name
        return None

    def wait_until(self, happened: Callable[[], bool], seconds: float) -> bool:
        """Poll until something is so; give up after a time or when a child ends."""
        deadline = time.monotonic() + seconds
        while not happened():
            if time.monotonic() > deadline or self.ended() is not None:
                return False
            time.sleep(0.5)
        return True

    def stop(self) -> None:
        """End all, the last first: ask, wait, then end what is left of each group."""
        for process in reversed(self._running.values()):
            _signal(process, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE)
            _signal(process, signal.SIGKILL)
            process.wait()
        self._running.clear()


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[Callable[[], bool]]:
    """Yield whether SIGINT or SIGTERM has come; neither ends the process meanwhile."""
    come: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        come.append(number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield lambda: bool(come)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
