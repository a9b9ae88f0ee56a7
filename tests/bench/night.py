"""Measure a night as a whole: `python -m tests.bench --only night`.

Runs `consilience demo` on the flights in a fresh home, as a newcomer does: wall time
and the peak memory of the process and everything it started, that is the embedded
workflow server and the workers.  With PREFECT_API_URL set, the server is not counted.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

import psutil

from tests.bench.options import Options
from tests.bench.results import Figure, Section

_EVERY = 0.2


def measure(options: Options) -> Section:
    """Run the night once."""
    server = "running" if os.environ.get("PREFECT_API_URL") else "embedded"
    text = (
        f"`consilience demo` on the flights in a fresh home, {server} workflow server, "
        "once. This is the one section that states wall time."
    )
    if options.quick:
        why = ("the night: it has no small size",)
        return Section("night", "A night as a whole", text, skipped=why)
    status, wall, (resident, proportional) = _night()
    note = f"exit {status}, load {os.getloadavg()[0]:.1f}"
    return Section(
        "night",
        "A night as a whole",
        text,
        figures=(
            Figure("wall time", wall, "s", note=note),
            Figure("peak memory, resident", resident / 1e6, "MB", note=note),
            Figure("peak memory, proportional", proportional / 1e6, "MB", note=note),
        ),
    )


def _night() -> tuple[int, float, tuple[int, int]]:
    command = [sys.executable, "-c", "from flows.cli import main; main()", "demo"]
    with tempfile.TemporaryDirectory() as home:
        start = time.perf_counter()
        running = subprocess.Popen(
            [*command, "--home", home], stdout=subprocess.DEVNULL
        )
        process, peak = psutil.Process(running.pid), (0, 0)
        while running.poll() is None:
            try:
                now = memory(process)
            except psutil.Error:  # it ended while it was looked at
                break
            peak = (max(peak[0], now[0]), max(peak[1], now[1]))
            time.sleep(_EVERY)
        return running.wait(), time.perf_counter() - start, peak


def memory(process: psutil.Process) -> tuple[int, int]:
    """Resident and proportional set size of a process tree, bytes."""
    resident = proportional = 0
    for one in (process, *process.children(recursive=True)):
        try:
            found = one.memory_full_info()
        except psutil.Error:  # it has ended since it was listed
            continue
        resident += found.rss
        proportional += found.pss
    return resident, proportional
