"""Processor time of alternating rounds, and what they ran on."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
Seconds = dict[str, tuple[float, ...]]


def processor_seconds() -> float:
    """Processor time of this process, all its threads."""
    return time.process_time()


def family_seconds() -> float:
    """Processor time of this process and of its live children (10 ms steps)."""
    total = time.process_time()
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it has ended since it was listed
            times = child.cpu_times()
            total += times.user + times.system
    return total


def interleaved(
    calls: Mapping[str, Callable[[], object]],
    rounds: int,
    *,
    clocks: Mapping[str, Callable[[], float]] | None = None,
    warm_up: bool = True,
) -> Seconds:
    """Run all calls alternately and time them, after one round that is not counted.

    Parameters
    ----------
    calls : mapping of name to callable
    rounds : int
    clocks : mapping of name to callable, optional
        How to take the processor seconds of a call, where not of this process.
    warm_up : bool
        Leave the first round out only if everything has just been run.

    Returns
    -------
    dict of name to tuple of float
        Seconds of every round; round i of all calls ran side by side.
    """
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(0 if warm_up else 1, rounds + 1):
        for name, call in calls.items():
            clock = (clocks or {}).get(name, processor_seconds)
            start = clock()
            call()
            if number:
                seconds[name].append(clock() - start)
    return {name: tuple(found) for name, found in seconds.items()}


def machine(*packages: str) -> str:
    """Describe the machine and the versions that matter, in one line."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
    model = names[0] if names else platform.machine()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    memory = psutil.virtual_memory().total / 2**30
    installed = {found.name for found in importlib.metadata.distributions()}
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}"
        for name in ("numpy", "numba", "zarr", "dask", *packages)
        if name in installed
    )
    return (
        f"{model}, {os.cpu_count()} processors, {memory:.0f} GiB, load {load}; Python "
        f"{platform.python_version()}, {versions}"
    )


def commit() -> str:
    """Return the commit that is measured, or that it is not known."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"
