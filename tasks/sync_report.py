"""A synchronisation in words and in plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from tasks.keys import Answer
from tasks.sync import SyncReport

__all__ = ["describe"]


def describe(reports: Sequence[SyncReport]) -> Answer:
    """Say what each direction did; with two, whether both stores know the same."""
    lines = [line for report in reports for line in _lines(report)]
    ledgers = {report.ledger for report in reports}
    same = len(ledgers) == 1 and all(report.complete for report in reports)
    if len(reports) > 1:
        known = "the same" if same else "different things"
        lines.append(f"Both stores know {known}.")
    ways = [asdict(report) | {"complete": report.complete} for report in reports]
    return Answer({"ways": ways}, tuple(lines))


def _lines(report: SyncReport) -> list[str]:
    sent = f"{report.pack_bytes:,} bytes of shards, {report.digest_bytes:,} of digests"
    wait = f"{report.missing:,} missing, {report.missing_bytes:,} bytes of shards"
    lines = [f"{report.source} -> {report.target}: {wait}"]
    if report.dry_run:
        asked = (
            f"{len(report.order):,} shard versions would be asked for, first to last:"
        )
        lines += [asked, *report.order] if report.order else []
    else:
        lines.append(f"{report.applied:,} applied; {sent} passed")
    if report.keys:
        lines.append(f"{report.keys} events added to the key registry")
    if report.equivocations:
        lines.append(
            f"{report.equivocations} contradict another content of their version: the "
            "ledger counts neither"
        )
    if report.left:
        lines.append(f"{report.left:,} did not fit into the budget; run it again")
    lines += [f"refused {text}" for text in report.refused]
    lines += [f"cannot be sent: {text}" for text in report.faulty]
    lines.append(f"snapshot {report.snapshot}, ledger {report.ledger[:12]}")
    return lines
