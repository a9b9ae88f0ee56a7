"""Measure a night as a whole: `python -m tests.bench.night`.

Runs `consilience demo` on the flights in a fresh home, as a newcomer does, and prints
wall time and the peak memory of the process and everything it started: the embedded
workflow server, the workers.  With PREFECT_API_URL set, the server is not among them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

import psutil

_EVERY = 0.2


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


def main() -> None:
    """Run the night once and print what it took."""
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
        status, wall = running.wait(), time.perf_counter() - start
    server = "running" if os.environ.get("PREFECT_API_URL") else "embedded"
    load = os.getloadavg()[0]
    sys.stdout.write(
        f"consilience demo, {server} server: exit {status}, {wall:.1f} s wall, peak "
        f"{peak[0] / 1e6:.0f} MB resident, {peak[1] / 1e6:.0f} MB proportional "
        f"(load {load:.1f})\n"
    )
    sys.exit(status)


if __name__ == "__main__":
    main()
