"""Measure and write `docs/benchmarks.md`: `make bench`.

Pairs are run alternately (A B A B ...), in processor time of this process, so that a
busy machine shifts both alike.  Nothing here passes or fails.
"""

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from stats.exact import exact_sum
from stats.moments import GroupMoments
from stats.summary import merge_all

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"
ROUNDS = 7


@dataclass(frozen=True)
class Pair:
    """Ours beside the obvious way of doing a similar thing in floating point."""

    what: str
    beside: str
    ours: Callable[[], object]
    plain: Callable[[], object]


def pairs(rng: np.random.Generator) -> list[Pair]:
    """Make the data and the things to measure."""
    x = rng.standard_normal(4_000_000)
    mixed = np.concatenate([x, 1e16 * rng.choice([-1.0, 1.0], x.size)])
    rows = rng.standard_normal((200_000, 5))
    groups = rng.integers(0, 35, len(rows))
    whole = GroupMoments.from_block(rows, groups, 35)
    parts = [GroupMoments.from_block(rows[i::64], groups[i::64], 35) for i in range(64)]
    stacked = [(p.count.astype(np.float64), p.covariance()) for p in parts]
    return [
        Pair("`exact_sum`, 4 million normal", "`np.sum`", lambda: exact_sum(x), x.sum),
        Pair(
            "`exact_sum`, 8 million with ±1e16 among them",
            "`np.sum`",
            lambda: exact_sum(mixed),
            mixed.sum,
        ),
        Pair(
            "`GroupMoments.from_block`, 200,000 rows, 5 features, 35 groups",
            "`np.cov` of all rows",
            lambda: GroupMoments.from_block(rows, groups, 35),
            lambda: np.cov(rows, rowvar=False),
        ),
        Pair(
            "`merge_all` of 64 such summaries",
            "adding float64 arrays of the same shapes",
            lambda: merge_all(parts),
            lambda: [sum(arrays) for arrays in zip(*stacked, strict=True)],
        ),
        Pair(
            "`covariance()` of 35 groups",
            "`np.cov` of all rows",
            whole.covariance,
            lambda: np.cov(rows, rowvar=False),
        ),
    ]


def processor_seconds(call: Callable[[], object]) -> float:
    """Return the processor time of one call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def measure(pair: Pair) -> str:
    """Return one row of the table."""
    pair.ours(), pair.plain()
    ours, plain = [], []
    for _ in range(ROUNDS):
        ours.append(processor_seconds(pair.ours))
        plain.append(processor_seconds(pair.plain))
    cells = [
        f"{1e3 * statistics.median(t):.2f} ({1e3 * min(t):.2f} to {1e3 * max(t):.2f})"
        for t in (ours, plain)
    ]
    floor = max(statistics.median(plain), 1e-9)
    ratio = f"{statistics.median(ours) / floor:.2f}"
    return f"| {pair.what} | {cells[0]} | {pair.beside} | {cells[1]} | {ratio} |"


def machine() -> str:
    """Return what the figures were measured on, in one line."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
    model = names[0] if names else platform.machine()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{model}, {os.cpu_count()} processors, load {load}; Python "
        f"{platform.python_version()}, numpy {np.__version__}"
    )


def commit() -> str:
    """Return the commit that was measured, or that it is not known."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"


def main() -> None:
    """Measure everything and write the page."""
    rows = [measure(pair) for pair in pairs(np.random.default_rng(20130308))]
    lines = [
        "# Benchmarks",
        "",
        "`make bench` writes this page. Milliseconds of processor time: the median of "
        f"{ROUNDS} rounds, in brackets the least and the most; the ratio is of the "
        "medians. Figures of another machine differ; ratios differ less.",
        "",
        f"Measured on {datetime.now(UTC):%d %B %Y} at commit {commit()}. {machine()}.",
        "",
        "| what | ms | beside | ms | ratio |",
        "|---|---|---|---|---|",
        *rows,
    ]
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write("\n".join(lines[6:]) + f"\nwritten to {PAGE.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
