"""Measure and write `docs/benchmarks.md`: `make bench`.

`python -m tests.bench --only passes,peers --agents 20000 --rounds 5`: sections that are
not measured keep what was measured before.  Raw seconds of every round are in
`docs/benchmarks.json`; the page is made from that file alone.  Nothing here passes or
fails.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import importlib.util
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import page, results
from tests.bench.data import Population
from tests.bench.options import Options
from tests.bench.timing import ROOT, commit, machine

SECTIONS = (
    "sums", "kernels", "readers", "passes", "peers", "accuracy", "growth", "overhead",
    "memory", "night", "quantiles", "online", "crosscorr", "anomalies", "liars",
    "evidence", "labels", "consensus",
    "transfer", "reconcile", "missing",
)  # fmt: skip
PEERS = {
    "peers": ("duckdb", "polars", "flox", "scikit-learn"),
    "online": ("river",),
    "crosscorr": ("faiss-cpu",),
    "anomalies": ("pyod", "scikit-learn"),
    "evidence": ("duckdb", "polars"),
}


def main() -> None:
    """Measure the sections that were asked for and write the page."""
    asked = _arguments()
    names = asked.only.split(",") if asked.only else list(SECTIONS)
    unknown = sorted(set(names) - set(SECTIONS))
    if unknown:
        sys.exit(f"bench: no section {unknown}; choose from {', '.join(SECTIONS)}")
    options = Options(
        Population(agents=asked.agents, chunk=asked.chunk),
        asked.data,
        rounds=asked.rounds,
        threads=asked.threads,
        chunks=tuple(map(int, asked.chunks.split(","))),
        quick=asked.quick,
    )
    folder = asked.write or (asked.data / "quick" if asked.quick else ROOT / "docs")
    folder.mkdir(parents=True, exist_ok=True)
    stored = folder / "benchmarks.json"
    runs = results.load(stored)
    measured = commit()  # before the page itself is a change
    for name in names:
        if importlib.util.find_spec(f"tests.bench.{name}") is None:
            options.say(f"{name}: not written yet, left out")
            continue
        options.say(name)
        section = importlib.import_module(f"tests.bench.{name}").measure(options)
        runs[name] = _stamped(section, measured)
        found = [*section.comparisons, *section.figures]
        sys.stdout.write("\n".join([section.title, *page.plain(found), ""]))
        ordered = [runs[key] for key in SECTIONS if key in runs]
        results.save(stored, ordered)
        (folder / "benchmarks.md").write_text(page.render(ordered), encoding="utf-8")
    sys.stdout.write(f"written: {folder / 'benchmarks.md'}\n")


def _stamped(section: results.Section, measured: str) -> results.Run:
    return results.Run(
        section,
        date=f"{datetime.now(UTC):%d %B %Y %H:%M} UTC",
        commit=measured,
        machine=machine(*PEERS.get(section.name, ())),
        command=shlex.join(["python", "-m", "tests.bench", *_repeatable(sys.argv[1:])]),
    )


def _repeatable(given: list[str]) -> list[str]:
    """Return the arguments without the folders of this machine."""
    kept: list[str] = []
    skip = False
    for argument in given:
        folder = argument.split("=")[0] in {"--data", "--write"}
        if not (folder or skip):
            kept.append(argument)
        skip = folder and "=" not in argument
    return kept


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    fields = {field.name: field.default for field in dataclasses.fields(Options)}
    parser.add_argument("--only", default="", help=f"of {','.join(SECTIONS)}")
    parser.add_argument("--quick", action="store_true", help="small; no page of docs")
    parser.add_argument("--agents", type=int, default=0, help="200,000 by default")
    parser.add_argument("--rounds", type=int, default=0, help=f"{fields['rounds']}")
    parser.add_argument("--threads", type=int, default=fields["threads"])
    parser.add_argument("--chunks", default="", help="of the overhead: 100,1000,10000")
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "bench")
    parser.add_argument("--write", type=Path, help="another folder than docs")
    asked = parser.parse_args()
    asked.agents = asked.agents or (4_000 if asked.quick else Population.agents)
    asked.chunks = asked.chunks or ("4,8,16" if asked.quick else "100,1000,10000")
    asked.chunk = 500 if asked.quick else Population.chunk
    asked.rounds = asked.rounds or (1 if asked.quick else fields["rounds"])
    return asked


if __name__ == "__main__":
    main()
