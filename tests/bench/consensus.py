"""What a consensus costs beside adding evidence up, from the store to the last bit."""

from __future__ import annotations

import statistics

from storage.evidence import evidence_rows
from tasks.consensus import ConsensusOptions, consensus_of_night
from tests.bench.evidence_store import EvidenceFiles
from tests.bench.options import Options
from tests.bench.results import Comparison, Figure, Section
from tests.bench.timing import interleaved

__all__ = ["measure"]


def measure(options: Options) -> Section:
    """Compare a consensus, robust and exact, with sums of the same rows by agent."""
    files = (
        EvidenceFiles(options.root, rows=5_000, agents=300)
        if options.quick
        else EvidenceFiles(options.root)
    )
    store = files.store()
    rows = sum(row.n for row in evidence_rows(store))
    end = max(row.event_end for row in evidence_rows(store))
    modes = {
        "robust": ConsensusOptions(liars=1),
        "exact": ConsensusOptions(mode="exact"),
    }
    calls = {
        name: lambda about=about: consensus_of_night(store, options=about, as_of=end)
        for name, about in modes.items()
    }
    seconds = interleaved({**calls, "sums": lambda: files.sums(1)}, options.rounds)
    about = f"{rows:,} rows, {files.agents:,} agents, {files.sources} sources"
    return Section(
        name="consensus",
        title="Consensus",
        text=(
            "Evidence in the store to posterior, decision, parts by source and type, "
            "tempering and copies, against adding the same rows up by agent."
        ),
        comparisons=tuple(
            Comparison(
                f"{name}, {about}",
                "consensus",
                "sums by agent",
                seconds[name],
                seconds["sums"],
                units=rows,
            )
            for name in modes
        ),
        figures=tuple(
            Figure(
                f"rows a second of a processor, {name}",
                rows / statistics.median(seconds[name]) / 1e6,
                "million",
                note=about,
            )
            for name in modes
        ),
    )
